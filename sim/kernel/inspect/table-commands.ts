/** Commands about translation tables: vtop, ptov, pt. The blocks of vtop and ptov are crash's. */
import { hex } from '../../../kexec/base/format.js';
import type { InspectCommand, InspectWords } from './command.js';
import { flagsOf, levelName, memoryKind } from './descriptor-words.js';
import { type Inspector, refuse } from './inspector.js';
import { type Marker, pageDump } from './page-dump.js';
import { levelOf } from './stopped.js';
import { type Tables, halfOf, mmuIsOn, startLevelOf, tablesOf, walkTables } from './walk.js';

/** Tables by the address of the first one, of the shape that the processor's own have. @throws KexecError */
const tablesFor = (inspector: Inspector, { values }: InspectWords, virtAddr: bigint): Tables | undefined => {
  const { view } = inspector;
  const root = values.get('-t');
  if (root === undefined) return view.tablesFor(virtAddr);
  const half = halfOf(virtAddr);
  const own = tablesOf(view.processor, half) ?? tablesOf(view.processor, 'TTBR0');
  const shape = own ?? { granule: 12, bits: 48 };
  const address = inspector.address(root);
  const physAddr = view.machine.read(address, 8) === undefined ? view.translate(address) : address;
  if (physAddr === undefined) throw refuse(`-t: no table at ${hex(address)}`);
  return { ...shape, name: `-t ${root}`, root: physAddr, upper: half === 'TTBR1' };
};

/** Roots that kernels have in their Image, and what of the hand-over they are for. */
const ROOTS: ReadonlyMap<string, string> = new Map([
  ['swapper_pg_dir', "the kernel's own"],
  ['idmap_pg_dir', 'its identity map'],
  ['init_idmap_pg_dir', 'its first identity map'],
  ['init_pg_dir', 'its first ones'],
  ['reserved_pg_dir', 'empty: nothing is mapped'],
  ['tramp_pg_dir', 'those of user space, by which the kernel is entered'],
]);

/** `TTBR1_EL1 (swapper_pg_dir, the kernel's own), 4 levels of 4K pages`. */
const tablesText = (inspector: Inspector, tables: Tables): string => {
  const { kernel } = inspector;
  const symbol = kernel?.all.find(
    ({ symbol: { name }, address }) => ROOTS.has(name) && address - kernel.offset === tables.root,
  );
  const name = symbol === undefined ? hex(tables.root) : `${symbol.symbol.name}, ${ROOTS.get(symbol.symbol.name)}`;
  return `${tables.name} (${name}), ${4 - startLevelOf(tables)} levels of ${2 ** (tables.granule - 10)}K pages`;
};

/** Wide enough for any address. */
const COLUMN = 16;

const columns = (...lines: readonly (readonly [string, string])[]): readonly string[] =>
  lines.map((cells) => cells.map((cell) => cell.padEnd(COLUMN)).join('  '));

const centred = (text: string, width: number): string => {
  const left = Math.floor((width - text.length) / 2);
  return text.padStart(text.length + Math.max(0, left)).padEnd(width);
};

