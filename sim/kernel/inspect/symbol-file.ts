/** Writes an ELF file that has symbols and nothing else, for debuggers: its sections have places, and no bytes. */
import { concatBytes } from '../../../kexec/base/bytes.js';
import { EM_AARCH64, ET_EXEC, SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS, SHT_SYMTAB } from '../../../kexec/elf/elf.js';

export interface FileSymbol {
  readonly name: string;
  readonly address: bigint;
  /** The letter that nm has for it: capital for those that others may use, W and V for weak ones; T for code. */
  readonly type: string;
}

/** Addresses in a row, and the symbols there. */
export interface FileSection {
  /** As nm goes by it: `.text...` for code, `.data...`, `.rodata...`, `.bss...`. */
  readonly name: string;
  readonly start: bigint;
  readonly sizeBytes: bigint;
  readonly isCode: boolean;
  readonly symbols: readonly FileSymbol[];
}

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const SHT_STRTAB = 3;
const SHF_WRITE = 1n;
const STB = { local: 0, global: 1, weak: 2 } as const;
const STT = { object: 1, code: 2 } as const;

/** A table of strings, and where each is in it. */
class Strings {
  readonly #pieces: Buffer[] = [Buffer.alloc(1)];
  #length = 1;

  add(text: string): number {
    const at = this.#length;
    const piece = Buffer.from(`${text}\0`, 'latin1');
    this.#pieces.push(piece);
    this.#length += piece.length;
    return at;
  }

  get bytes(): Uint8Array {
    return concatBytes(this.#pieces);
  }
}

const bindingOf = ({ type }: FileSymbol): number =>
  /[wv]/i.test(type) ? STB.weak : type === type.toUpperCase() ? STB.global : STB.local;

/** An executable for arm64 of class 64, little endian: its first section is the null one, its last three are tables. */
export const symbolFile = (sections: readonly FileSection[]): Uint8Array => {
  const [names, strings] = [new Strings(), new Strings()];
  // Those that are local come first (ELF-64 Object File Format, 5).
  const symbols = sections
    .flatMap(({ symbols: own, isCode }, i) =>
      own.map((symbol) => ({ symbol, isCode, index: i + 1, binding: bindingOf(symbol) })),
    )
    .toSorted((a, b) => Number(a.binding !== STB.local) - Number(b.binding !== STB.local));
  const table = new DataView(new ArrayBuffer(SYMBOL_BYTES * (symbols.length + 1)));
  symbols.forEach(({ symbol, isCode, index, binding }, i) => {
    const at = SYMBOL_BYTES * (i + 1);
    table.setUint32(at, strings.add(symbol.name), true);
    table.setUint8(at + 4, (binding << 4) | (isCode ? STT.code : STT.object));
    table.setUint16(at + 6, index, true);
    table.setBigUint64(at + 8, symbol.address, true);
  });
  const firstGlobal = 1 + symbols.filter(({ binding }) => binding === STB.local).length;
  const [symtabName, strtabName, namesName] = ['.symtab', '.strtab', '.shstrtab'].map((name) => names.add(name));
  const sectionNames = sections.map(({ name }) => names.add(name));
  const parts = [new Uint8Array(table.buffer), strings.bytes, names.bytes].map((bytes) => padded(bytes));
  const count = sections.length + 4;
  const headers = new DataView(new ArrayBuffer(HEADER_BYTES + SECTION_BYTES * count));
  writeHeader(headers, count);
  const put = (index: number, fields: SectionFields): void => {
    const at = HEADER_BYTES + SECTION_BYTES * index;
    headers.setUint32(at, fields.name ?? 0, true);
    headers.setUint32(at + 4, fields.type, true);
    const { flags = 0n, address = 0n, offset = 0n, size, align = 1n, entry = 0n } = fields;
    [flags, address, offset, size].forEach((value, i) => headers.setBigUint64(at + 8 + 8 * i, value, true));
    headers.setUint32(at + 40, fields.link ?? 0, true);
    headers.setUint32(at + 44, fields.info ?? 0, true);
    [align, entry].forEach((value, i) => headers.setBigUint64(at + 48 + 8 * i, value, true));
  };
  sections.forEach(({ start, sizeBytes, isCode }, i) => {
    const flags = SHF_ALLOC | (isCode ? SHF_EXECINSTR : SHF_WRITE);
    put(i + 1, { name: sectionNames[i], type: SHT_NOBITS, flags, address: start, size: sizeBytes });
  });
  const offsets = parts.reduce<number[]>(
    (all, part) => [...all, (all.at(-1) ?? 0) + part.length],
    [headers.byteLength],
  );
  const tables = [
    { name: symtabName, type: SHT_SYMTAB, link: count - 2, info: firstGlobal, align: 8n, entry: BigInt(SYMBOL_BYTES) },
    { name: strtabName, type: SHT_STRTAB },
    { name: namesName, type: SHT_STRTAB },
  ];
  tables.forEach((fields, i) => {
    const size = [table.byteLength, strings.bytes.length, names.bytes.length][i] ?? 0;
    put(sections.length + 1 + i, { ...fields, offset: BigInt(offsets[i] ?? 0), size: BigInt(size) });
  });
  return concatBytes([new Uint8Array(headers.buffer), ...parts]);
};

interface SectionFields {
  readonly name?: number | undefined;
  readonly type: number;
  readonly flags?: bigint;
  readonly address?: bigint;
  readonly offset?: bigint;
  readonly size: bigint;
  readonly link?: number;
  readonly info?: number;
  readonly align?: bigint;
  readonly entry?: bigint;
}

const padded = (bytes: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  whole.set(bytes);
  return whole;
};

const writeHeader = (view: DataView, sections: number): void => {
  [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].forEach((byte, i) => view.setUint8(i, byte));
  view.setUint16(16, ET_EXEC, true);
  view.setUint16(18, EM_AARCH64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(40, BigInt(HEADER_BYTES), true);
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(58, SECTION_BYTES, true);
  view.setUint16(60, sections, true);
  view.setUint16(62, sections - 1, true);
};
