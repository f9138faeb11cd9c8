/** Where the boxes of the picture go: a column for each group of parts, a row for each level, and few crossings. */
import type { LevelledFolder } from './graph.js';

/** A box, or a point at which a long arrow passes a level. */
export interface Node {
  readonly level: number;
  readonly column: number;
  /** Undefined for a point. */
  readonly folder: LevelledFolder | undefined;
  /** Pixels. */
  readonly width: number;
}

/** The nodes that an arrow goes through, from the folder that imports down to the one that is imported. */
export type Arrow = readonly Node[];

export interface Layout {
  readonly nodes: readonly Node[];
  readonly arrows: readonly Arrow[];
  /** The middle of each node, from the left. */
  readonly x: ReadonlyMap<Node, number>;
  readonly width: number;
}

export interface LayoutRules {
  readonly columnOf: (folder: string) => number;
  readonly boxWidth: (folder: string) => number;
}

const POINT_WIDTH = 12;
const GAP = 16;
const COLUMN_GAP = 56;
const SWEEPS = 40;

/** @returns the nodes and arrows, the arrows cut at each level that they pass */
const cutArrows = (folders: readonly LevelledFolder[], { columnOf, boxWidth }: LayoutRules) => {
  const boxes = new Map(
    folders.map((folder): [string, Node] => [
      folder.name,
      { level: folder.level, column: columnOf(folder.name), folder, width: boxWidth(folder.name) },
    ]),
  );
  const nodes = [...boxes.values()];
  const isFree = (level: number, column: number): boolean =>
    !nodes.some((node) => node.folder !== undefined && node.level === level && node.column === column);
  const arrows = folders.flatMap(({ name, imports }) =>
    imports.map((below): Arrow => {
      const [from, to] = [boxes.get(name)!, boxes.get(below)!];
      const points = Array.from({ length: from.level - to.level - 1 }, (_, i): Node => {
        const level = from.level - 1 - i;
        const column = isFree(level, to.column) ? to.column : from.column;
        return { level, column, folder: undefined, width: POINT_WIDTH };
      });
      nodes.push(...points);
      return [from, ...points, to];
    }),
  );
  return { nodes, arrows };
};

/** The steps of all arrows from one level to the next. */
const stepsOf = (arrows: readonly Arrow[]): readonly (readonly [upper: Node, lower: Node])[] =>
  arrows.flatMap((arrow) => arrow.slice(1).map((lower, i) => [arrow[i]!, lower] as const));

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The edges of a column. */
interface Edges {
  readonly left: number;
  readonly right: number;
}

/** Side by side, in order, from `start` on. */
const packed = (row: readonly Node[], start: number): readonly number[] => {
  let edge = start;
  return row.map(({ width }) => {
    edge += width + GAP;
    return edge - GAP - width / 2;
  });
};

const widthOf = (row: readonly Node[]): number => row.reduce((sum, { width }) => sum + width + GAP, -GAP);

/**
 * As near to what is wished, by least squares, as the order, the gaps and the column's edges permit: neighbours that
 * would be too near share the mean of their wishes.
 */
const settled = (row: readonly Node[], wished: readonly number[], { left, right }: Edges): readonly number[] => {
  const offsets = packed(row, 0);
  const groups: { sum: number; count: number }[] = [];
  wished.forEach((wish, i) => {
    let group = { sum: wish - offsets[i]!, count: 1 };
    for (
      let last = groups.at(-1);
      last !== undefined && last.sum / last.count > group.sum / group.count;
      last = groups.at(-1)
    ) {
      groups.pop();
      group = { sum: last.sum + group.sum, count: last.count + group.count };
    }
    groups.push(group);
  });
  const most = right - widthOf(row);
  const shifts = groups.flatMap(({ sum, count }) => Array<number>(count).fill(sum / count));
  return shifts.map((shift, i) => offsets[i]! + Math.min(Math.max(shift, left), most));
};

/** Makes those lanes straight that can be: each point has room for it between its neighbours in the row. */
const straighten = (
  rows: readonly (readonly Node[])[],
  lanes: ReadonlyMap<Node, readonly Node[]>,
  x: Map<Node, number>,
): void => {
  const rowOf = new Map(rows.flatMap((row) => row.map((node) => [node, row] as const)));
  const room = (node: Node): Edges => {
    const row = rowOf.get(node)!;
    const [before, after] = [row[row.indexOf(node) - 1], row[row.indexOf(node) + 1]];
    return {
      left: before === undefined ? -Infinity : x.get(before)! + (before.width + node.width) / 2 + GAP / 2,
      right: after === undefined ? Infinity : x.get(after)! - (after.width + node.width) / 2 - GAP / 2,
    };
  };
  for (const lane of new Set(lanes.values())) {
    const rooms = lane.map(room);
    const [least, most] = [Math.max(...rooms.map(({ left }) => left)), Math.min(...rooms.map(({ right }) => right))];
    if (least > most) continue;
    const place = Math.min(Math.max(mean(lane.map((node) => x.get(node)!)), least), most);
    for (const node of lane) x.set(node, place);
  }
};