function* vtopBlock(inspector: Inspector, words: InspectWords, virtAddr: bigint): Generator<string> {
  const { view, kernel } = inspector;
  const tables = tablesFor(inspector, words, virtAddr);
  if (tables === undefined) {
    if (mmuIsOn(view.processor)) throw refuse(`${hex(virtAddr)}: which tables resolve it is not known`);
    yield* columns(['VIRTUAL', 'PHYSICAL'], [hex(virtAddr), hex(virtAddr)]);
    return yield* ['', `The MMU is off (SCTLR_EL${levelOf(view.processor) >= 2 ? 2 : 1}.M): addresses are physical.`];
  }
  const { steps, end } = walkTables(tables, virtAddr, view.machine.read);
  const shown = (physAddr: bigint): bigint =>
    kernel?.memory.contains(physAddr) === true ? physAddr + kernel.offset : (inspector.linear(physAddr) ?? physAddr);
  const result = end.kind === 'mapped' ? hex(end.physAddr) : '(not mapped)';
  yield* columns(['VIRTUAL', 'PHYSICAL'], [hex(virtAddr), result]);
  yield* ['', `PAGE DIRECTORY: ${hex(shown(tables.root))}`];
  for (const { level, at, descriptor } of steps) {
    yield `   ${levelName(tables, level)}: ${hex(shown(at))} => ${hex(descriptor)}`;
  }
  const last = steps.at(-1)?.descriptor ?? 0n;
  if (end.kind === 'mapped') {
    const base = end.physAddr - (virtAddr & (end.sizeBytes - 1n));
    const isBlock = end.sizeBytes !== 1n << BigInt(tables.granule);
    yield `  PAGE: ${hex(base)}${isBlock ? `  (${sizeName(end.sizeBytes)})` : ''}`;
    const cells = [hex(last), hex(base)] as const;
    const widths = [Math.max(cells[0].length, 3), Math.max(cells[1].length, 8)] as const;
    yield* ['', `${centred('PTE', widths[0])}  ${centred('PHYSICAL', widths[1])}  FLAGS`];
    yield `${cells[0].padStart(widths[0])}  ${cells[1].padStart(widths[1])}  (${flagsOf(last)})`;
    const mair = view.processor.system(tables.name.endsWith('EL2') ? 'MAIR_EL2' : 'MAIR_EL1');
    yield* ['', `${memoryKind(last, mair)}; ${tablesText(inspector, tables)}`];
    return;
  }
  if (end.kind === 'no-memory') yield `  no memory at ${hex(end.table)}, where the next table should be`;
  if (end.kind === 'outside') yield `  no address of theirs: ${tables.bits} bits are resolved`;
  yield* ['', tablesText(inspector, tables)];
}

const sizeName = (bytes: bigint): string => (bytes >= 1n << 30n ? `${bytes >> 30n}GB` : `${bytes >> 20n}MB`);

const vtop: InspectCommand = {
  name: 'vtop',
  usage: '[-t ROOT] ADDRESS|SYMBOL',
  what: 'Walk the translation tables; -t: those whose first one is at ROOT',
  valued: ['-t'],
  words: [1, 1],
  run: (inspector, words) => vtopBlock(inspector, words, inspector.address(words.words[0] ?? '')),
};

const ptov: InspectCommand = {
  name: 'ptov',
  usage: 'ADDRESS',
  what: 'The address that memory has in the linear map',
  words: [1, 1],
  run: function* (inspector, { words: [word = ''] }) {
    const physAddr = inspector.address(word);
    const virtAddr = inspector.linear(physAddr);
    if (virtAddr === undefined) throw refuse(`${hex(physAddr)}: the linear map has no such memory`);
    yield* columns(['VIRTUAL', 'PHYSICAL'], [hex(virtAddr), hex(physAddr)]);
  },
};

const pt: InspectCommand = {
  name: 'pt',
  usage: '[-a] [-t ROOT]',
  what: "All that the tables map, in the kernel's own format; -a: what they do not, too",
  flags: ['-a'],
  valued: ['-t'],
  words: [0, 0],
  run: function* (inspector, words) {
    const { view } = inspector;
    const own = words.values.has('-t')
      ? [tablesFor(inspector, words, 0n)]
      : mmuIsOn(view.processor)
        ? [tablesOf(view.processor, 'TTBR1'), tablesOf(view.processor, 'TTBR0')]
        : [];
    const chosen = own.filter((tables) => tables !== undefined);
    if (chosen.length === 0) throw refuse('the MMU is off: no tables are in use (-t names some)');
    for (const tables of chosen) {
      const mair = view.processor.system(tables.name.endsWith('EL2') ? 'MAIR_EL2' : 'MAIR_EL1');
      yield `${tablesText(inspector, tables)}:`;
      for (const line of pageDump(tables, view.machine.read, mair, tables.upper ? markersOf(tables) : [])) {
        // A hole ends with the name of its level.
        if (words.flags.has('-a') || !/ P(?:GD|UD|MD|TE)$/.test(line)) yield line;
      }
    }
  },
};

/** The linear map is the lower half of the kernel's addresses, since Linux 5.4 (arch/arm64/mm/ptdump.c). */
const markersOf = ({ bits }: Tables): readonly Marker[] => {
  const start = (1n << 64n) - (1n << BigInt(bits));
  return [
    { start, name: 'Linear Mapping start' },
    { start: start + (1n << BigInt(bits - 1)), name: 'Linear Mapping end' },
  ];
};

export const TABLE_COMMANDS: readonly InspectCommand[] = [vtop, ptov, pt];
