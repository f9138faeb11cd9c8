/** The device tree of a recorded machine with another command line or other memory, as a blob and as files. */
import { attempt } from '../../../kexec/base/attempt.js';
import { SystemError } from '../../../kexec/base/error.js';
import type { Range } from '../../../kexec/base/range.js';
import { cells32, stringValue } from '../../../kexec/device-tree/fdt-values.js';
import { Fdt, isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { pathOffset } from '../../../kexec/device-tree/libfdt-ro.js';
import { openInto, pack, setProp } from '../../../kexec/device-tree/libfdt-rw.js';
import type { RecordedFiles } from '../facts/recorded-files.js';

/** What is to be another one; undefined stays. */
export interface TreeChanges {
  readonly cmdline: string | undefined;
  readonly ram: readonly Range[] | undefined;
}

const BLOB = '/sys/firmware/fdt';
const DIRECTORY = '/sys/firmware/devicetree/base';

interface Change {
  /** Of a node below the root. */
  readonly node: string;
  readonly property: string;
  readonly value: Uint8Array;
}

const namesIn = (files: RecordedFiles, path: string): readonly string[] => {
  const names = attempt(SystemError, () => files.list(path));
  return names instanceof SystemError ? [] : names;
};

const cellsAt = (files: RecordedFiles, path: string, otherwise: number): number => {
  const value = attempt(SystemError, () => files.readFile(path));
  return value instanceof SystemError || value.length !== 4 ? otherwise : value[3]!;
};

/** A number in so many cells. */
const numberIn = (cells: number, value: bigint): readonly number[] =>
  Array.from({ length: cells }, (_, i) => Number((value >> BigInt(32 * (cells - 1 - i))) & 0xffff_ffffn));

/** The first memory node tells of all of the RAM; where firmware tells by other ways, there is none. */
const memoryChange = (files: RecordedFiles, ram: readonly Range[]): readonly Change[] => {
  const [node] = namesIn(files, DIRECTORY)
    .filter((name) => /^memory(@|$)/.test(name))
    .toSorted();
  if (node === undefined) return [];
  const [address, size] = [
    cellsAt(files, `${DIRECTORY}/#address-cells`, 2),
    cellsAt(files, `${DIRECTORY}/#size-cells`, 1),
  ];
  const cells = ram.flatMap((range) => [...numberIn(address, range.start), ...numberIn(size, range.size)]);
  return [{ node, property: 'reg', value: cells32(...cells) }];
};

/** The blob as long as it was, if what changed has room there. */
const changedBlob = (bytes: Uint8Array, changes: readonly Change[]): Uint8Array => {
  const room = changes.reduce((sum, { property, value }) => sum + property.length + value.length + 32, 0);
  const tree = openInto(new Fdt(bytes, 'fdt'), bytes.length + room);
  if (isFdtError(tree)) return bytes;
  for (const { node, property, value } of changes) {
    const at = pathOffset(tree, `/${node}`);
    if (!isFdtError(at)) setProp(tree, at, property, value);
  }
  pack(tree);
  const packed = tree.trimmed();
  if (packed.length >= bytes.length) return packed;
  const padded = new Uint8Array(bytes.length);
  padded.set(packed);
  new Fdt(padded, 'fdt').setHeader('totalSize', padded.length);
  return padded;
};

/** The files that differ, by their paths. */
export const changedTree = (
  files: RecordedFiles,
  { cmdline, ram }: TreeChanges,
): readonly (readonly [string, Uint8Array])[] => {
  const changes = [
    ...(cmdline === undefined ? [] : [{ node: 'chosen', property: 'bootargs', value: stringValue(cmdline) }]),
    ...(ram === undefined ? [] : memoryChange(files, ram)),
  ];
  const properties = changes
    .map(({ node, property, value }) => [`${DIRECTORY}/${node}/${property}`, value] as const)
    .filter(([path]) => files.kind(path) === 'file');
  const blob =
    changes.length > 0 && files.kind(BLOB) === 'file'
      ? [[BLOB, changedBlob(files.readFile(BLOB), changes)] as const]
      : [];
  return [...properties, ...blob];
};
