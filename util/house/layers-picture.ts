/** The picture of the layers as SVG text. */
import { type Folder, levelled, withoutRepetition } from './graph.js';
import { type Arrow, type Layout, type Node, layOut } from './layout.js';

/** The parts of the project, by columns from the left; a folder belongs to the longest name that it begins with. */
const COLUMNS = [
  ['kexec', 'vmcore-dmesg', 'debug-log', 'host', '.'],
  ['sim/machine', 'util', 'sim/kernel', 'util/house', 'bin'],
  ['sim/cpu', 'sim/gdb', 'sim/commands'],
] as const;

type Part = (typeof COLUMNS)[number][number];
const PARTS: readonly Part[] = COLUMNS.flat();

/** Parts that are drawn just under what imports them; the others, as far down as can be. */
const FLOATING: ReadonlySet<Part> = new Set([
  'vmcore-dmesg',
  'debug-log',
  'host',
  '.',
  'sim/commands',
  'util/house',
  'bin',
]);

/**
 * A colour for each part: strong for frames and arrows; boxes have a light one, so that their text is dark anywhere.
 */
const HUES: Readonly<Record<Part, number>> = {
  kexec: 212,
  'vmcore-dmesg': 190,
  'debug-log': 232,
  host: 262,
  '.': 286,
  'sim/machine': 96,
  'sim/kernel': 152,
  'sim/commands': 330,
  bin: 4,
  'sim/cpu': 30,
  'sim/gdb': 74,
  util: 52,
  'util/house': 16,
};

const ROW = 64;
const BOX = 32;
const MARGIN = 28;
const HEAD = 84;
const PANEL = 12;
/** More above, for the part's name. */
const PANEL_HEAD = 20;
/** A letter's width, on average and rather too wide: the reader's font is not known. */
const LETTER = 7.6;
const RADIUS = 7;
const FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif";

const partOf = (folder: string): Part => {
  const part = PARTS.filter((name) => folder === name || folder.startsWith(`${name}/`)).sort(
    (a, b) => b.length - a.length,
  )[0];
  if (part === undefined)
    throw new Error(`util/house/layers-picture.ts: no column has a part for the folder ${folder}`);
  return part;
};

const columnOf = (folder: string): number =>
  COLUMNS.findIndex((parts) => parts.some((part) => part === partOf(folder)));

/** Inside of its part, a folder is called by what follows the part's name. */
const labelOf = (folder: string): string => {
  const part = partOf(folder);
  if (folder === '.') return 'index, browser';
  return folder === part ? folder : folder.slice(part.length + 1);
};

const boxWidth = (folder: string): number => Math.max(56, Math.ceil(labelOf(folder).length * LETTER) + 22);

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const number = (value: number): string => `${Math.round(value * 10) / 10}`;

interface Drawing {
  readonly layout: Layout;
  readonly topLevel: number;
}

const xOf = ({ layout }: Drawing, node: Node): number => MARGIN + PANEL + layout.x.get(node)!;
/** The middle of a level's row. */
const yOf = ({ topLevel }: Drawing, level: number): number => HEAD + PANEL + BOX / 2 + (topLevel - level) * ROW;

const strong = (part: Part): string => `hsl(${HUES[part]} 50% 52%)`;
const light = (part: Part): string => `hsl(${HUES[part]} 74% 92%)`;

