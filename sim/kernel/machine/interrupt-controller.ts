/** The interrupt controller that a board's device tree describes. */
import type { Range } from '../../../kexec/base/range.js';
import type { InterruptHost, Interrupts, MappedDevice } from '../../machine/board.js';
import type {
  BoardDescription,
  GicDescription,
  GicV2Description,
  GicV3Description,
  TimerDescription,
} from '../../machine/board-tree/description.js';
import type { Device } from '../../machine/device.js';
import { MachineError } from '../../machine/error.js';
import { Stateless } from '../../machine/savable.js';
import { GicV2 } from '../../machine/gic/gicv2.js';
import { GicV3 } from '../../machine/gic/gicv3.js';
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
  const lines = linesOf([
    ...devices.flatMap(({ interrupts }) => interrupts.map(({ intid }) => intid)),
    ...messageLines(gic),
  ]);
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

const at = (name: string, { start }: Range, device: MappedDevice['device']): MappedDevice => ({
  physAddr: start,
  device,
  name,
});

interface GicHost extends InterruptHost {
  readonly affinities: readonly bigint[];
}

const controllerOf = (gic: GicDescription, host: GicHost, lines: number): Omit<Interrupts, 'timerLines'> =>
  gic.version === 3 ? gicV3(gic, host, lines) : gicV2(gic, host, lines);

const gicV2 = (gic: GicV2Description, host: GicHost, lines: number): Omit<Interrupts, 'timerLines'> => {
  const controller = new GicV2(host, { lines });
  const frames = gic.v2mFrames.map(({ registers, firstSpi, spiCount }) =>
    at('GICv2m', registers, new GicV2m(firstSpi, spiCount, controller)),
  );
  const { hypervisorInterface, virtualCpuInterface } = gic;
  return {
    controller,
    devices: [
      at('GICD', gic.distributor, controller.distributor),
      at('GICC', gic.cpuInterface, controller.cpuInterface),
      ...(hypervisorInterface === undefined ? [] : [at('GICH', hypervisorInterface, controller.hypervisorInterface)]),
      ...(virtualCpuInterface === undefined ? [] : [at('GICV', virtualCpuInterface, controller.virtualCpuInterface)]),
      ...frames,
    ],
  };
};

/** The processors' redistributors lie one behind the other, in the first region. */
const gicV3 = (gic: GicV3Description, host: GicHost, lines: number): Omit<Interrupts, 'timerLines'> => {
  const controller = new GicV3(host, { lines });
  const [redistributors] = gic.redistributors;
  if (redistributors === undefined || redistributors.size < BigInt(controller.redistributors.sizeBytes)) {
    throw new MachineError(
      `the device tree has no room for the redistributors of ${host.affinities.length} processors`,
    );
  }
  return {
    controller,
    devices: [
      at('GICD', gic.distributor, controller.distributor),
      at('GICR', redistributors, controller.redistributors),
      ...gic.its.map((its) => at('GITS', its, new AbsentIts(Number(its.size)))),
    ],
  };
};

/** There are no LPIs, and a translation service that reads as zero is none (IHI 0069, GITS_PIDR2). */
class AbsentIts extends Stateless implements Device {
  constructor(readonly sizeBytes: number) {
    super();
  }

  read(): bigint {
    return 0n;
  }

  write(): boolean {
    return true;
  }
}

const timerLinesOf = (timer: TimerDescription | undefined): Interrupts['timerLines'] => ({
  ...(timer?.physical === undefined ? {} : { physical: timer.physical }),
  ...(timer?.virtual === undefined ? {} : { virtual: timer.virtual }),
  ...(timer?.hypervisor === undefined ? {} : { hypervisor: timer.hypervisor }),
});
