/** The crashed machine's memory by virtual addresses, read from a core file. */
import type { Compat } from '../kexec/base/compat.js';
import { HOPELESS_BYTES, type CoreReader, type Reading } from '../kexec/running-kernel/core-reader.js';
import type { Kcore } from '../kexec/running-kernel/elf-info.js';
import { ELFCLASS32, EM_386, isLittleEndian, type ElfLayout, type ElfProgramHeader } from '../kexec/elf/elf.js';
import { Errno, strerror, type KexecError } from '../kexec/base/error.js';
import { hex } from '../kexec/base/format.js';
import { s64, u64 } from '../kexec/base/u64.js';
import type { Vmcoreinfo } from '../kexec/running-kernel/vmcoreinfo.js';

/** What is kept in memory of each part of a log. */
const WINDOW_BYTES = 1n << 18n;
/** The most that one read(2) gives (MAX_RW_COUNT, Linux: include/linux/fs.h). */
const LARGEST_READ = 0x7fff_f000n;

/** Reads from nearby places without asking the system for each. */
export class CoreWindow {
  #start = 0n;
  #bytes: Uint8Array = new Uint8Array();

  constructor(private readonly reader: CoreReader) {}

  read(offset: bigint, size: bigint): Reading {
    const inside = (): boolean => offset >= this.#start && offset + size <= this.#start + BigInt(this.#bytes.length);
    if (!inside()) {
      this.#bytes = this.reader.read(offset, size > WINDOW_BYTES ? size : WINDOW_BYTES).bytes;
      this.#start = offset;
      if (!inside()) return this.reader.read(offset, size);
    }
    const at = Number(offset - this.#start);
    return { bytes: this.#bytes.subarray(at, at + Number(size)), complete: true, errno: 0 };
  }

  /** What a read of all these bytes would fail with; undefined when they are there. Most of them are not looked at. */
  failure(offset: bigint, size: bigint): number | undefined {
    if (s64(offset) < 0n || s64(offset + size) < 0n) return Errno.EINVAL;
    if (size <= WINDOW_BYTES) {
      const { complete, errno } = this.read(offset, size);
      return complete ? undefined : errno;
    }
    const last = this.reader.read(offset + size - 1n, 1n);
    return last.complete && size <= LARGEST_READ ? undefined : last.errno;
  }
}

const failedToRead = (what: string, size: bigint, errno: number): string =>
  `Failed to read ${what} of size ${size} bytes: ${strerror(errno)}`;

/**
 * Part of a core file, all of which is there. Places in it are numbers modulo 2^64, as pointers are; one outside, where
 * the original would read what else is in its memory, is a KexecError.
 */
export class CoreBlock {
  constructor(
    private readonly memory: CoreMemory,
    private readonly window: CoreWindow,
    private readonly name: string,
    private readonly offset: bigint,
    private readonly size: bigint,
  ) {}

  bytes(at: bigint, length: bigint): Uint8Array {
    const place = u64(at);
    if (place + length > this.size) {
      throw this.memory.exit(
        65,
        `The log is corrupted: byte 0x${hex(place)} of ${this.name} is wanted, which has ${this.size} bytes`,
      );
    }
    const { bytes, complete, errno } = this.window.read(this.offset + place, length);
    if (!complete) throw this.memory.exit(65, failedToRead(this.name, this.size, errno));
    return bytes;
  }

  u16(at: bigint): number {
    return this.#view(at, 2n).getUint16(0, this.memory.littleEndian);
  }

  u32(at: bigint): number {
    return this.#view(at, 4n).getUint32(0, this.memory.littleEndian);
  }

  u64(at: bigint): bigint {
    return this.#view(at, 8n).getBigUint64(0, this.memory.littleEndian);
  }

  /** An `unsigned long` of the crashed machine. */
  word(at: bigint): bigint {
    return this.memory.wordSize === 4n ? BigInt(this.u32(at)) : this.u64(at);
  }

  #view(at: bigint, length: bigint): DataView {
    const { buffer, byteOffset, byteLength } = this.bytes(at, length);
    return new DataView(buffer, byteOffset, byteLength);
  }
}

/** The crashed machine's memory by virtual addresses, as far as it is in a core file. */
export class CoreMemory {
  readonly vmcoreinfo: Vmcoreinfo;
  readonly littleEndian: boolean;
  /** Bytes of a pointer; an i386 has narrow ones in a file of class 64 too (machine_pointer_bits()). */
  readonly wordSize: 4n | 8n;
  readonly #programHeaders: readonly ElfProgramHeader[];

