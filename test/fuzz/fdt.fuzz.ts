/** Fuzz targets: device trees, as blobs and as files in /proc. */
import { arm64CompatOf } from '../../kexec/arch/arm64/compat-arm64.js';
import { setupSecondDtb } from '../../kexec/arch/arm64/dtb-arm64.js';
import { attempt as attemptOf } from '../../kexec/base/attempt.js';
import { type Release } from '../../kexec/base/compat.js';
import { dtbClearInitrd, dtbSetInitrd } from '../../kexec/device-tree/dt-ops.js';
import { KexecError } from '../../kexec/base/error.js';
import { cells32, stringValue } from '../../kexec/device-tree/fdt-values.js';
import { createFlattenTree } from '../../kexec/device-tree/fs2dt.js';
import { Fdt, checkHeader, isFdtError } from '../../kexec/device-tree/libfdt.js';
import { getProp, numMemRsv, pathOffset } from '../../kexec/device-tree/libfdt-ro.js';
import { addSubnode, delProp, openInto, pack, setProp } from '../../kexec/device-tree/libfdt-rw.js';
import { createLog } from '../../kexec/base/log.js';
import { Range } from '../../kexec/base/range.js';
import { blobOf } from '../../sim/kernel/dtc/blob.js';
import { sourceOfBlob } from '../../sim/kernel/dtc/source.js';
import { describeBoard } from '../../sim/machine/board-tree/describe.js';
import { treeOfBlob } from '../../sim/machine/board-tree/tree.js';
import { MachineError } from '../../sim/machine/error.js';
import { MACHINES, SMALL_TREES, contents, deviceTreeSystem, tree, treeBytes } from '../support/files/fdt-support.js';
import { memorySystem } from '../support/files/memory-system.js';
import type { FuzzTarget } from './fuzz-target.js';

const debugLog = createLog(
  true,
  () => {},
  () => {},
);

const ELFCOREHDR = Range.sized(0xb99e0000n, 0x20000n);
const REGIONS = [Range.sized(0xa9a00000n, 0x10000000n), Range.sized(0x4a9a00000n, 0x10000000n)];

/** The recorded trees without the free space behind them, in which nothing could be found. */
const packedMachineTrees = (): Uint8Array[] =>
  MACHINES.map((machine) => {
    const fdt = tree(machine);
    pack(fdt);
    return fdt.trimmed();
  });

const seeds = (): readonly Uint8Array[] => [...SMALL_TREES.map(treeBytes), ...packedMachineTrees()];

const read = (fdt: Fdt): void => {
  checkHeader(fdt);
  for (const path of ['/', '/chosen', '/memory', '/soc/uart', '/cpus/cpu@1']) {
    const node = pathOffset(fdt, path);
    if (isFdtError(node)) continue;
    for (const name of ['#address-cells', 'compatible', 'reg', 'kaslr-seed']) getProp(fdt, node, name);
  }
  numMemRsv(fdt);
};

const edit = (original: Fdt): void => {
  if (checkHeader(original) !== undefined) return;
  const fdt = openInto(original, original.header('totalSize') + 256);
  if (isFdtError(fdt)) return;
  addSubnode(fdt, 0, 'chosen');
  for (const path of ['/', '/chosen', '/soc/uart']) {
    const node = pathOffset(fdt, path);
    if (isFdtError(node)) continue;
    setProp(fdt, node, 'reg', cells32(1, 2, 3));
    setProp(fdt, node, 'bootargs', stringValue('quiet'));
    delProp(fdt, node, 'compatible');
    addSubnode(fdt, node, 'new@1');
  }
  pack(fdt);
  fdt.trimmed();
};

const setup = (bytes: Uint8Array, release: Release, crash: boolean): void => {
  const second = setupSecondDtb(
    { bytes, name: 'fuzz' },
    {
      commandLine: crash ? 'quiet root=/dev/vda' : '',
      crash: crash ? { elfcorehdr: ELFCOREHDR } : undefined,
      usableMemory: REGIONS,
      arm64Compat: arm64CompatOf({ release }),
      system: memorySystem({}),
      log: debugLog,
    },
  );
  dtbClearInitrd(second, debugLog);
  dtbSetInitrd(second, 0x48000000n, 0x49000000n, debugLog);
};

/** Lets what comes after a refusal be tried as well. */
const attempt = (action: () => void): void => {
  try {
    action();
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
  }
};

export const targets: readonly FuzzTarget[] = [
  {
    name: 'fdt-read',
    seeds,
    run: (input) => {
      read(new Fdt(input, 'fuzz'));
    },
  },
  {
    name: 'fdt-edit',
    seeds,
    run: (input) => {
      edit(new Fdt(input, 'fuzz'));
    },
  },
  {
    name: 'fdt-setup',
    seeds,
    run: (input) => {
      attempt(() => {
        setup(input, '2.0.32', false);
      });
      attempt(() => {
        setup(input, '2.0.20', true);
      });
      setup(input, '2.0.32', true);
    },
  },
  {
    name: 'board-tree',
    seeds,
    run: (input) => {
      const result = attemptOf(MachineError, () => describeBoard(treeOfBlob(input)));
      if (result instanceof MachineError) throw KexecError.die(result.message, { subject: 'fuzz' });
    },
  },
  {
    name: 'dtc',
    seeds,
    run: (input) => {
      const result = attemptOf(MachineError, () => [sourceOfBlob(input), blobOf(treeOfBlob(input))]);
      if (result instanceof MachineError) throw KexecError.die(result.message, { subject: 'fuzz' });
    },
  },
  {
    name: 'fs2dt',
    seeds,
    run: (input) => {
      const files = [...contents(new Fdt(input, 'fuzz'))].filter(([path]) => !path.endsWith('/'));
      const system = deviceTreeSystem(
        Object.fromEntries(files.map(([path, value]) => [path.slice(1), new Uint8Array(Buffer.from(value, 'hex'))])),
      );
      const bytes = createFlattenTree({
        commandLineSize: 2048,
        system,
        log: debugLog,
        usableMemory: REGIONS,
        reuseInitrd: true,
      });
      read(new Fdt(bytes, 'flattened'));
    },
  },
];
