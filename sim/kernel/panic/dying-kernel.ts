/**
 * A recorded machine's kernel dies: from panic() or an oops to the last instructions before its crash kernel, or to
 * where it goes on no more (kernel/panic.c; __crash_kexec(), kernel/crash_core.c; machine_crash_shutdown(),
 * arch/arm64/kernel/machine_kexec.c; crash_smp_send_stop(), arch/arm64/kernel/smp.c).
 */
import { KexecError } from '../../../kexec/base/error.js';
import { alignDown, u64 } from '../../../kexec/base/u64.js';
import type { CpuModel } from '../../cpu/state/model.js';
import type { BoardDescription } from '../../machine/board-tree/description.js';
import { type CrashFacts, crashFacts } from './crash-facts.js';
import { formatCpuList } from '../facts/facts.js';
import { traitsOf } from '../facts/generations.js';
import { kernelSymbol } from '../facts/kallsyms.js';
import { kernelParameter } from '../facts/kernel-config.js';
import { type Uts, utsOf } from './uts.js';
import type { WholeMachine } from '../machine/whole-machine.js';
import type { RecordedMachine } from '../recorded-machine.js';
import { type FilledSegment, type Kimage, layOutCrashImage, storeKimage } from '../rules/kimage.js';
import { type KexecMachine, kexecMachine } from '../way-out/kexec-machine.js';
import { type PreparedKexec, prepareCrashKexec } from '../way-out/machine-kexec.js';
import { type RunningKernel, placeKernel } from '../way-out/running-kernel.js';
import { type LinuxGic, linuxGic } from './linux-gic.js';
import { OldMemory } from './old-memory.js';
import { checkFault, nullFault, oopsLines } from './oops-log.js';
import {
  type KernelPlace,
  type PanicLine,
  type Scene,
  SYSRQ_REASON,
  byeLine,
  emergency,
  endLine,
  failedToStopLine,
  notifierLines,
  ours,
  panicLine,
  rebootingLine,
  staleLines,
  startingLine,
  stoppingLine,
  sysrqLine,
  warning,
  whereLines,
} from './panic-log.js';
import type { LogRecord } from './printk-memory.js';
import { type ProcessorRegisters, prstatusNote } from './prstatus.js';
import { recordedLog } from './recorded-log.js';
import type { GivenRegisters } from './registers-file.js';

export type PanicCause = 'sysrq' | 'oops';

/** What happens to the machine. */
export interface PanicRequest {
  /** Number of the processor that it happens on. */
  readonly cpu: number;
  readonly cause: PanicCause;
  /** What that one's registers are, as far as the user says. */
  readonly registers: GivenRegisters;
  /** Processors that answer to no interrupt any more. */
  readonly deafCpus: readonly number[];
  /** Physical address of a byte of the crash kernel's memory that has changed since it was loaded. */
  readonly corrupt?: bigint | undefined;
}

/** What is loaded for a panic, with its bytes. */
export interface CrashImage {
  readonly entry: bigint;
  readonly dtb: bigint | undefined;
  readonly segments: readonly FilledSegment[];
}

/** How it ends for the old kernel. */
export type PanicEnd =
  /** The processor stands before the last instructions, which lead into the crash kernel. */
  | { readonly kind: 'kexec'; readonly prepared: PreparedKexec }
  /** The machine resets itself, or the kernel stands still. */
  | { readonly kind: 'reset' | 'halt' };

export interface PanicSettings {
  readonly description: BoardDescription;
  /** The exception level that the kernel was started at. */
  readonly bootEl: 1 | 2;
  /** Undefined where nothing is loaded. */
  readonly image: CrashImage | undefined;
  /** Why there is no dump, where no crash kernel starts: part of a sentence. */
  readonly whyNone: string;
  /** What the kernel has logged of loads. */
  readonly earlier: readonly PanicLine[];
  /** Receives what the kernel says, a line each. */
  readonly tell: (line: PanicLine) => void;
}

/** IPI_CPU_STOP, where no dump is to be. */
const PLAIN_STOP_SGI = 2;
/** SGIs that Linux has for itself (MAX_IPI), and asks the controller about. */
const IPIS = 8;

