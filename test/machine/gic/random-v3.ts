/** Random accesses to a GICv3, as software makes them. */
import type { AccessSize } from '../../../sim/machine/device.js';
import { type Access, AT, LINES, type RegisterName, Replay, UART_MASK } from './accesses.js';
import { bitOf, hex, INTIDS, isShared, PRIORITIES, type Random, randomNumbers, wordOf } from './random.js';

const { distributor, redistributors } = AT;
const SGI_FRAME = 0x1_0000;

/** QEMU takes an interrupt of priority 0xff for none; it could only be seen in ICC_HPPIR. */
const URGENCIES = PRIORITIES.filter((priority) => priority !== 0xff);

/** Where an interrupt's registers are: the distributor, or the second frame of a processor's redistributor. */
const frameOf = (processor: number, intid: number): number =>
  isShared(intid) ? distributor : redistributors + 0x2_0000 * processor + SGI_FRAME;

const beginning = (processors: number): readonly Access[] => [
  [0, 'write', AT.uart, 1, '0x2e'],
  [0, 'write', distributor, 4, '0x3'],
  ...Array.from({ length: LINES - 32 }, (_, n): Access => [
    0,
    'write',
    distributor + 0x6100 + 8 * n,
    8,
    hex(n % processors),
  ]),
  ...Array.from({ length: processors }, (_, processor): readonly Access[] => [
    [processor, 'write', redistributors + 0x2_0000 * processor + 0x14, 4, '0x0'],
    [processor, 'write', 'ICC_PMR_EL1', 8, '0xf0'],
    [processor, 'write', 'ICC_IGRPEN0_EL1', 8, '0x1'],
    [processor, 'write', 'ICC_IGRPEN1_EL1', 8, '0x1'],
  ]).flat(),
];

const READ: readonly RegisterName[] = [
  'ICC_PMR_EL1',
  'ICC_HPPIR0_EL1',
  'ICC_BPR0_EL1',
  'ICC_BPR1_EL1',
  'ICC_AP0R0_EL1',
  'ICC_AP1R0_EL1',
  'ICC_CTLR_EL1',
  'ICC_SRE_EL1',
  'ICC_IGRPEN0_EL1',
  'ICC_IGRPEN1_EL1',
];
const SGI_REGISTERS: readonly RegisterName[] = ['ICC_SGI1R_EL1', 'ICC_SGI1R_EL1', 'ICC_SGI0R_EL1', 'ICC_ASGI1R_EL1'];

/** ICC_SGI1R_EL1 and its like: some targets, now and then in another cluster, or all. */
const sgi = (random: Random): string => {
  const value = (BigInt([0, 1, 2, 7, 15][random(5)]!) << 24n) | BigInt(random(0x100));
  return `0x${(value | (random(6) === 0 ? 1n << 40n : 0n) | (random(9) === 0 ? 1n << 16n : 0n)).toString(16)}`;
};