  constructor(
    private readonly reader: CoreReader,
    { vmcoreinfo, machine, programHeaders }: Kcore,
    layout: ElfLayout,
    private readonly compat: Compat,
  ) {
    this.vmcoreinfo = vmcoreinfo;
    this.littleEndian = isLittleEndian(layout);
    this.wordSize = layout.class === ELFCLASS32 || machine === EM_386 ? 4n : 8n;
    this.#programHeaders = programHeaders;
  }

  exit(exitCode: number, message: string): KexecError {
    return this.reader.exit(exitCode, message);
  }

  window(): CoreWindow {
    return new CoreWindow(this.reader);
  }

  /**
   * The address of a symbol that has to be there.
   * @throws KexecError with `exitCode` and, in the message, the name as the original has it there
   */
  symbol(name: string, exitCode: number, shownName = name): bigint {
    const address = this.vmcoreinfo.symbol(name) ?? 0n;
    if (address === 0n) throw this.exit(exitCode, `Missing the ${shownName} symbol`);
    return address;
  }

  /** Where an address is in the file: program headers of every type count. @throws KexecError with exit code 30 */
  offsetOf(address: bigint): bigint {
    const header = this.#programHeaders.find(({ vaddr, memsz }) => vaddr <= address && address < u64(vaddr + memsz));
    if (header !== undefined) return u64(address - header.vaddr + header.offset);
    const { knowsDirectMap } = this.compat;
    const offset = knowsDirectMap ? this.#directMapOffset(address) : undefined;
    if (offset !== undefined) return offset;
    throw this.exit(
      30,
      `No program header covering vaddr 0x${hex(address)}${knowsDirectMap ? ' ' : ''}found kexec bug?`,
    );
  }

  /** Where an address of the linear map is in the file, by its physical address; undefined when that is not there. */
  #directMapOffset(address: bigint): bigint | undefined {
    const { pageOffset, physOffset } = this.vmcoreinfo;
    if (pageOffset === undefined || physOffset === undefined || address < pageOffset) return undefined;
    const physAddr = u64(address - pageOffset + physOffset);
    const header = this.#programHeaders.find(({ paddr, memsz }) => paddr <= physAddr && physAddr < u64(paddr + memsz));
    return header && u64(physAddr - header.paddr + header.offset);
  }

  /** @throws KexecError with exit code 30 or 40 */
  pointerAt(address: bigint): bigint {
    return this.#value(address, this.wordSize, 'pointer', 40).word(0n);
  }

  /** @throws KexecError with exit code 30 or 41 */
  u32At(address: bigint): number {
    return this.#value(address, 4n, 'value', 41).u32(0n);
  }

  #value(address: bigint, size: bigint, what: string, exitCode: number): CoreBlock {
    const offset = this.offsetOf(address);
    const window = this.window();
    const errno = window.failure(offset, size);
    if (errno !== undefined) throw this.exit(exitCode, `Failed to read ${what} @ 0x${hex(offset)}: ${strerror(errno)}`);
    return new CoreBlock(this, window, what, offset, size);
  }

  /** @throws KexecError with exit code 64 when no memory would hold it, 30, or 65 when it is not there */
  block(name: string, address: bigint, size: bigint): CoreBlock {
    if (size >= HOPELESS_BYTES)
      throw this.exit(64, `Failed to malloc ${size} bytes for ${name}: ${strerror(Errno.ENOMEM)}`);
    return this.blockAt(name, this.offsetOf(address), size);
  }

  /** The bytes at a place in the file. @throws KexecError with exit code 65 when they are not there */
  blockAt(name: string, offset: bigint, size: bigint, window = this.window()): CoreBlock {
    const errno = window.failure(offset, size);
    if (errno !== undefined) throw this.exit(65, failedToRead(name, size, errno));
    return new CoreBlock(this, window, name, offset, size);
  }
}