/** Pairs of steps that cross, each between the same two levels. */
const crossings = (steps: ReturnType<typeof stepsOf>, x: ReadonlyMap<Node, number>): number => {
  let count = 0;
  steps.forEach(([upper, lower], i) => {
    for (const [otherUpper, otherLower] of steps.slice(i + 1)) {
      if (otherUpper.level !== upper.level) continue;
      const above = x.get(upper)! - x.get(otherUpper)!;
      const below = x.get(lower)! - x.get(otherLower)!;
      if (above * below < 0) count++;
    }
  });
  return count;
};

/** Finds a place for every folder. The same folders give the same layout. */
export const layOut = (folders: readonly LevelledFolder[], rules: LayoutRules): Layout => {
  const { nodes, arrows } = cutArrows(folders, rules);
  const steps = stepsOf(arrows);
  const neighbours = new Map(nodes.map((node) => [node, new Set<Node>()]));
  for (const [upper, lower] of steps) {
    neighbours.get(upper)!.add(lower);
    neighbours.get(lower)!.add(upper);
  }

  const columns = [...new Set(nodes.map(({ column }) => column))].sort((a, b) => a - b);
  const levels = [...new Set(nodes.map(({ level }) => level))].sort((a, b) => a - b);
  const inRow = (level: number, column: number): readonly Node[] =>
    nodes.filter((node) => node.level === level && node.column === column);
  const edges = new Map<number, Edges>();
  let width = 0;
  for (const column of columns) {
    const left = width + (column === columns[0] ? 0 : COLUMN_GAP);
    width = left + Math.max(...levels.map((level) => widthOf(inRow(level, column))));
    edges.set(column, { left, right: width });
  }

  /** The points of an arrow in one column: they wish to be in a straight line. */
  const lanes = new Map<Node, readonly Node[]>();
  for (const arrow of arrows) {
    const points = arrow.filter(({ folder }) => folder === undefined);
    for (const column of columns) {
      const lane = points.filter((point) => point.column === column);
      for (const point of lane) lanes.set(point, lane);
    }
  }

  /** The order in each row, and the places that follow from it. */
  let rows = levels.flatMap((level) => columns.map((column) => inRow(level, column)).filter((row) => row.length > 0));
  const spread = (ordered: readonly (readonly Node[])[]): Map<Node, number> => {
    const x = new Map<Node, number>();
    for (const row of ordered) {
      const { left, right } = edges.get(row[0]!.column)!;
      packed(row, (left + right - widthOf(row)) / 2).forEach((place, i) => x.set(row[i]!, place));
    }
    const wish = (node: Node): number => {
      const others = [...neighbours.get(node)!];
      const near = others.filter(({ column }) => column === node.column);
      const joined = mean([...others, ...near, ...near, ...near].map((other) => x.get(other)!));
      const lane = lanes.get(node);
      return lane === undefined ? joined : (mean(lane.map((point) => x.get(point)!)) * 9 + joined) / 10;
    };
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      for (const row of sweep % 2 === 0 ? ordered : ordered.toReversed()) {
        settled(row, row.map(wish), edges.get(row[0]!.column)!).forEach((place, i) => x.set(row[i]!, place));
      }
    }
    straighten(ordered, lanes, x);
    return x;
  };

  let best = spread(rows);
  let fewest = crossings(steps, best);
  for (let round = 0; round < SWEEPS && fewest > 0; round++) {
    // Rows are put into the order of what they are joined to: above in one round, below in the next.
    const current = new Map(spread(rows));
    rows = (round % 2 === 0 ? rows : rows.toReversed()).map((row) => {
      const wish = (node: Node): number => {
        const side = [...neighbours.get(node)!].filter(({ level }) =>
          round % 2 === 0 ? level < node.level : level > node.level,
        );
        return side.length === 0 ? current.get(node)! : mean(side.map((other) => current.get(other)!));
      };
      const sorted = row
        .map((node, i) => ({ node, i, at: wish(node) }))
        .sort((a, b) => a.at - b.at || a.i - b.i)
        .map(({ node }) => node);
      packed(sorted, edges.get(row[0]!.column)!.left).forEach((place, i) => current.set(sorted[i]!, place));
      return sorted;
    });
    if (round % 2 === 1) rows = rows.toReversed();
    const x = spread(rows);
    const count = crossings(steps, x);
    if (count < fewest) [best, fewest] = [x, count];
  }
  return { nodes, arrows, x: best, width };
};
