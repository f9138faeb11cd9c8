/** What a kernel tells of itself in its VMCOREINFO note. */
import { DEFAULT_COMPAT, type Compat } from '../base/compat.js';
import type { Log } from '../base/log.js';
import { cString, latin1, strtoulBase } from '../base/scan.js';
import { U64_MAX } from '../base/u64.js';

/** Bytes of a last line without newline that are read (`temp_buf`, util_lib/elf_info.c). */
const UNFINISHED_LINE_LIMIT = 1023;
/** Bytes of OSRELEASE that are kept (`osrelease`, util_lib/elf_info.c). */
const OSRELEASE_LIMIT = 4095;

const PHYS_OFFSET = 'NUMBER(PHYS_OFFSET)';

/** LONG_MAX of a 64-bit machine, which the original takes for a number too large. */
const LONG_MAX = 0x7fff_ffff_ffff_ffffn;

/**
 * What a kernel tells of itself in its VMCOREINFO note: a line "KEY=VALUE" each, KEY being for example "OSRELEASE",
 * "SYMBOL(prb)" or "NUMBER(PHYS_OFFSET)" (Documentation/admin-guide/kdump/vmcoreinfo.rst).
 */
export class Vmcoreinfo {
  constructor(readonly values: ReadonlyMap<string, string>) {}

  /** The text behind "KEY="; the last one counts. */
  text(key: string): string | undefined {
    return this.values.get(key);
  }

  /** Release of the kernel. */
  get osRelease(): string | undefined {
    return this.text('OSRELEASE')?.slice(0, OSRELEASE_LIMIT);
  }

  /** The virtual address of a symbol, "SYMBOL(name)". */
  symbol(name: string): bigint | undefined {
    return this.number(`SYMBOL(${name})`, 16);
  }

  /** The size of a type in bytes, "SIZE(name)". */
  sizeOf(type: string): bigint | undefined {
    return this.number(`SIZE(${type})`, 10);
  }

  /** The offset of a field in bytes, "OFFSET(type.field)". */
  offsetOf(field: string): bigint | undefined {
    return this.number(`OFFSET(${field})`, 10);
  }

  /**
   * The physical address that the linear map starts with, two's complement. Undefined also when it is 2^64 - 1.
   * QUIRK-18: a value is first read as decimal; what is left over makes it hexadecimal (scan_vmcoreinfo(),
   * util_lib/elf_info.c).
   */
  get physOffset(): bigint | undefined {
    const text = this.text(PHYS_OFFSET);
    const { value } = text === undefined ? { value: U64_MAX } : parsePhysOffset(text);
    return value === U64_MAX ? undefined : value;
  }

  /** The virtual address that the linear map starts with; undefined also when it is 2^64 - 1. */
  get pageOffset(): bigint | undefined {
    const value = this.number('NUMBER(PAGE_OFFSET)', 16);
    return value === U64_MAX ? undefined : value;
  }

  /** Bits of a virtual address; undefined also for -1 (arm64_scan_vmcoreinfo(), kexec/arch/arm64/kexec-arm64.c). */
  get vaBits(): number | undefined {
    const value = this.number('NUMBER(VA_BITS)', 10);
    const bits = value === undefined ? -1 : Number(BigInt.asIntN(32, value));
    return bits === -1 ? undefined : bits;
  }

  /** A number as strtoull() reads it: 0 when there is none, 2^64 - 1 when it is too large. */
  private number(key: string, base: 10 | 16): bigint | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : strtoulBase(text, base).value;
  }
}

/**
 * Adds what the lines of a note say to `values`, key to text (scan_vmcoreinfo(), util_lib/elf_info.c). Reading ends
 * at a PHYS_OFFSET that is no number.
 * QUIRK-19: a PHYS_OFFSET that is called invalid is used all the same.
 */
export const scanVmcoreinfo = (
  desc: Uint8Array,
  values: Map<string, string>,
  log: Log,
  { knowsDirectMap }: Compat = DEFAULT_COMPAT,
): void => {
  for (const line of linesOf(desc)) {
    const equals = line.indexOf('=');
    if (equals < 0) continue;
    const name = line.slice(0, equals);
    const key = knowsDirectMap && name === 'NUMBER(phys_ram_base)' ? PHYS_OFFSET : name;
    const text = line.slice(equals + 1);
    values.set(key, text);
    if (key === PHYS_OFFSET && !parsePhysOffset(text).valid) {
      log.err(`Invalid data ${line}\n`);
      return;
    }
  }
};

const parsePhysOffset = (text: string): { readonly value: bigint; readonly valid: boolean } => {
  const decimal = strtoulBase(text, 10);
  const { value, complete } = decimal.complete ? decimal : strtoulBase(text, 16);
  return { value, valid: complete && value !== LONG_MAX };
};

/** The lines without their newlines, each up to its first NUL. The last one may lack its newline. */
function* linesOf(desc: Uint8Array): Generator<string> {
  for (let at = 0; at < desc.length;) {
    const newline = desc.indexOf(0x0a, at);
    const end = newline < 0 ? Math.min(desc.length, at + UNFINISHED_LINE_LIMIT) : newline;
    yield cString(latin1(desc.subarray(at, end)));
    if (newline < 0) return;
    at = newline + 1;
  }
}