/** A part with more than one folder, and the rectangle that they are in. */
interface Panel {
  readonly part: Part;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const panelsOf = (drawing: Drawing): readonly Panel[] =>
  PARTS.flatMap((part) => {
    const boxes = drawing.layout.nodes.filter(({ folder }) => folder !== undefined && partOf(folder.name) === part);
    if (boxes.length < 2) return [];
    const left = Math.min(...boxes.map((each) => xOf(drawing, each) - each.width / 2)) - PANEL;
    const right = Math.max(...boxes.map((each) => xOf(drawing, each) + each.width / 2)) + PANEL;
    const top = Math.min(...boxes.map(({ level }) => yOf(drawing, level))) - BOX / 2 - PANEL_HEAD;
    const bottom = Math.max(...boxes.map(({ level }) => yOf(drawing, level))) + BOX / 2 + PANEL;
    return [{ part, left, top, width: right - left, height: bottom - top }];
  });

const frame = ({ part, left, top, width, height }: Panel): string =>
  `<rect x="${number(left)}" y="${number(top)}" width="${number(width)}" height="${number(height)}" rx="12" ` +
  `fill="${strong(part)}" fill-opacity="0.09" stroke="${strong(part)}" stroke-opacity="0.45"/>\n`;

/** The part's name on a tab of its own, so that arrows that pass do not cross the letters. */
const tab = ({ part, left, top }: Panel): string => {
  const name = `${part}/`;
  const width = name.length * LETTER + 14;
  return (
    `<rect x="${number(left + 8)}" y="${number(top - 9)}" width="${number(width)}" height="19" rx="5" ` +
    `fill="${light(part)}" stroke="${strong(part)}" stroke-opacity="0.6"/>` +
    `<text x="${number(left + 8 + width / 2)}" y="${number(top + 5)}" class="part" fill="hsl(${HUES[part]} 60% 30%)">${name}</text>\n`
  );
};

/** A line through the points of an arrow, curved between the rows, and its head. */
const arrow = (drawing: Drawing, nodes: Arrow): string => {
  const [first, last] = [nodes[0]!, nodes.at(-1)!];
  const colour = strong(partOf(first.folder!.name));
  let y = yOf(drawing, first.level) + BOX / 2;
  let x = xOf(drawing, first);
  let path = `M${number(x)} ${number(y)}`;
  for (const node of nodes.slice(1)) {
    const isEnd = node === last;
    const to = { x: xOf(drawing, node), y: yOf(drawing, node.level) - BOX / 2 - (isEnd ? 5 : 0) };
    const bend = (to.y - y) * 0.55;
    path += `C${number(x)} ${number(y + bend)} ${number(to.x)} ${number(to.y - bend)} ${number(to.x)} ${number(to.y)}`;
    if (!isEnd) path += `V${number(to.y + BOX)}`;
    [x, y] = [to.x, isEnd ? to.y : to.y + BOX];
  }
  const head = `M${number(x - 4)} ${number(y - 2)}L${number(x)} ${number(y + 5)}L${number(x + 4)} ${number(y - 2)}Z`;
  const title = `${first.folder!.name} imports ${last.folder!.name}`;
  return `<g><title>${escaped(title)}</title><path d="${path}" class="line" stroke="${colour}"/><path d="${head}" fill="${colour}"/></g>
`;
};

const box = (drawing: Drawing, node: Node): string => {
  const { folder, width } = node;
  if (folder === undefined) return '';
  const part = partOf(folder.name);
  const [x, y] = [xOf(drawing, node), yOf(drawing, node.level)];
  const place = `x="${number(x - width / 2)}" y="${number(y - BOX / 2)}" width="${number(width)}" height="${BOX}"`;
  return `<g><title>${escaped(`${folder.name}: ${folder.what}`)}</title><rect ${place} rx="${RADIUS}" fill="${light(part)}" stroke="${strong(part)}"/><text x="${number(x)}" y="${number(y + 4.5)}" class="box">${escaped(labelOf(folder.name))}</text></g>
`;
};

/**
 * Draws the folders and what they import.
 * @param folders such that each imports only such as stand before it
 * @returns an SVG document; the same folders give the same text
 */
export const layersPicture = (folders: readonly Folder[]): string => {
  const ranked = levelled(withoutRepetition(folders), (name) => FLOATING.has(partOf(name)));
  const layout = layOut(ranked, { columnOf, boxWidth });
  const drawing: Drawing = { layout, topLevel: Math.max(...ranked.map(({ level }) => level)) };
  const panels = panelsOf(drawing);
  const width = Math.ceil(layout.width + 2 * (MARGIN + PANEL));
  const height = Math.ceil(yOf(drawing, 0) + BOX / 2 + PANEL + MARGIN);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(FONT)}">
<style>
.line { fill: none; stroke-width: 1.4; stroke-opacity: 0.8 }
.box { font-size: 13px; text-anchor: middle; fill: #1c2430 }
.part { font-size: 12.5px; font-weight: 600; text-anchor: middle }
.title { font-size: 20px; font-weight: 600; fill: #7b8798 }
.note { font-size: 12.5px; fill: #7b8798 }
</style>
<text x="${MARGIN}" y="40" class="title">kexec-ts in layers</text>
<text x="${MARGIN}" y="62" class="note">An arrow: the upper folder imports the lower one, and what that imports. Imports go down only.</text>
${panels.map(frame).join('')}${layout.arrows.map((each) => arrow(drawing, each)).join('')}${layout.nodes.map((node) => box(drawing, node)).join('')}${panels.map(tab).join('')}</svg>
`;
};
