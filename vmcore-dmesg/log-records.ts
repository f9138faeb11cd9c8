/** Logs of kernels from 3.5 to 5.9: records of varying size. */
import { HOPELESS_BYTES } from '../kexec/running-kernel/core-reader.js';
import type { Compat } from '../kexec/base/compat.js';
import { Errno, strerror } from '../kexec/base/error.js';
import { hex } from '../kexec/base/format.js';
import { U64_MAX, s64, u64 } from '../kexec/base/u64.js';
import type { CoreBlock, CoreMemory } from './core-memory.js';
import { shown, timestamp } from './log-text.js';

/**
 * What the original holds back of its output before it writes; lost when it exits (OUT_BUF_SIZE - 64). Records of
 * nothing are not counted there, and many of them one behind the other overflow its buffer.
 */
const HELD_BYTES = 4096 - 64;

/** struct printk_log, which was called struct log before Linux 3.11: its size and the offsets of its fields. */
const recordLayout = (memory: CoreMemory) => {
  const { vmcoreinfo } = memory;
  const missing = (exitCode: number, what: string) => memory.exit(exitCode, `Missing the ${what} export`);
  const offsetOf = (field: string): bigint =>
    vmcoreinfo.offsetOf(`printk_log.${field}`) ?? vmcoreinfo.offsetOf(`log.${field}`) ?? U64_MAX;

  const size = vmcoreinfo.sizeOf('printk_log') ?? vmcoreinfo.sizeOf('log') ?? 0n;
  if (size === 0n) throw missing(64, 'struct log size');
  const tsNsec = offsetOf('ts_nsec');
  if (tsNsec === U64_MAX) throw missing(65, 'log.ts_nsec offset');
  const len = BigInt.asUintN(16, offsetOf('len'));
  if (len === 0xffffn) throw missing(66, 'log.len offset');
  const textLen = BigInt.asUintN(16, offsetOf('text_len'));
  if (textLen === 0xffffn) throw missing(67, 'log.text_len offset');
  return { size, tsNsec: BigInt.asUintN(32, tsNsec), len, textLen };
};

/**
 * The log of a kernel from 3.5 to 5.9, records of varying size in a buffer that wraps (dump_dmesg_structured(),
 * util_lib/elf_info.c).
 * @throws KexecError
 */
export function* recordLog(memory: CoreMemory, compat: Compat): Generator<string> {
  const bufferSymbol = memory.symbol('log_buf', 60);
  const lengthSymbol = memory.symbol('log_buf_len', 61, 'log_bug_len');
  const firstSymbol = memory.symbol('log_first_idx', 62);
  const nextSymbol = memory.symbol('log_next_idx', 63);
  const layout = recordLayout(memory);

  const buffer = memory.pointerAt(bufferSymbol);
  const length = compat.checksRecordIndex ? BigInt(memory.u32At(lengthSymbol)) : 0n;
  const first = memory.u32At(firstSymbol);
  const next = memory.u32At(nextSymbol);
  const start = memory.offsetOf(buffer);
  if (layout.size >= HOPELESS_BYTES) {
    throw memory.exit(64, `Failed to malloc ${s64(layout.size)} bytes for the log: ${strerror(Errno.ENOMEM)}`);
  }

  const corrupted = (exitCode: number, what: string, index: number) =>
    memory.exit(
      exitCode,
      `${what} detected.\nThe ${compat.printkSpelling} log_buf is most likely corrupted.\nlog_buf = 0x${hex(buffer)}, idx = 0x${hex(index)}`,
    );
  const window = memory.window();
  const part = (what: string, offset: bigint, size: bigint): CoreBlock => memory.blockAt(what, offset, size, window);

  let held = '';
  let wrapped = false;
  for (let index = first; index !== next;) {
    const offset = u64(start + BigInt(index));
    const record = part('log', offset, layout.size);
    held += timestamp(record.u64(layout.tsNsec));
    const textLength = BigInt(record.u16(layout.textLen));
    const text = part('log text', u64(offset + layout.size), textLength).bytes(0n, textLength);
    for (const byte of text) {
      held += shown(byte);
      if (held.length >= HELD_BYTES) {
        yield held;
        held = '';
      }
    }
    held += '\n';
    const recordLength = record.u16(layout.len);
    if (recordLength === 0) {
      // The rest of the buffer is too small for the next record. 2.0.20 goes round and round where this is found twice.
      if (wrapped) {
        yield held;
        throw corrupted(68, 'Cycle when parsing dmesg', index);
      }
      wrapped = true;
      index = 0;
    } else {
      index = (index + recordLength) >>> 0;
      if (compat.checksRecordIndex && BigInt(index) > u64(length - layout.size)) {
        yield held;
        throw corrupted(69, 'Index outside log_buf', index);
      }
    }
  }
  yield held;
}
