/** The arm64 board that a recorded machine is built around: its RAM, console and interrupt controller. */
import { attempt } from '../../../kexec/base/attempt.js';
import { SystemError } from '../../../kexec/base/error.js';
import { Fdt, isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { getProp, pathOffset } from '../../../kexec/device-tree/libfdt-ro.js';
import type { Range } from '../../../kexec/base/range.js';
import { type PropertyReader, bootLevel, consoleUart, gicVersion } from '../../machine/board-tree.js';
import { parseResources } from './iomem.js';
import type { RecordedFiles } from './recorded-files.js';

/** What a recording tells of the board that the machine is built around. */
export interface BoardFacts {
  readonly ram: readonly Range[];
  /** Physical address of the console's PL011. */
  readonly uart: bigint;
  /** The exception level that the kernel was started at. */
  readonly bootEl: 1 | 2;
  /** Version of the interrupt controller. */
  readonly gic: 2 | 3;
}

const DIRECTORY = '/sys/firmware/devicetree/base';
const BLOB = '/sys/firmware/fdt';

export const boardFacts = (files: RecordedFiles): BoardFacts => {
  const read = propertyReader(files);
  const resources = parseResources(files.readText('/proc/iomem') ?? '');
  return {
    ram: resources.filter(({ name }) => name === 'System RAM').map(({ range }) => range),
    uart: consoleUart(read),
    bootEl: bootLevel(read),
    gic: gicVersion(read),
  };
};

/** Linux shows the tree as a directory, and as the bytes that it was given. */
const propertyReader = (files: RecordedFiles): PropertyReader => {
  const blob = files.kind(BLOB) === 'file' ? new Fdt(files.readFile(BLOB), BLOB) : undefined;
  return (path, property) => readFile(files, `${DIRECTORY}${path}/${property}`) ?? (blob && readBlob(blob, path, property));
};

const readFile = (files: RecordedFiles, path: string): Uint8Array | undefined => {
  if (files.kind(path) !== 'file') return undefined;
  const bytes = attempt(SystemError, () => files.readFile(path));
  // A property that only root may read is not there when somebody else recorded the machine.
  return bytes instanceof SystemError ? undefined : bytes;
};

const readBlob = (blob: Fdt, path: string, property: string): Uint8Array | undefined => {
  const node = pathOffset(blob, path);
  if (isFdtError(node)) return undefined;
  const value = getProp(blob, node, property);
  return isFdtError(value) ? undefined : value;
};
