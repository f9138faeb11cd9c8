/** Logs of kernels before 3.5: characters in a ring. */
import { Errno, strerror } from '../kexec/base/error.js';
import { latin1 } from '../kexec/base/scan.js';
import { u64 } from '../kexec/base/u64.js';
import type { CoreMemory } from './core-memory.js';

/** What is read and given at once. */
const CHUNK_BYTES = 1n << 16n;

/**
 * The log of a kernel before 3.5, characters in a ring (dump_dmesg_legacy(), util_lib/elf_info.c). They are given as
 * they are.
 * @throws KexecError
 */
export function* characterLog(memory: CoreMemory): Generator<string> {
  const bufferSymbol = memory.symbol('log_buf', 50);
  const endSymbol = memory.symbol('log_end', 51);
  const lengthSymbol = memory.symbol('log_buf_len', 52, 'log_bug_len');
  const charsSymbol = memory.symbol('logged_chars', 53);

  const buffer = memory.pointerAt(bufferSymbol);
  const end = memory.u32At(endSymbol);
  const length = memory.u32At(lengthSymbol) | 0;
  // Read and not used: it would leave out what `dmesg -c` has shown.
  memory.u32At(charsSymbol);
  const start = memory.offsetOf(buffer);
  if (length < 0) throw memory.exit(51, `Failed to malloc ${length} bytes for the logbuf: ${strerror(Errno.ENOMEM)}`);

  // arm64 divides by 0 without complaint: the remainder is the whole.
  const wrappedEnd = length === 0 ? end : end % length;
  const window = memory.window();
  const halves = [
    {
      offset: u64(start + BigInt(wrappedEnd)),
      size: BigInt(length - wrappedEnd),
      exitCode: 52,
      what: 'Failed to read the first',
    },
    { offset: start, size: BigInt(wrappedEnd), exitCode: 53, what: 'Faield to read the second' },
  ];
  for (const { offset, size, exitCode, what } of halves) {
    const errno = size < 0n ? Errno.EFAULT : window.failure(offset, size);
    if (errno !== undefined) throw memory.exit(exitCode, `${what} half of the log buffer: ${strerror(errno)}`);
  }
  for (const { offset, size } of end < length ? halves.slice(1) : halves) {
    for (let at = 0n; at < size; at += CHUNK_BYTES) {
      const rest = size - at;
      yield latin1(window.read(offset + at, rest < CHUNK_BYTES ? rest : CHUNK_BYTES).bytes);
    }
  }
}
