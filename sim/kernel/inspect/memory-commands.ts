/** Commands that show memory: rd, p, search, dis, and sym. Shapes of output are those of crash 8. */
import { hex, hex16, visible } from '../../../kexec/base/format.js';
import type { InspectCommand } from './command.js';
import { type Inspector, countOf, refuse } from './inspector.js';
import type { PlacedSymbol } from './kernel-view.js';
import { numberAt } from './stopped.js';

/** Units that one command reads. */
export const MOST_UNITS = 1 << 20;
const LINE_BYTES = 16;
const ADDRESS_DIGITS = 16;
const INSTRUCTION_BYTES = 4;
/** Memory is searched in pieces of so many bytes. */
const PIECE_BYTES = 1 << 20;
/** Places that a search tells. */
export const MOST_FOUND = 10_000;

const WIDTHS: Readonly<Record<string, number>> = { '-64': 8, '-32': 4, '-16': 2, '-8': 1 };

const widthOf = (flags: ReadonlySet<string>): number =>
  WIDTHS[Object.keys(WIDTHS).find((flag) => flags.has(flag)) ?? '-64'] ?? 8;

const unitsOf = (bytes: Uint8Array, width: number): readonly string[] =>
  Array.from({ length: bytes.length / width }, (_, i) =>
    hex(numberAt(bytes.subarray(i * width, (i + 1) * width))).padStart(2 * width, '0'),
  );

const asText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');

/** Memory, 16 bytes a line, with the characters that they are behind them. */
function* rows(
  inspector: Inspector,
  address: bigint,
  width: number,
  count: number,
  physically: boolean,
): Generator<string> {
  const full = (LINE_BYTES / width) * (2 * width + 1);
  for (let done = 0; done < count * width; done += LINE_BYTES) {
    const at = address + BigInt(done);
    const bytes = inspector.memory(at, Math.min(LINE_BYTES, count * width - done), physically);
    const cells = unitsOf(bytes, width)
      .map((unit) => `${unit} `)
      .join('');
    yield `${hex(at).padStart(ADDRESS_DIGITS)}:  ${cells.padEnd(full)}  ${asText(bytes)}`;
  }
}

const rd: InspectCommand = {
  name: 'rd',
  usage: '[-64|-32|-16|-8] [-p] ADDRESS|SYMBOL [COUNT]',
  what: 'Read memory; -p: by physical addresses',
  flags: [...Object.keys(WIDTHS), '-p'],
  words: [1, 2],
  run: (inspector, { words: [where = '', count], flags }) =>
    rows(inspector, inspector.address(where), widthOf(flags), countOf(count, MOST_UNITS, 1), flags.has('-p')),
};

/** Bytes that a number may have. */
const NUMBER_BYTES = [8, 4, 2, 1];

const p: InspectCommand = {
  name: 'p',
  usage: '[-x] SYMBOL',
  what: 'Print a variable, a number of as many bytes as it has room for; -x: in hexadecimal digits',
  flags: ['-x'],
  words: [1, 1],
  run: function* (inspector, { words: [name = ''], flags }) {
    const { address, symbol } = inspector.symbol(name);
    const room = inspector.kernel?.symbols?.roomOf(symbol.name) ?? 8;
    const bytes = inspector.memory(
      address,
      NUMBER_BYTES.find((size) => size <= room && address % BigInt(size) === 0n) ?? 1,
    );
    const value = numberAt(bytes);
    yield `${name} = ${flags.has('-x') ? `0x${hex(value)}` : value.toString()}`;
  },
};

const symbolLine = ({ symbol, address }: PlacedSymbol, distance = 0n): string =>
  `${hex(address + distance)} (${symbol.type ?? '?'}) ${visible(symbol.name)}${distance === 0n ? '' : `+${distance}`}`;

