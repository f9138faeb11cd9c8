/** What the commands of an inspection work on, and the words that addresses are given by. */
import { KexecError } from '../../../kexec/base/error.js';
import { hex } from '../../../kexec/base/format.js';
import { u64 } from '../../../kexec/base/u64.js';
import type { KernelView, PlacedSymbol } from './kernel-view.js';
import { type MemoryView, type Missing, isMissing } from './memory-view.js';
import { firstMapped } from './page-dump.js';

/** The text of an instruction, and the address that it names, if it names one. */
export type Disassemble = (
  word: number,
  address: bigint,
) => { readonly text: string; readonly target?: bigint | undefined };

/** What else is known of a machine, beside its processors and its memory. */
export interface MachineTexts {
  /** What /proc/iomem shows; undefined where only memory tells. */
  readonly iomem: () => string | undefined;
  /** Source of its device tree, or of one node's. @throws KexecError where there is none */
  readonly dtb: (path: string | undefined) => string;
  /** What is loaded by kexec: head, lists, control page; undefined where only memory tells. */
  readonly kimage: () => string | undefined;
}

export class Inspector {
  constructor(
    readonly view: MemoryView,
    /** Undefined where no kernel is found in memory. */
    readonly kernel: KernelView | undefined,
    readonly disassemble: Disassemble,
    readonly texts: MachineTexts,
  ) {}

  /** `panic+28`, as crash has it: in decimal digits, and without them at the symbol itself. */
  nameAt(address: bigint): string | undefined {
    const found = this.kernel?.symbolAt(address);
    if (found === undefined) return undefined;
    return found.distance === 0n ? found.symbol.name : `${found.symbol.name}+${found.distance}`;
  }

  /** The symbol of a name. @throws KexecError */
  symbol(name: string): PlacedSymbol {
    if (this.kernel === undefined) throw refuse('no kernel is found in memory, and so no symbol');
    if (this.kernel.symbols === undefined) throw refuse("the kernel's Image has no symbol tables (CONFIG_KALLSYMS)");
    const found = this.kernel.find(name);
    if (found === undefined) throw refuse(`symbol not found: ${name}`);
    return found;
  }

  /** An address in hexadecimal digits, with 0x or without, or a symbol's, with an offset or without. @throws KexecError */
  address(word: string): bigint {
    if (ADDRESS.test(word)) return BigInt(word.startsWith('0x') ? word : `0x${word}`);
    const [, name = word, sign = '+', distance = '0'] = WITH_OFFSET.exec(word) ?? [];
    const { address } = this.symbol(name);
    return u64(sign === '+' ? address + BigInt(distance) : address - BigInt(distance));
  }

  /** Memory that must be there. @throws KexecError */
  memory(address: bigint, sizeBytes: number, physically = false): Uint8Array {
    const bytes: Uint8Array | Missing = physically
      ? this.view.readPhysical(address, sizeBytes)
      : this.view.read(address, sizeBytes);
    if (!isMissing(bytes)) return bytes;
    const isMapped = !physically && this.view.translate(bytes.missing) !== undefined;
    throw refuse(
      physically || isMapped
        ? `no memory at ${physically ? 'physical address ' : ''}${hex(bytes.missing)}`
        : `invalid kernel virtual address: ${hex(bytes.missing)}: nothing is mapped there`,
    );
  }

  /**
   * The address of memory in the kernel's linear map, which is the first that its tables map in one half of their
   * addresses: the lower one, or, up to Linux 5.3, the upper one. Whatever is taken, the tables must say so.
   */
  linear(physAddr: bigint): bigint | undefined {
    return this.#linearOffsets
      .map((offset) => u64(physAddr + offset))
      .find((address) => this.view.translate(address) === physAddr);
  }

  #known: readonly bigint[] | undefined;

  /** What addresses in the linear map may be above physical ones. */
  get #linearOffsets(): readonly bigint[] {
    if (this.#known !== undefined) return this.#known;
    const { view } = this;
    const tables = view.tablesFor(u64(-1n));
    const halves = tables === undefined ? [] : [tables.bits, tables.bits - 1];
    this.#known = halves.flatMap((bits) => {
      const found = tables && firstMapped(tables, view.machine.read, u64(-(1n << BigInt(bits))));
      return found === undefined ? [] : [found.virtAddr - found.physAddr];
    });
    return this.#known;
  }
}

const ADDRESS = /^(?:0x)?[0-9a-f]{1,16}$/i;
const WITH_OFFSET = /^(.+?)([+-])(\d{1,9}|0x[0-9a-f]{1,8})$/i;

/** What a command cannot do. */
export const refuse = (why: string): KexecError => KexecError.die(why, { subject: 'inspect' });

/** A number of things, in decimal digits or with 0x. @throws KexecError */
export const countOf = (word: string | undefined, most: number, otherwise: number): number => {
  if (word === undefined) return otherwise;
  const count = /^(\d{1,9}|0x[0-9a-f]{1,8})$/i.test(word) ? Number(word) : 0;
  if (count < 1 || count > most) throw refuse(`"${word}" is not a count from 1 to ${most}`);
  return count;
};
