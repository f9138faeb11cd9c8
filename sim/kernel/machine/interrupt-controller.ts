/** The interrupt controller that a board's device tree describes. */
import type { Range } from '../../../kexec/base/range.js';
import type { InterruptHost, Interrupts, MappedDevice } from '../../machine/board.js';
import type { BoardDescription, GicDescription, TimerDescription } from '../../machine/board-tree/description.js';
import { GicV2 } from '../../machine/gic/gicv2.js';
import { GicV2m } from '../../machine/gic/gicv2m.js';

/** INTIDs that a controller has at least: as on QEMU's board `virt`. */
const LEAST_LINES = 288;
/** The last of them are special (IHI 0048B 2.2.1). */
const MOST_LINES = 1020;

/** The controller of a board; undefined where it has none that we know. */
export const interruptController = (
  { gic, timer, devices }: BoardDescription,
  affinities: readonly bigint[],
): ((host: InterruptHost) => Interrupts) | undefined => {
  if (gic === undefined) return undefined;
  const lines = linesOf([...devices.flatMap(({ interrupts }) => interrupts.map(({ intid }) => intid)), ...messageLines(gic)]);
  return (host) => {
    const all = { affinities, current: () => host.current(), setInterrupt: host.setInterrupt.bind(host) };
    return { ...controllerOf(gic, all, lines), timerLines: timerLinesOf(timer) };
  };
};

const messageLines = (gic: GicDescription): readonly number[] =>
  gic.version === 2 ? gic.v2mFrames.map(({ firstSpi, spiCount }) => firstSpi + spiCount - 1) : [];

/** Enough for all that are named, in 32s (GICD_TYPER.ITLinesNumber). */
const linesOf = (intids: readonly number[]): number => {
  const last = Math.max(LEAST_LINES - 1, ...intids.filter((intid) => intid < MOST_LINES));
  return 32 * Math.ceil((last + 1) / 32);
};

const at = ({ start }: Range, device: MappedDevice['device']): MappedDevice => ({ physAddr: start, device });

interface GicHost extends InterruptHost {
  readonly affinities: readonly bigint[];
}

const controllerOf = (gic: GicDescription, host: GicHost, lines: number): Omit<Interrupts, 'timerLines'> => {
  if (gic.version === 3) throw new Error('not yet');
  const controller = new GicV2(host, { lines });
  const frames = gic.v2mFrames.map(({ registers, firstSpi, spiCount }) =>
    at(registers, new GicV2m(firstSpi, spiCount, controller)),
  );
  return {
    controller,
    devices: [at(gic.distributor, controller.distributor), at(gic.cpuInterface, controller.cpuInterface), ...frames],
  };
};

const timerLinesOf = (timer: TimerDescription | undefined): Interrupts['timerLines'] => ({
  ...(timer?.physical === undefined ? {} : { physical: timer.physical }),
  ...(timer?.virtual === undefined ? {} : { virtual: timer.virtual }),
  ...(timer?.hypervisor === undefined ? {} : { hypervisor: timer.hypervisor }),
});
