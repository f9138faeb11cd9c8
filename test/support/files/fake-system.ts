/** A System of files in memory that keeps the system calls it gets. */
import { Errno } from '../../../kexec/base/error.js';
import type { KexecFileLoadCall, KexecLoadCall, RebootOutcome, System } from '../../../kexec/base/system.js';
import { memorySystem, type MemoryFile } from './memory-system.js';
import { recordedFiles } from '../recorded.js';

export interface FakeOptions {
  readonly machine?: string;
  readonly pageSize?: bigint;
  readonly nrCpus?: number;
  /** What the system calls answer: 0 or a negative errno. */
  readonly kexecLoad?: number;
  readonly kexecFileLoad?: number;
  readonly reboot?: RebootOutcome;
  /** Paths of the programs that there are. */
  readonly programs?: readonly string[];
  /** IFF_* flags of the network interfaces; undefined for one that cannot be changed. */
  readonly interfaces?: Readonly<Record<string, number | undefined>>;
}

/** A System of files in memory that keeps the calls it gets. */
export interface FakeSystem extends System {
  readonly loads: readonly KexecLoadCall[];
  readonly fileLoads: readonly KexecFileLoadCall[];
  /** The other calls that change something, in words. */
  readonly steps: readonly string[];
}

export const fakeSystem = (files: Readonly<Record<string, MemoryFile>>, options: FakeOptions = {}): FakeSystem => {
  const loads: KexecLoadCall[] = [];
  const fileLoads: KexecFileLoadCall[] = [];
  const steps: string[] = [];
  const interfaces = options.interfaces ?? {};
  /** A call names an interface by as much of its name as fits. */
  const flagsOf = (name: string): number | undefined =>
    Object.entries(interfaces).find(([full]) => full.startsWith(name))?.[1];
  return {
    ...memorySystem(files, { nrCpus: options.nrCpus ?? 1 }),
    pageSize: options.pageSize ?? 0x1000n,
    machine: options.machine ?? 'aarch64',
    loads,
    fileLoads,
    steps,
    kexecLoad: async (call) => {
      loads.push(call);
      return options.kexecLoad ?? 0;
    },
    kexecFileLoad: async (call) => {
      fileLoads.push(call);
      return options.kexecFileLoad ?? -Errno.ENOSYS;
    },
    rebootKexec: async () => {
      steps.push('reboot');
      return options.reboot ?? { kind: 'over', exitCode: 0 };
    },
    sync: () => void steps.push('sync'),
    interfaceNames: () => Object.keys(interfaces),
    interfaceFlags: (name) => flagsOf(name) ?? 0,
    setInterfaceFlags: async (name, flags) => {
      steps.push(`${name} = 0x${flags.toString(16)}`);
      return flagsOf(name) === undefined ? -Errno.ENODEV : 0;
    },
    execv: async (path, argv) => {
      steps.push([path, ...argv].join(' '));
      return options.programs?.includes(path) === true
        ? { kind: 'over', exitCode: 0 }
        : { kind: 'refused', errno: -Errno.ENOENT };
    },
  };
};

/** The files of a bundled machine, by their paths on the machine. */
export const machineFiles = (name: string): Readonly<Record<string, MemoryFile>> =>
  Object.fromEntries([...recordedFiles(name)].map(([path, bytes]) => [`/${path}`, bytes]));

/** The least that a kernel can be loaded on. */
export const smallMachine = (iomem: string, tree: Uint8Array): Readonly<Record<string, MemoryFile>> => ({
  '/proc/iomem': iomem,
  '/proc/cmdline': 'root=/dev/vda rw\n',
  '/proc/kallsyms': 'ffff800008000000 T _text\nffff800008010000 T _stext\nffff800008800000 T __init_begin\n',
  '/sys/firmware/fdt': tree,
  '/sys/kernel/kexec_loaded': '0\n',
  '/sys/kernel/kexec_crash_loaded': '0\n',
  '/sys/devices/system/cpu/cpu0/crash_notes': '7ffc0000\n',
  '/sys/devices/system/cpu/cpu0/crash_notes_size': '400\n',
  '/sys/kernel/vmcoreinfo': '0x7ffb0000 1024\n',
});
