/** The boots that `npm run linux` compares: which kernel, on which machine. */

import type { Machine } from './machines.js';
import type { Script } from './scripts.js';

/** The suites of Debian whose cloud kernels are booted, and the releases of those. */
export const KERNELS = { bullseye: '5.10', bookworm: '6.1', trixie: '6.12', sid: '7.2' } as const;

export type Suite = keyof typeof KERNELS;

export const SUITES = Object.keys(KERNELS) as readonly Suite[];

export interface Boot extends Pick<Machine, 'gic' | 'el' | 'cpus'> {
  readonly suite: Suite;
  /** Whether the kernel moves itself, by a seed in the tree; then both boot with a tree of QEMU's. */
  readonly kaslr: boolean;
  /** What init does. */
  readonly script: Script;
}

export const COUNTS: readonly number[] = [1, 2, 4];

const PLAIN = { gic: 2, el: 1, cpus: 1, kaslr: false, script: 'facts' } as const;
/** Where the kernel was not to move itself, it leaves the seed in the tree, and kexec refuses that. */
const NEXT = { kaslr: true, script: 'kexec' } as const;

/** What CI has time for. */
export const FEW: readonly Boot[] = [
  ...SUITES.map((suite) => ({ ...PLAIN, suite })),
  { ...PLAIN, suite: 'trixie', gic: 3, cpus: 2 },
  { ...PLAIN, suite: 'bookworm', gic: 3, el: 2, cpus: 4 },
  { ...PLAIN, suite: 'bookworm', kaslr: true },
  { ...PLAIN, suite: 'bookworm', script: 'programs' },
  { ...PLAIN, suite: 'bookworm', script: 'modules' },
  { ...PLAIN, suite: 'bookworm', ...NEXT },
];

/** With two processors lines of the other one may come sooner or later; with one, one of its lines does not. */
const NEWER_MODULES: Boot = { ...PLAIN, suite: 'trixie', gic: 3, cpus: 2, script: 'modules' };

const onEveryMachine = (suite: Suite): readonly Boot[] => [
  ...([2, 3] as const).flatMap((gic) =>
    ([1, 2] as const).flatMap((el) => COUNTS.map((cpus) => ({ ...PLAIN, suite, gic, el, cpus }))),
  ),
  { ...PLAIN, suite, kaslr: true },
  { ...PLAIN, suite, script: 'programs' },
  { ...PLAIN, suite, gic: 3, cpus: 2, script: 'programs' },
  { ...PLAIN, suite, gic: 3, cpus: 2, script: 'selftests' },
  { ...PLAIN, suite, ...NEXT },
  { ...PLAIN, suite, gic: 3, el: 2, cpus: 2, ...NEXT },
];

/**
 * Every kernel on every machine, once where it moves itself, twice with programs and with a next kernel, once with
 * selftests; and one with its modules.
 */
export const ALL: readonly Boot[] = [...SUITES.flatMap(onEveryMachine), NEWER_MODULES];

/** Those whose accesses to devices are compared, up to init; with one processor they come in one order. */
export const ACCESSES: { readonly few: readonly Boot[]; readonly all: readonly Boot[] } = {
  few: [
    { ...PLAIN, suite: 'trixie' },
    { ...PLAIN, suite: 'bookworm', gic: 3 },
  ],
  all: ALL.filter(({ cpus, kaslr, script }) => cpus === 1 && !kaslr && script === 'facts'),
};

/** Those that are also saved in the midst of their boot, to go on from there. */
export const isInTwo = ({ suite, gic, el, cpus, kaslr, script }: Boot): boolean =>
  el === 1 &&
  !kaslr &&
  script === 'facts' &&
  ((suite === 'bookworm' && gic === 2 && cpus === 1) || (suite === 'trixie' && gic === 3 && cpus === 2));

/** `panic=-1` restarts the machine at once, which ends QEMU by `-no-reboot`. */
export const machineOf = ({ gic, el, cpus, kaslr }: Boot): Machine => ({
  ...{ gic, el, cpus, memory: '2G', tree: kaslr ? 'seed' : 'own' },
  commandLine: `console=ttyAMA0${kaslr ? '' : ' nokaslr'} panic=-1`,
});

export const titleOf = ({ suite, gic, el, cpus, kaslr, script }: Boot): string =>
  `Linux ${KERNELS[suite]}, GICv${gic}, EL${el}, ${cpus} CPU${cpus > 1 ? 's' : ''}${kaslr ? ', KASLR' : ''}${script === 'facts' ? '' : `, ${script}`}`;

/** For the files that are kept of it. */
export const nameOf = ({ suite, gic, el, cpus, kaslr, script }: Boot): string =>
  `${suite}-gic${gic}-el${el}-cpus${cpus}${kaslr ? '-kaslr' : ''}-${script}`;
