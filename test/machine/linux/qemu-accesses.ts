/** The accesses to devices that QEMU's trace tells of. */
import type { Access, Block } from './accesses.js';

/** What begins the names of the events of each. */
const BLOCKS: Readonly<Record<string, Block>> = {
  gic_dist: 'GICD',
  gicv3_dist: 'GICD',
  gicv3_redist: 'GICR',
  gic_cpu: 'GICC',
  gicv3_icc: 'ICC',
  pl011: 'UART',
};

/** Options of QEMU, which writes the trace to a file. */
export const traceTo = (file: string): readonly string[] => [
  ...Object.keys(BLOCKS).flatMap((name) => ['-trace', `${name}_*`]),
  ...['-D', file],
];

/** Of hw/intc/trace-events and hw/char/trace-events, those that are accesses. */
const EVENT = new RegExp(`^(${Object.keys(BLOCKS).join('|')})_(?:\\w+_)?(?:bad)?(read|write) (.*)$`);
const SGI = /^gicv3_icc_generate_sgi .* SGI (\d+) IRM (\d) target affinity (0x[0-9a-f]+)xx targetlist (0x[0-9a-f]+)$/;

/** @param trace the lines that QEMU wrote */
export function* accessesOf(trace: string): Generator<Access> {
  for (const line of trace.split('\n')) {
    const access = accessOf(line);
    if (access !== undefined) yield access;
  }
}

const accessOf = (line: string): Access | undefined => {
  const [, sgi, mode, affinity, list] = SGI.exec(line) ?? [];
  if (sgi !== undefined) {
    const targets = (BigInt(mode!) << 40n) | ((BigInt(affinity!) & 0xffn) << 16n) | BigInt(list!);
    return { block: 'ICC', kind: 'write', register: 'SGI1R', value: (BigInt(sgi) << 24n) | targets };
  }
  const [, device, kind, rest] = EVENT.exec(line) ?? [];
  if (device === undefined || rest === undefined) return undefined;
  const block = BLOCKS[device]!;
  const numbers = [...rest.matchAll(/0x[0-9a-f]+/g)].map(([number]) => BigInt(number));
  // Of redistributors and interfaces, their number comes first.
  if (block === 'GICR' || block === 'ICC') numbers.shift();
  const register = block === 'ICC' ? /ICC_(\w+)/.exec(rest)?.[1] : `0x${numbers.shift()?.toString(16)}`;
  return { block, kind: kind === 'read' ? kind : 'write', register: register!, value: numbers[0] ?? 0n };
};