const sym: InspectCommand = {
  name: 'sym',
  usage: '[-q TEXT] [-l] [SYMBOL|ADDRESS]',
  what: 'The address of a symbol, or the symbol at an address; -q: all with this text; -l: all',
  flags: ['-l'],
  valued: ['-q'],
  words: [0, 1],
  run: function* (inspector, { words: [word], flags, values }) {
    const text = values.get('-q');
    if (text !== undefined || flags.has('-l')) {
      for (const one of inspector.kernel?.all ?? []) if (one.symbol.name.includes(text ?? '')) yield symbolLine(one);
      return;
    }
    if (word === undefined) throw refuse(`usage: sym ${sym.usage}`);
    const named = inspector.kernel?.find(word);
    if (named !== undefined) {
      yield symbolLine(named);
      return;
    }
    const address = inspector.address(word);
    const found = inspector.kernel?.symbolAt(address);
    if (found === undefined) throw refuse(`no symbol at ${hex(address)}`);
    yield symbolLine(found, found.distance);
  },
};

const nameText = (inspector: Inspector, address: bigint): string => {
  const name = inspector.nameAt(address);
  return name === undefined ? '' : ` <${visible(name)}>`;
};

const dis: InspectCommand = {
  name: 'dis',
  usage: '[-r] [-p] ADDRESS|SYMBOL [COUNT]',
  what: 'Disassemble, from a symbol to its end; -r: from the symbol before an address to it; -p: physically',
  flags: ['-r', '-p'],
  words: [1, 2],
  run: function* (inspector, { words: [where = '', count], flags }) {
    const address = inspector.address(where);
    const before = inspector.kernel?.symbolAt(address);
    if (flags.has('-r') && before === undefined) throw refuse(`no symbol is before ${hex(address)}`);
    const start = flags.has('-r') ? (before?.address ?? address) : address;
    const isSymbol = before?.distance === 0n && !ADDRESS_LIKE.test(where);
    const room = (isSymbol && inspector.kernel?.symbols?.roomOf(before.symbol.name)) || INSTRUCTION_BYTES;
    const all = flags.has('-r') ? Number(address - start) / INSTRUCTION_BYTES + 1 : Math.ceil(room / INSTRUCTION_BYTES);
    const wanted = countOf(count, MOST_UNITS, Math.min(Math.max(1, Math.floor(all)), MOST_UNITS));
    for (let i = 0; i < wanted; i++) {
      const at = start + BigInt(INSTRUCTION_BYTES * i);
      const word = Number(numberAt(inspector.memory(at, INSTRUCTION_BYTES, flags.has('-p'))));
      const { text, target } = inspector.disassemble(word, at);
      const named = target === undefined ? '' : nameText(inspector, target);
      // Behind the name is what objdump notes, such as another name of a condition.
      yield `0x${hex(at)}${nameText(inspector, at)}:\t${text.replace(/(?= {2}\/\/)|$/, named)}`;
    }
  },
};

const ADDRESS_LIKE = /^(?:0x)?[0-9a-f]{1,16}$/i;

const search: InspectCommand = {
  name: 'search',
  usage: '[-8|-16|-32|-64] VALUE',
  what: 'Where in memory a number is, aligned to its size: physical address, and the one in the linear map',
  flags: Object.keys(WIDTHS),
  words: [1, 1],
  run: function* (inspector, { words: [value = ''], flags }) {
    const width = widthOf(flags);
    const number = inspector.address(value);
    if (number >> BigInt(8 * width) !== 0n) throw refuse(`${value} has more than ${8 * width} bits`);
    const wanted = Buffer.alloc(8);
    wanted.writeBigUInt64LE(number);
    let found = 0;
    for (const { start, end } of inspector.view.machine.ram) {
      for (let at = start; at < end; at += BigInt(PIECE_BYTES)) {
        const bytes = inspector.view.machine.read(at, Number(end - at < PIECE_BYTES ? end - at : BigInt(PIECE_BYTES)));
        if (bytes === undefined) continue;
        const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const text = wanted.subarray(0, width);
        for (let i = piece.indexOf(text); i >= 0; i = piece.indexOf(text, i + 1)) {
          if (i % width !== 0) continue;
          if (++found > MOST_FOUND) throw refuse(`it is at more than ${MOST_FOUND} places`);
          const linear = inspector.linear(at + BigInt(i));
          yield `${hex(at + BigInt(i))}: ${value}${linear === undefined ? '' : `  ${hex16(linear)}`}`;
        }
      }
    }
  },
};

export const MEMORY_COMMANDS: readonly InspectCommand[] = [sym, p, rd, dis, search];