const PSCI_CPU_OFF = 0x8400_0002n;
const PSCI_SYSTEM_RESET = 0x8400_0009n;

/** PSTATE of an idle processor that an interrupt comes to: EL1, Z and C of the comparison before. */
const IDLE_PSTATE = 0x6000_0005n;
/** crash_setup_regs() has its registers on the stack, below what panic() has there. */
const FRAME_BYTES = 0x200n;

/** The process that there always is. */
const INIT = { pid: 1, comm: 'init' };
const EXIT_SIGSEGV = '0x0000000b';

/** @throws KexecError when the machine cannot be as the request says, or has no such kernel */
export const die = (
  machine: RecordedMachine,
  whole: WholeMachine,
  request: PanicRequest,
  settings: PanicSettings,
): PanicEnd => new DyingKernel(machine, whole, request, settings).die();

class DyingKernel {
  readonly #machine: RecordedMachine;
  readonly #whole: WholeMachine;
  readonly #request: PanicRequest;
  readonly #settings: PanicSettings;
  readonly #facts: CrashFacts;
  readonly #kexec: KexecMachine;
  readonly #kernel: RunningKernel;
  readonly #memory: OldMemory;
  readonly #gic: LinuxGic | undefined;
  readonly #uts: Uts | undefined;
  readonly #scene: Scene;
  readonly #kimage: Kimage | undefined;
  readonly #lines: PanicLine[] = [];
  #failed: readonly number[] = [];
  #stopped = false;

  constructor(machine: RecordedMachine, whole: WholeMachine, request: PanicRequest, settings: PanicSettings) {
    this.#machine = machine;
    this.#whole = whole;
    this.#request = request;
    this.#settings = settings;
    this.#facts = crashFacts(machine);
    const { board, cpus } = whole;
    checkCpus(request, this.#facts.online, cpus.length);
    const { bootEl, description, image } = settings;
    this.#kexec = kexecMachine(machine, bootEl);
    this.#kimage = image && this.#load(image);
    this.#corrupt();
    this.#kernel = placeKernel(this.#kexec, board.memory, 'mmu_off');
    this.#memory = new OldMemory(board.memory, this.#facts, this.#kernel.addresses, this.#kexec.resources);
    this.#gic = linuxGic(board, description, cpus);
    this.#uts = utsOf(machine.files);
    const given = request.registers.get('pid');
    const pid = given === undefined ? INIT.pid : Number(given);
    this.#scene = {
      traits: traitsOf(this.#kexec.generation).dying,
      uts: this.#uts,
      hardware: hardwareName(machine),
      cpu: request.cpu,
      pid,
      comm: pid === 0 ? `swapper/${request.cpu}` : pid === INIT.pid ? INIT.comm : 'sh',
      isLoaded: image !== undefined,
    };
  }

  die(): PanicEnd {
    this.#bringUp();
    const registers = this.#registers();
    const end = this.#request.cause === 'sysrq' ? this.#sysrq(registers) : this.#oops(registers);
    this.#storeMemory();
    // Nothing that was cached before is of use.
    for (const cpu of this.#whole.cpus) cpu.invalidate();
    this.#whole.board.enter(this.#cpu);
    this.#whole.processors.switchTo(this.#cpu);
    return end;
  }

  get #cpu(): CpuModel {
    return this.#whole.cpus[this.#request.cpu]!;
  }

  #say(...lines: readonly PanicLine[]): void {
    for (const line of lines) {
      this.#lines.push(line);
      this.#settings.tell(line);
    }
  }

  /** What kexec_load(2) has done, long before. */
  #load(image: CrashImage): Kimage {
    const { facts } = this.#machine.kernel;
    const { crashRegion, pageSize } = facts;
    if (crashRegion === undefined) {
      throw KexecError.die('a crash kernel is loaded, and /proc/iomem has no "Crash kernel"', { subject: 'iomem' });
    }
    const kimage = layOutCrashImage(image.segments, crashRegion, pageSize);
    if ('lacks' in kimage) throw KexecError.die(`simulated machine: no memory is left for a ${kimage.lacks}`);
    storeKimage(kimage, image.segments, this.#whole.board.memory);
    return kimage;
  }

