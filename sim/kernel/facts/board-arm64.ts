/** The arm64 board that a recorded machine is built around: its RAM, console and interrupt controller. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError, SystemError } from '../../../kexec/base/error.js';
import type { Range } from '../../../kexec/base/range.js';
import type { BoardDescription, DeviceDescription } from '../../machine/board-tree/description.js';
import { type ToldByTree, toldByTree } from '../../machine/board-tree/told-by-tree.js';
import { MAX_DEPTH, type TreeNode, treeError, treeOfBlob } from '../../machine/board-tree/tree.js';
import { MachineError } from '../../machine/error.js';
import { type Quirk, parseQuirks } from '../../machine/quirks.js';
import { parseResources } from './iomem.js';
import type { RecordedFiles } from './recorded-files.js';

/** What a recording tells of the board that the machine is built around. */
export interface BoardFacts {
  readonly ram: readonly Range[];
  /** Physical address of the console's PL011. */
  readonly uart: bigint;
  /**
   * Where a register sends bytes to the console, unless a device is there: the ports that kexec's --serial can find.
   */
  readonly sinks: readonly bigint[];
  /** The exception level that the kernel was started at. */
  readonly bootEl: 1 | 2;
  /** Whether that is told, by the kernel's log, the tree, or the user. */
  readonly elIsKnown: boolean;
  /** Version of the interrupt controller. */
  readonly gic: 2 | 3;
  /** All that the device tree tells. */
  readonly board: BoardDescription;
  /** What /chosen says of UEFI, by the properties' names. */
  readonly uefi: ReadonlyMap<string, Uint8Array>;
  /** What its firmware does in its own way, as a note "quirks" says. */
  readonly quirks: readonly Quirk[];
}

/** Where QEMU's board `virt` has its first UART. */
export const DEFAULT_UART = 0x900_0000n;

/** The UART of a board whose tree tells of no devices. */
export const DEFAULT_CONSOLE: DeviceDescription = {
  path: '/pl011',
  compatible: ['arm,pl011'],
  physAddr: DEFAULT_UART,
  sizeBytes: 0x1000n,
  more: [],
  interrupts: [],
  regShift: 0,
  regIoWidth: 4,
  regOffset: 0,
};

const DIRECTORY = '/sys/firmware/devicetree/base';
const BLOB = '/sys/firmware/fdt';

/** The exception level that the kernel's log tells (hyp_mode_check(), arch/arm64/kernel/smp.c). */
export const recordedEl = (files: RecordedFiles): 1 | 2 | undefined => {
  const [, level] = /CPU: All CPU\(s\) started at EL([12])/.exec(files.note('dmesg') ?? '') ?? [];
  return level === undefined ? undefined : level === '2' ? 2 : 1;
};

/**
 * @param wantedEl the exception level that the user says it was started at
 * @throws KexecError when the recorded device tree is broken, or a note names a quirk that is none
 */
export const boardFacts = (files: RecordedFiles, wantedEl?: 1 | 2): BoardFacts => {
  const { board: described, uefi } = toldByRecording(files);
  const board = described.devices.length > 0 ? described : { ...described, devices: [DEFAULT_CONSOLE] };
  const told = wantedEl ?? recordedEl(files);
  const { console, conduit, gic } = board;
  const resources = parseResources(files.readText('/proc/iomem') ?? '');
  const uart = console?.compatible.includes('arm,pl011') === true ? console.physAddr : DEFAULT_UART;
  return {
    ram: resources.filter(({ name }) => name === 'System RAM').map(({ range }) => range),
    uart,
    sinks: [...new Set([uart, ...serialPorts(files)])],
    // Firmware that is called by HVC lies at EL2, and so the kernel below it; where it is called by SMC, EL2 is the
    // kernel's (Linux' bindings arm/psci.yaml: method).
    bootEl: told ?? (conduit === 'smc' ? 2 : 1),
    elIsKnown: told !== undefined || conduit !== undefined,
    gic: gic?.version ?? 2,
    board,
    uefi,
    quirks: parseQuirks(files.note('quirks') ?? '', `${files.path}/quirks`),
  };
};

const TERMINALS = '/sys/class/tty';

/** Physical addresses of the terminals that are ports in memory. Most of the others say that they are at 0. */
const serialPorts = (files: RecordedFiles): readonly bigint[] => {
  const names = attempt(SystemError, () => files.list(TERMINALS));
  if (names instanceof SystemError) return [];
  return names.toSorted().flatMap((name) => {
    const [, digits] =
      /^(?:0x)?([0-9a-f]{1,16})\s*$/i.exec(files.readText(`${TERMINALS}/${name}/iomem_base`) ?? '') ?? [];
    const physAddr = BigInt(`0x${digits ?? '0'}`);
    return physAddr === 0n ? [] : [physAddr];
  });
};

/** What the recorded device tree says of the board; of a recording without one, nothing. @throws KexecError */
export const boardDescription = (files: RecordedFiles): BoardDescription => toldByRecording(files).board;

const toldByRecording = (files: RecordedFiles): ToldByTree => {
  const told = attempt(MachineError, () => toldByTree(recordedTree(files)));
  if (told instanceof MachineError) throw KexecError.die(told.message, { subject: files.path });
  return told;
};

/** Linux shows the tree as a directory, and as the bytes that it was given. */
export const recordedTree = (files: RecordedFiles): TreeNode => {
  if (files.kind(DIRECTORY) === 'directory') return new DirectoryReader(files).nodeOf(DIRECTORY, '', 0);
  if (files.kind(BLOB) === 'file') return treeOfBlob(files.readFile(BLOB));
  return { name: '', properties: new Map(), children: [] };
};

/** The bytes that Linux was given, of a recording that has no directory of them; undefined without both. */
export const recordedBlob = (files: RecordedFiles): Uint8Array | undefined =>
  files.kind(DIRECTORY) !== 'directory' && files.kind(BLOB) === 'file' ? files.readFile(BLOB) : undefined;

/** Files and directories that a recorded tree may have. A real board's has some thousands. */
export const MAX_ENTRIES = 1 << 16;

class DirectoryReader {
  #entries = 0;

  constructor(private readonly files: RecordedFiles) {}

  /** A directory as a node: in order of the names, since a directory has none of its own. */
  nodeOf(path: string, name: string, depth: number): TreeNode {
    if (depth === MAX_DEPTH) throw treeError(`has more than ${MAX_DEPTH} nodes one in the other`);
    const properties = new Map<string, Uint8Array>();
    const children: TreeNode[] = [];
    for (const entry of this.#readable([], () => this.files.list(path)).toSorted()) {
      if (++this.#entries > MAX_ENTRIES) throw treeError(`has more than ${MAX_ENTRIES} files`);
      const below = `${path}/${entry}`;
      const kind = this.files.kind(below);
      if (kind === 'directory') children.push(this.nodeOf(below, entry, depth + 1));
      const value = kind === 'file' ? this.#readable(undefined, () => this.files.readFile(below)) : undefined;
      if (value !== undefined) properties.set(entry, value);
    }
    return { name, properties, children };
  }

  /** What only root may read is not there when somebody else recorded the machine. */
  #readable<T, U>(otherwise: U, read: () => T): T | U {
    const value = attempt(SystemError, read);
    return value instanceof SystemError ? otherwise : value;
  }
}