const anyAccess = (random: Random, processors: number, p: number): Access => {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const intid = pick(INTIDS);
  const q = random(processors);
  const frame = frameOf(q, intid);
  const bit = (register: number): Access => [p, 'write', frame + register + wordOf(intid), 4, bitOf(intid)];
  const width = pick<AccessSize>([1, 2, 4, 4, 8]);
  const kinds: readonly (() => Access)[] = [
    () => bit(pick([0x100, 0x100, 0x100, 0x180])),
    () => bit(pick([0x200, 0x200, 0x280])),
    () => bit(pick([0x300, 0x380, 0x380])),
    () => [p, 'write', frame + 0x80 + wordOf(intid), 4, pick(['0x0', '0xffffffff', bitOf(intid)])],
    () => [p, 'write', frame + 0x400 + intid, 1, hex(pick(URGENCIES))],
    () => [p, 'write', frame + 0xc00 + 4 * (intid >>> 4), 4, hex(random(0x1_0000) * 0x1_0001)],
    () => [p, 'write', pick(SGI_REGISTERS), 8, sgi(random)],
    () => [p, 'write', UART_MASK, 4, pick(['0x20', '0x0'])],
    () => [p, 'write', pick<RegisterName>(['CNTV_CTL_EL0', 'CNTP_CTL_EL0']), 8, pick(['0x0', '0x1', '0x3'])],
    () => [p, 'write', distributor, 4, pick(['0x3', '0x3', '0x3', '0x2', '0x1', '0x0', '0xffffffff'])],
    () => [p, 'write', distributor + 0x6100 + 8 * random(LINES - 32), 8, hex(random(processors + 1))],
    () => [p, 'write', 'ICC_CTLR_EL1', 8, pick(['0x0', '0x0', '0x1', '0x2', '0xffffffff'])],
    () => [p, 'write', pick<RegisterName>(['ICC_BPR0_EL1', 'ICC_BPR1_EL1']), 8, hex(random(8))],
    () => [p, 'write', pick<RegisterName>(['ICC_IGRPEN0_EL1', 'ICC_IGRPEN1_EL1']), 8, pick(['0x1', '0x1', '0x0'])],
    () => [p, 'write', 'ICC_PMR_EL1', 8, hex(pick([...PRIORITIES, 0xf0, 0xf0, 0xf0]))],
    () => [p, 'write', redistributors + 0x2_0000 * q + 0x14, 4, pick(['0x0', '0x2'])],
    () => [p, 'read', pick(READ), 8, '0x0'],
    () => [p, 'read', frame + pick([0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380]) + wordOf(intid), 4, '0x0'],
    () => [p, 'read', frame + 0x400 + (intid & ~3), pick<AccessSize>([1, 4]), '0x0'],
    () => [p, 'read', frame + 0xc00 + 4 * (intid >>> 4), 4, '0x0'],
    () => [p, 'read', distributor + width * random(0x1000 / width), width, '0x0'],
    () => [p, 'read', redistributors + 0x2_0000 * q + width * random(0x80 / width), width, '0x0'],
    () => [p, 'read', distributor + width * random(0x1_0000 / width), width, '0x0'],
    () => [p, 'read', redistributors + 0x2_0000 * q + pick([0, 8, 0x10, 0x14, 0xffd0, 0xffe0, 0xffe8]), 4, '0x0'],
    () => [p, 'read', redistributors + 0x2_0000 * q + SGI_FRAME + width * random(0x1000 / width), width, '0x0'],
  ];
  return pick(kinds)();
};

/** Interrupts are ended in the order in which they nest, which our own controller tells, but for a few. */
export const randomV3 = (seed: number, processors: number, count: number): readonly Access[] => {
  const random = randomNumbers(seed);
  const replay = new Replay(3, processors);
  const accesses: Access[] = [];
  const add = (...access: Access): number => {
    accesses.push(access);
    return Number(replay.access(access));
  };
  for (const access of beginning(processors)) add(...access);
  const handled = Array.from({ length: processors }, (): [group: number, intid: number][] => []);
  while (accesses.length < count) {
    const processor = random(processors);
    const what = random(10);
    if (what < 2) {
      const group = random(3) === 0 ? 0 : 1;
      const intid = add(processor, 'read', `ICC_IAR${group}_EL1`, 8, '0x0');
      if (intid < LINES) handled[processor]!.push([group, intid]);
      add(processor, 'read', 'ICC_RPR_EL1', 8, '0x0');
    } else if (what < 5) {
      const [group, intid] = handled[processor]!.pop() ?? [random(2), INTIDS[random(INTIDS.length)]!];
      const splits = (add(processor, 'read', 'ICC_CTLR_EL1', 8, '0x0') & 2) !== 0;
      add(processor, 'write', group === 0 ? 'ICC_EOIR0_EL1' : 'ICC_EOIR1_EL1', 8, hex(intid));
      if (splits) add(processor, 'write', 'ICC_DIR_EL1', 8, hex(intid));
    } else add(...anyAccess(random, processors, processor));
    const other = random(processors);
    add(other, 'read', 'ISR_EL1', 8, '0x0');
    add(other, 'read', 'ICC_HPPIR1_EL1', 8, '0x0');
  }
  return accesses;
};
