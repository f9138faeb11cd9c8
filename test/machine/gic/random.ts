/** Random accesses to an interrupt controller, of the kind that software makes. */
import type { AccessSize } from '../../../sim/machine/device.js';
import { type Access, AT, LINES, type RegisterName, Replay, UART_MASK } from './accesses.js';

/** A number below another. */
export type Random = (below: number) => number;

/** Marsaglia's xorshift: the same numbers everywhere. */
export const randomNumbers = (seed: number): Random => {
  let state = Math.imul(seed, 0x9e37_79b1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state % below;
  };
};

export const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
export const PRIORITIES = [0x00, 0x08, 0x10, 0x34, 0x38, 0x80, 0x84, 0x90, 0xa0, 0xa8, 0xf0, 0xf8, 0xff] as const;
/** SGIs, the timers, the UART, SPIs that no device has, one that is not there. */
export const INTIDS: readonly number[] = [0, 1, 2, 7, 15, 27, 30, 33, 40, 79, 100, 287, 288];
export const isShared = (intid: number): boolean => intid >= 32;
/** The register and the bit of an interrupt, where registers have a bit for each. */
export const wordOf = (intid: number): number => 4 * (intid >>> 5);
export const bitOf = (intid: number): string => hex(1 << (intid & 31));

const { distributor, cpu, v2m } = AT;

/** GICv2 where QEMU and the architecture agree: SPIs have one target each, and are left to it. */
const beginning = (random: Random, processors: number): readonly Access[] => {
  const targets = Array.from({ length: (LINES - 32) / 4 }, (_, n): Access => {
    return [0, 'write', distributor + 0x820 + 4 * n, 4, hex(0x0101_0101 << (n % processors))];
  });
  const interfaces = Array.from({ length: processors }, (_, processor): readonly Access[] => [
    [processor, 'write', cpu + 0x04, 4, '0xf0'],
    [processor, 'write', cpu + 0x08, 4, hex(random(8))],
    [processor, 'write', cpu + 0x1c, 4, hex(random(8))],
    [processor, 'write', cpu, 4, '0x7'],
  ]);
  return [...targets, [0, 'write', AT.uart, 1, '0x2e'], [0, 'write', distributor, 4, '0x3'], ...interfaces.flat()];
};

const READ_OF_INTERFACE = [0, 4, 8, 0x14, 0x18, 0x1c, 0xd0, 0xd4, 0xd8, 0xdc, 0xe0, 0xec, 0xfc] as const;
const READ_OF_DISTRIBUTOR = [0, 4, 8, 0x80, 0x104, 0x180, 0x200, 0x204, 0x280, 0x300, 0x384, 0x400, 0x420] as const;
/** GICC_CTLR: groups, AckCtl (so that either can be acknowledged), FIQEn, CBPR, EOImode. */
const CONTROLS = [0x1, 0x3, 0x7, 0x7, 0x7, 0xf, 0x17, 0x207, 0x20f] as const;

/** One access by a processor. QEMU has no private interrupts made pending where there are more processors than one. */
const anyAccess = (random: Random, processors: number, p: number): Access => {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const some = (fits: (intid: number) => boolean) => pick(INTIDS.filter(fits));
  const alone = processors === 1;
  const bit = (register: number, intid: number): Access => [
    p,
    'write',
    distributor + register + wordOf(intid),
    4,
    bitOf(intid),
  ];
  const width = pick<AccessSize>([1, 2, 4, 8]);
  const writes: readonly (() => Access)[] = [
    () => bit(pick([0x100, 0x100, 0x100, 0x180]), pick(INTIDS)),
    () =>
      bit(
        pick([0x200, 0x200, 0x280]),
        some((intid) => alone || isShared(intid)),
      ),
    () =>
      bit(
        pick([0x300, 0x380, 0x380]),
        some((intid) => alone || !isShared(intid)),
      ),
    () => [p, 'write', distributor + 0x80 + wordOf(pick(INTIDS)), 4, pick(['0x0', '0x0', bitOf(pick(INTIDS))])],
    () => [p, 'write', distributor + 0x400 + pick(INTIDS), 1, hex(pick(PRIORITIES))],
    () => [p, 'write', distributor + 0xc00 + (some(isShared) >>> 2), 1, hex(random(256) & 0xaa)],
    () => [p, 'write', distributor + 0xf00, 4, hex((random(3) << 24) | (random(256) << 16) | pick([0, 1, 2, 7, 15]))],
    () => [p, 'write', distributor + pick([0xf10, 0xf20]) + random(16), 1, hex(1 << random(processors))],
    () => [p, 'write', UART_MASK, 4, pick(['0x20', '0x0'])],
    () => [p, 'write', pick<RegisterName>(['CNTV_CTL_EL0', 'CNTP_CTL_EL0']), 8, pick(['0x0', '0x1', '0x3'])],
    () => [p, 'write', v2m + 0x40, 4, hex(78 + random(80))],
    () => [p, 'write', distributor, 4, pick(['0x3', '0x3', '0x0', '0xffffffff'])],
    () => [p, 'write', cpu, 4, hex(pick(CONTROLS))],
    () => [p, 'write', cpu + 0x04, 4, hex(pick([...PRIORITIES, 0xf0, 0xf0, 0xf0]))],
    () => [p, 'read', cpu + pick(READ_OF_INTERFACE), 4, '0x0'],
    () => [p, 'read', distributor + pick(READ_OF_DISTRIBUTOR), 4, '0x0'],
    () => [p, 'read', distributor + width * random(0x1000 / width), width, '0x0'],
    () => [p, 'read', v2m + pick([0x0, 0x8, 0x40, 0xfcc, 0xfe0]), 4, '0x0'],
  ];
  return pick(writes)();
};

/** Interrupts are ended in the order in which they nest, which our own controller tells. */
export const randomV2 = (seed: number, processors: number, count: number): readonly Access[] => {
  const random = randomNumbers(seed);
  const replay = new Replay(2, processors);
  const accesses: Access[] = [];
  const add = (...access: Access): number => {
    accesses.push(access);
    return Number(replay.access(access));
  };
  for (const access of beginning(random, processors)) add(...access);
  const handled = Array.from({ length: processors }, (): number[] => []);
  while (accesses.length < count) {
    const processor = random(processors);
    const what = random(10);
    if (what < 2) {
      const intid = add(processor, 'read', cpu + 0x0c, 4, '0x0');
      if ((intid & 0x3ff) < LINES) handled[processor]!.push(intid);
      add(processor, 'read', cpu + 0x14, 4, '0x0');
    } else if (what < 5) {
      const intid = handled[processor]!.pop() ?? 1023;
      const splits = (add(processor, 'read', cpu, 4, '0x0') & 0x200) !== 0;
      add(processor, 'write', cpu + 0x10, 4, hex(intid));
      if (splits) add(processor, 'write', cpu + 0x1000, 4, hex(intid));
    } else add(...anyAccess(random, processors, processor));
    const other = random(processors);
    add(other, 'read', 'ISR_EL1', 8, '0x0');
    add(other, 'read', cpu + 0x18, 4, '0x0');
  }
  return accesses;
};