  #corrupt(): void {
    const { corrupt } = this.#request;
    if (corrupt === undefined) return;
    const region = this.#machine.kernel.facts.crashRegion;
    const { memory } = this.#whole.board;
    if (region?.contains(corrupt) !== true || !memory.isRam(corrupt)) {
      const where =
        region === undefined ? 'there is none' : `it is 0x${region.start.toString(16)}-0x${region.last.toString(16)}`;
      throw KexecError.die(`--corrupt: 0x${corrupt.toString(16)} is not in the crash kernel's memory: ${where}`, {
        subject: '--corrupt',
      });
    }
    memory.write(
      corrupt,
      memory.read(corrupt, 1).map((byte) => byte ^ 0xff),
    );
  }

  /** The machine as its kernel had it: its processors on, and interrupts on their way. */
  #bringUp(): void {
    const { board, cpus } = this.#whole;
    const online = cpus.filter((_, i) => this.#facts.online.includes(i));
    board.firmware.hasStarted(online);
    for (const cpu of this.#request.deafCpus) board.firmware.leaveAlone(cpus[cpu]!);
    const [first] = cpus;
    this.#gic?.startDistributor(first, this.#sharedLines);
    for (const cpu of online) this.#gic?.startInterface(cpu, this.#privateLines);
  }

  /** What the console sends its interrupts by. */
  get #sharedLines(): readonly number[] {
    return this.#settings.description.console?.interrupts.slice(0, 1).map(({ intid }) => intid) ?? [];
  }

  /** The timer that the kernel goes by: one that no hypervisor has for itself (arch_timer_select_ppi()). */
  get #privateLines(): readonly number[] {
    const { timer } = this.#settings.description;
    const line = this.#settings.bootEl === 2 ? timer?.physical : timer?.virtual;
    return line === undefined ? [] : [line];
  }

  #registers(): ProcessorRegisters {
    const { registers } = this.#request;
    const own = this.#crashSetupRegs();
    const x = own.x.map((value, i) => registers.get(`x${i}`) ?? value);
    const isOops = this.#request.cause === 'oops';
    return {
      x,
      sp: registers.get('sp') ?? own.sp,
      // An oops that nobody says more of is a jump to 0.
      pc: registers.get('pc') ?? (isOops ? 0n : own.pc),
      pstate: registers.get('pstate') ?? (isOops ? IDLE_PSTATE : own.pstate),
    };
  }

  /**
   * crash_setup_regs() (arch/arm64/include/asm/kexec.h): what the function has in its registers itself. Where it is,
   * /proc/kallsyms tells at best to the function; without it, it is where the kernel's code is that is here.
   */
  #crashSetupRegs(): ProcessorRegisters {
    const { addresses, stackEnd, code } = this.#kernel;
    const { kallsyms } = this.#kexec;
    const { traits } = this.#scene;
    const sp = addresses.image(stackEnd) - FRAME_BYTES;
    const x = Array.from({ length: 31 }, () => 0n);
    if (traits.hasPlaceInX0) x[0] = sp + 8n;
    x[29] = sp;
    const pc = ['__crash_kexec', 'crash_kexec', 'panic'].reduce<bigint | undefined>(
      (found, name) => found ?? kernelSymbol(kallsyms, name),
      undefined,
    );
    return {
      x,
      sp,
      pc: pc ?? addresses.image(code.at),
      pstate: traits.fakedPstate,
    };
  }

  /** What an idle processor has in its registers where an interrupt comes: nothing tells more than where it is. */
  #idleRegisters(): ProcessorRegisters {
    const { addresses, code } = this.#kernel;
    const { kallsyms } = this.#kexec;
    const pc = kernelSymbol(kallsyms, 'default_idle_call') ?? kernelSymbol(kallsyms, 'cpu_do_idle');
    return { x: [], sp: 0n, pc: pc ?? addresses.image(code.at), pstate: IDLE_PSTATE };
  }

  #sysrq(registers: ProcessorRegisters): PanicEnd {
    this.#say(sysrqLine(), panicLine(SYSRQ_REASON), ...whereLines(this.#scene));
    return this.#panic(SYSRQ_REASON, registers);
  }

  #oops(registers: ProcessorRegisters): PanicEnd {
    const { pid, traits } = this.#scene;
    const given = this.#request.registers;
    const usual = nullFault(registers.pc);
    const fault = checkFault({ esr: given.get('esr') ?? usual.esr, far: given.get('far') ?? usual.far }, '--registers');
    const panics = this.#panicOnOops;
    if (!panics && pid > INIT.pid) {
      throw KexecError.die(
        `--registers: process ${pid} would die of the oops, and the kernel go on: panic_on_oops is 0`,
        { subject: '--registers' },
      );
    }
    this.#say(...oopsLines(this.#scene, registers, fault, this.#machine.pageSize));
    // kexec_should_crash(): init, the idle process, or whoever where an oops is a panic.
    if (this.#image !== undefined && !this.#postNotifiers) return this.#crashKexec(registers);
    if (traits.endsTraceWithZero) this.#say(warning('---[ end trace 0000000000000000 ]---'));
    const reason = panics
      ? 'Oops: Fatal exception'
      : pid === 0
        ? 'Attempted to kill the idle task!'
        : `Attempted to kill init! exitcode=${EXIT_SIGSEGV}`;
    this.#say(panicLine(reason));
    return this.#panic(reason, registers);
  }

  get #image(): CrashImage | undefined {
    return this.#settings.image;
  }

  /** Parameter crash_kexec_post_notifiers of the kernel's core, which may stand there without a value. */
  get #postNotifiers(): boolean {
    const words = (this.#machine.files.readText('/proc/cmdline') ?? '').split(/\s+/);
    return words.some((word) => /^crash_kexec_post_notifiers(=[1yY]\w*)?$/.test(word));
  }

  get #panicOnOops(): boolean {
    const recorded = this.#machine.files.readText('/proc/sys/kernel/panic_on_oops')?.trim();
    if (recorded !== undefined) return recorded !== '0';
    return /(?:^|\s)oops=panic(?:\s|$)/.test(this.#machine.files.readText('/proc/cmdline') ?? '');
  }

  /** panic() behind its first lines. */
  #panic(reason: string, registers: ProcessorRegisters): PanicEnd {
    if (this.#image !== undefined && !this.#postNotifiers) return this.#crashKexec(registers);
    this.#stopOthers(this.#postNotifiers);
    this.#say(...notifierLines(this.#place));
    if (!/(?:^|\s)mem=/.test(this.#machine.files.readText('/proc/cmdline') ?? '')) {
      this.#say(emergency('Memory Limit: none'));
    }
    if (this.#image !== undefined) return this.#crashKexec(registers);
    this.#say(ours(`there is no dump: ${this.#settings.whyNone}`));
    return this.#withoutDump(reason);
  }

  get #place(): KernelPlace | undefined {
    const { vmcoreinfo } = this.#memory;
    const offset = vmcoreinfo?.text('KERNELOFFSET');
    const text = vmcoreinfo?.symbol('_stext');
    if (offset === undefined || text === undefined || !/^[0-9a-f]{1,16}$/.test(offset)) return undefined;
    const bytes = BigInt(`0x${offset}`);
    return { offset: bytes, base: alignDown(u64(text - bytes), IMAGE_ALIGNMENT), physOffset: vmcoreinfo?.physOffset };
  }

  #withoutDump(reason: string): PanicEnd {
    const timeout = this.#panicTimeout;
    if (timeout > 0) this.#say(rebootingLine(timeout));
    if (timeout === 0) {
      this.#say(endLine(reason));
      return { kind: 'halt' };
    }
    if (this.#settings.description.conduit === undefined) {
      this.#say(emergency('Reboot failed -- System halted'));
      return { kind: 'halt' };
    }
    return { kind: this.#call(this.#cpu, PSCI_SYSTEM_RESET) === 'power' ? 'reset' : 'halt' };
  }

  /** Seconds, negative for at once, 0 for never: panic= of the command line, or what was set since. */
  get #panicTimeout(): number {
    const { files } = this.#machine;
    const told =
      files.readText('/proc/sys/kernel/panic')?.trim() ?? kernelParameter(files, 'panic')?.slice('panic='.length);
    return told !== undefined && /^-?\d{1,9}$/.test(told) ? Number(told) : 0;
  }

  /** __crash_kexec(). */
  #crashKexec(registers: ProcessorRegisters): PanicEnd {
    const { pc, sp, pstate } = registers;
    const at = (value: bigint): string => `0x${value.toString(16)}`;
    this.#say(ours(`crash_setup_regs: pc ${at(pc)}, sp ${at(sp)}, pstate ${at(pstate)}`));
    const { seconds } = this.#whole.board;
    const note = this.#memory.storeVmcoreinfo(seconds);
    this.#say(
      ours(
        note === undefined
          ? 'crash_save_vmcoreinfo: neither /sys/kernel/vmcoreinfo nor /proc/kcore tells of it: the dump has none'
          : `crash_save_vmcoreinfo: CRASHTIME=${seconds}, at ${at(note.address)}`,
      ),
    );
    this.#stopOthers(true);
    this.#saveCpu(this.#request.cpu, registers, this.#scene.pid);
    this.#maskInterrupts();
    this.#say(startingLine());
    const stuck = this.#machine.kernel.facts.stuckCpus?.();
    if (this.#failed.length > 0 || stuck !== undefined) this.#say(...staleLines(this.#scene));
    const prepared = this.#machineKexec();
    return { kind: 'kexec', prepared };
  }

  #machineKexec(): PreparedKexec {
    const image = this.#image!;
    const prepared = prepareCrashKexec(
      this.#kexec,
      image,
      this.#kimage!,
      this.#kernel,
      this.#whole.board.memory,
      this.#cpu,
    );
    const by =
      prepared.relocation === 'mmu_off'
        ? `the code in the control page 0x${prepared.controlCodePage.toString(16)} finds IND_DONE at once`
        : `IND_DONE at once: the control page 0x${prepared.controlCodePage.toString(16)} is not used`;
    const way = this.#settings.bootEl === 2 ? ', by way of EL2' : '';
    this.#say(ours(`machine_kexec: ${by}; cpu_soft_restart to 0x${image.entry.toString(16)}${way}`), byeLine());
    return prepared;
  }

  /** crash_smp_send_stop(), or smp_send_stop() where no dump is to be. */
  #stopOthers(isCrash: boolean): void {
    if (this.#stopped) return;
    this.#stopped = true;
    const others = this.#facts.online.filter((cpu) => cpu !== this.#request.cpu);
    if (others.length === 0) return;
    this.#say(stoppingLine());
    const { traits } = this.#scene;
    const sgi = isCrash ? traits.stopSgi : PLAIN_STOP_SGI;
    this.#failed = others.filter((cpu) => !this.#stop(cpu, sgi, isCrash));
    if (this.#failed.length === 0) return;
    this.#say(failedToStopLine(formatCpuList(traits.namesAllThatWereAsked ? others : this.#failed)));
  }

  /** @returns whether the processor has answered */
  #stop(number: number, sgi: number, isCrash: boolean): boolean {
    const cpu = this.#whole.cpus[number];
    if (cpu === undefined) {
      // A machine whose tree has no processors: what it does, nobody sees.
      if (isCrash) this.#saveCpu(number, this.#idleRegisters(), 0);
      this.#say(ours(`CPU${number} stops, which is not on the board: the recorded tree has no such processor`));
      return true;
    }
    this.#gic?.sendSgi(this.#cpu, cpu, sgi);
    if (this.#request.deafCpus.includes(number)) {
      this.#say(ours(`CPU${number} does not answer to IPI ${sgi}`));
      return false;
    }
    const taken = this.#gic?.acknowledge(cpu);
    if (taken !== undefined && taken !== sgi) {
      this.#say(ours(`CPU${number} gets no IPI ${sgi}: the interrupt controller gives it ${taken}`));
      return false;
    }
    if (isCrash) this.#saveCpu(number, this.#idleRegisters(), 0);
    this.#switchOff(cpu, number, isCrash);
    return true;
  }

  /** __cpu_try_die(), where a dump is to be; else, and where that does not come to its end, cpu_park_loop(). */
  #switchOff(cpu: CpuModel, number: number, isCrash: boolean): void {
    const { firmware } = this.#whole.board;
    const { conduit, hasCpuOff, processors } = this.#settings.description;
    const canDie = conduit !== undefined && hasCpuOff && processors[number]?.enableMethods[0] === 'psci';
    if (!isCrash || !canDie) {
      firmware.leaveAlone(cpu);
      this.#say(ours(`CPU${number} waits in the old kernel for good`));
      return;
    }
    this.#call(cpu, PSCI_CPU_OFF);
    this.#say(ours(`CPU${number}: CPU_OFF${firmware.hangs(cpu) ? ', in which it hangs' : ''}`));
  }

  /** A call to the firmware, by a processor that has nothing else to do. */
  #call(cpu: CpuModel, functionId: bigint): string | undefined {
    this.#whole.board.enter(cpu);
    cpu.setX(0, functionId);
    return this.#whole.board.firmware.call(cpu)?.kind;
  }

  #saveCpu(number: number, registers: ProcessorRegisters, pid: number): void {
    const place = this.#memory.storeNote(number, prstatusNote(registers, pid));
    this.#say(
      ours(
        place === undefined
          ? `crash_save_cpu: /sys/devices/system/cpu/cpu${number}/crash_notes leads to no memory: the dump has no note of it`
          : `crash_save_cpu: CPU${number}, at 0x${place.address.toString(16)}`,
      ),
    );
  }

  /** machine_kexec_mask_interrupts(): those that Linux has a number for. */
  #maskInterrupts(): void {
    const intids = [...Array.from({ length: IPIS }, (_, i) => i), ...this.#privateLines, ...this.#sharedLines];
    this.#gic?.mask(this.#cpu, intids);
    this.#say(
      ours(
        this.#gic === undefined
          ? 'machine_kexec_mask_interrupts: the recorded tree has no interrupt controller'
          : `machine_kexec_mask_interrupts: ${formatCpuList(intids)} are inactive and masked`,
      ),
    );
  }

  /** All but the notes, which are there already. */
  #storeMemory(): void {
    if (this.#uts !== undefined) this.#memory.storeUts(this.#uts, this.#machine.machine);
    const recorded = recordedLog(this.#machine.files.note('dmesg'));
    const nanoseconds = recorded.at(-1)?.nanoseconds ?? 0n;
    const records = (lines: readonly PanicLine[]): readonly LogRecord[] =>
      lines.map(({ level, text }) => ({ level, text, nanoseconds }));
    const all = [...recorded, ...records(this.#settings.earlier), ...records(this.#lines)];
    const missing = this.#memory.storeLog(all);
    if (missing !== undefined) this.#say(ours(`the log is not in the old kernel's memory: ${missing}`));
  }
}

/** A kernel's image lies at a multiple of this (MIN_KIMG_ALIGN). */
const IMAGE_ALIGNMENT = 2n << 20n;

/** @throws KexecError */
const checkCpus = ({ cpu, deafCpus }: PanicRequest, online: readonly number[], modelled: number): void => {
  const check = (option: string, number: number): void => {
    const refuse = (why: string): KexecError =>
      KexecError.die(`${option}: processor ${number} ${why}`, { subject: option });
    if (!online.includes(number)) throw refuse(`is not on: ${formatCpuList(online)} are`);
    if (number >= modelled) throw refuse('is not on the board: the recorded tree does not tell of it');
  };
  check('--cpu', cpu);
  for (const deaf of deafCpus) {
    check('--deaf-cpu', deaf);
    if (deaf === cpu) {
      throw KexecError.die(`--deaf-cpu: processor ${deaf} is the one that panics`, { subject: '--deaf-cpu' });
    }
  }
};

/** What dump_stack() calls the machine: firmware's name of it, or else the tree's. */
const hardwareName = ({ files }: RecordedMachine): string | undefined => {
  const dmesg = files.note('dmesg') ?? '';
  const dmi = /\bDMI: ([ -~]{1,200})$/m.exec(dmesg)?.[1];
  const model = /\bMachine model: ([ -~]{1,120})$/m.exec(dmesg)?.[1];
  return dmi ?? (model === undefined ? undefined : `${model} (DT)`);
};
