/** A machine on its way into a new kernel, debugged by gdb. */
import { KexecError } from '../../../kexec/base/error.js';
import type { CpuModel } from '../../cpu/state/model.js';
import { type Debugging, type DebuggingOptions, debug } from '../debug/debugging.js';
import type { FirstStop } from '../debug/debugged-machine.js';
import type { GdbAt, GdbSettings } from '../../gdb/options.js';
import { branchRegister, kernelStop } from '../debug/kernel-symbol.js';
import type { MachineTold } from '../debug/target-machine.js';
import type { RunEnd } from '../machine/processors.js';
import { type DescribeEsr, describeEnd } from '../run/end-report.js';
import type { GuestView } from '../run/guest-view.js';
import type { Launched } from './launch.js';
import type { PlacedCode } from '../way-out/place-code.js';
import { type LoadedKernel, imageSegment, treeSegment } from './loaded-kernel.js';
import { purgatorySymbols } from './purgatory-symbols.js';

/** What is known of a kernel on its way: first by what is loaded, and then by what runs. */
class SeenKernel implements MachineTold {
  /** The kernel that runs. */
  view: GuestView | undefined;

  constructor(
    private readonly launched: Launched,
    private readonly loaded: LoadedKernel,
    private readonly describeEsr: DescribeEsr,
  ) {}

  readonly place = (cpu: CpuModel, pc: bigint): string => this.view?.place(cpu, pc) ?? this.launched.place(pc);

  readonly describeEnd = (end: RunEnd): string => {
    const { board, processors } = this.launched;
    const place = (pc: bigint): string => this.place(processors.current, pc);
    return describeEnd(end, { board, processors, place }, this.describeEsr);
  };

  readonly log = (cpu: CpuModel): string | undefined => this.view?.log(cpu);

  readonly kernel: MachineTold['kernel'] = () => {
    const memory = imageSegment(this.loaded)?.memory;
    return memory && { start: memory.start, sizeBytes: memory.size };
  };

  readonly tree = (): bigint | undefined => treeSegment(this.loaded)?.memory.start;
}

export interface DebugLaunchedOptions extends Pick<DebuggingOptions, 'disks' | 'watch' | 'screen'> {
  readonly kernel: LoadedKernel;
  /** The object that the purgatory may be made of. */
  readonly purgatory: Uint8Array;
  readonly describeEsr: DescribeEsr;
  /** Receives what the user is told. */
  readonly err?: (text: string) => void;
}

/** A machine that gdb debugs. */
export interface Debugged {
  readonly debugging: Debugging;
  /** From now on it is this kernel that gdb looks at. */
  readonly look: (view: GuestView) => void;
}

/** @throws KexecError where there is no such place to wait at, or gdb cannot come to it */
export const debugLaunched = async (
  launched: Launched,
  gdb: GdbSettings,
  { kernel, purgatory, describeEsr, err = () => {}, ...others }: DebugLaunchedOptions,
): Promise<Debugged> => {
  const seen = new SeenKernel(launched, kernel, describeEsr);
  const debugging = await debug(gdb, {
    machine: launched,
    ...others,
    told: seen,
    first: firstStopOf(gdb.atOption, gdb.at, { kernel, purgatory, code: launched.code }),
    tell: (text) => err(`kexec-ts: ${text}\n`),
  });
  const look = (view: GuestView): void => {
    seen.view = view;
  };
  return { debugging, look };
};

/** What is known before anything has run. */
interface BeforeRun {
  readonly kernel: LoadedKernel;
  /** The object that the purgatory may be made of. */
  readonly purgatory: Uint8Array;
  /** The old kernel's last code. */
  readonly code: readonly PlacedCode[];
}

/** @param option as the user typed it @returns undefined for the first instruction @throws KexecError */
const firstStopOf = (option: string, at: GdbAt, before: BeforeRun): FirstStop | undefined => {
  const { kernel } = before;
  switch (at.kind) {
    case 'first':
      return undefined;
    case 'last':
      return lastOf(before);
    case 'purgatory':
      if (kernel.purgatory === undefined) {
        throw KexecError.die(`${option}: there is no purgatory: the new kernel is entered at once`, {
          subject: at.kind,
        });
      }
      return { stopAt: new Set([kernel.entry]) };
    case 'kernel':
      return { stopAt: kernel.kernelEntries };
    case 'address':
      return { stopAt: new Set([at.address]) };
    case 'symbol':
      return symbolStop(option, at.name, before);
  }
};

/** The old kernel leaves by a branch to a register, which has the address of what is loaded. */
const lastOf = ({ kernel, code }: BeforeRun): FirstStop => {
  const branches = new Map(
    code.flatMap(({ piece: { bytes }, at, virtAddr }) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const words = Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getUint32(4 * i, true));
      return words.flatMap((word, i) => {
        const register = branchRegister(word);
        const places = [at, ...(virtAddr === undefined ? [] : [virtAddr])];
        return register === undefined ? [] : places.map((base) => [base + 4n * BigInt(i), register] as const);
      });
    }),
  );
  return {
    stopAt: new Set(branches.keys()),
    isThere: (cpu) => {
      const register = branches.get(cpu.pc);
      return register !== undefined && cpu.getX(register) === kernel.entry;
    },
  };
};

const symbolStop = (option: string, name: string, { kernel, purgatory, code }: BeforeRun): FirstStop => {
  const old = code.flatMap(({ piece, at, virtAddr }) =>
    piece.symbols
      .filter((symbol) => symbol.name === name)
      .flatMap(({ offset }) => [at, virtAddr ?? at].map((base) => base + BigInt(offset))),
  );
  const symbols = (kernel.purgatory && purgatorySymbols(purgatory, kernel.purgatory)) ?? [];
  const found = [...old, ...symbols.filter((symbol) => symbol.name === name).map(({ address }) => address)];
  if (found.length > 0) return { stopAt: new Set(found) };
  const image = imageSegment(kernel);
  if (image === undefined) throw KexecError.die(`${option}: "${name}": nothing is known of it`, { subject: name });
  return kernelStop(option, name, image.data, image.memory.start);
};
