/** The kdumps that `npm run kdump` compares: which kernel panics, on which machine, and where. */
import { COUNTS, KERNELS, SUITES, type Suite } from '../linux/boots.js';
import type { Machine } from '../linux/machines.js';

export interface Kdump extends Pick<Machine, 'gic' | 'el' | 'cpus'> {
  readonly suite: Suite;
  /** Whether the kernels move themselves, by a seed in the tree. */
  readonly kaslr: boolean;
  /** The processor that panics, on which the capture kernel starts. */
  readonly panicsOn: number;
  /** Whether the capture kernel starts the other processors, which most set-ups keep off. */
  readonly startsOthers: boolean;
  /** Whether makedumpfile saves the dump, too, not cp alone. */
  readonly makedumpfile: boolean;
}

const PLAIN = {
  gic: 2,
  el: 1,
  cpus: 1,
  kaslr: false,
  panicsOn: 0,
  startsOthers: false,
  makedumpfile: false,
} as const;

/** What CI has time for. */
export const FEW: readonly Kdump[] = [
  { ...PLAIN, suite: 'bookworm', makedumpfile: true },
  { ...PLAIN, suite: 'sid', gic: 3, el: 2, cpus: 2, panicsOn: 1, kaslr: true },
];

/** Of more processors than one it is not always the first one that panics. */
const panicsOnOf = (cpus: number, el: number): number => (cpus === 4 && el === 2 ? 0 : Math.ceil(cpus / 2) % cpus);

/** Every kernel on every machine, and once with makedumpfile. */
export const ALL: readonly Kdump[] = SUITES.flatMap((suite) => [
  ...([2, 3] as const).flatMap((gic) =>
    ([1, 2] as const).flatMap((el) =>
      COUNTS.map((cpus) => ({
        ...{ ...PLAIN, suite, gic, el, cpus, kaslr: gic === 3, panicsOn: panicsOnOf(cpus, el) },
        startsOthers: cpus === 4 && el === 1,
      })),
    ),
  ),
  { ...PLAIN, suite, makedumpfile: true },
]);

const MEMORY = '512M';
export const CRASHKERNEL = '192M';

/** `panic=-1` restarts the machine at once, should there be no capture kernel, which ends QEMU by `-no-reboot`. */
export const machineOf = ({ gic, el, cpus, kaslr }: Kdump): Machine => ({
  ...{ gic, el, cpus, memory: MEMORY, tree: kaslr ? 'seed' : 'no seed' },
  commandLine: `console=ttyAMA0 crashkernel=${CRASHKERNEL} panic=-1`,
});

export const titleOf = ({ suite, gic, el, cpus, kaslr, panicsOn, startsOthers, makedumpfile }: Kdump): string =>
  [
    ...[`Linux ${KERNELS[suite]}`, `GICv${gic}`, `EL${el}`, `${cpus} CPU${cpus > 1 ? 's' : ''}`],
    ...(kaslr ? ['KASLR'] : []),
    ...(cpus > 1 ? [`panic on CPU ${panicsOn}`] : []),
    ...(startsOthers ? ['all CPUs in the capture kernel'] : []),
    ...(makedumpfile ? ['makedumpfile'] : []),
  ].join(', ');

/** For the files that are kept of it. */
export const nameOf = ({ suite, gic, el, cpus, kaslr, panicsOn, startsOthers, makedumpfile }: Kdump): string =>
  `${suite}-gic${gic}-el${el}-cpus${cpus}-panic${panicsOn}${kaslr ? '-kaslr' : ''}` +
  `${startsOthers ? '-all' : ''}${makedumpfile ? '-makedumpfile' : ''}`;
