import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cells32, stringValue } from '../../../../../kexec/device-tree/fdt-values.js';
import { blobOf } from '../../../../../sim/kernel/dtc/blob.js';
import { sourceOfBlob } from '../../../../../sim/kernel/dtc/source.js';
import { recordedTree } from '../../../../../sim/kernel/facts/board-arm64.js';
import { MachineFiles } from '../../../../../sim/kernel/recording/machine-files.js';
import { findMachine } from '../../../../../sim/kernel/recording/machines.js';
import { type TreeNode, treeOfBlob } from '../../../../../sim/machine/board-tree/tree.js';
import { recordedJson } from '../../../../support/recorded.js';

type Names = Readonly<Record<string, string>>;
const { blobs, sources } = JSON.parse(readFileSync('test/data/fdt/dtc.json', 'utf8')) as {
  readonly blobs: Names;
  readonly sources: Names;
};
const trees = recordedJson('libfdt-trees') as Names;

const digestOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

const node = (name: string, properties: Readonly<Record<string, Uint8Array>>, children: TreeNode[] = []): TreeNode => ({
  ...{ name, children },
  properties: new Map(Object.entries(properties)),
});

describe('a blob', () => {
  test.each(Object.keys(blobs))('of %s is what dtc makes of its directory', (machine) => {
    expect(digestOf(blobOf(recordedTree(MachineFiles.open(findMachine(machine)))))).toBe(blobs[machine]);
  });

  test('has each ending of a name once, and no name that repeats the node’s', () => {
    const cpu = node('cpu@1', { name: stringValue('cpu'), reg: cells32(1), 'x-reg': cells32(2) });
    const blob = blobOf(node('', { 'dma-reg': cells32(3) }, [node('cpus', {}, [cpu])]));
    expect(new TextDecoder('latin1').decode(blob.subarray(-14))).toBe('dma-reg\0x-reg\0');
    const [cpus] = treeOfBlob(blob).children;
    expect([...(cpus?.children[0]?.properties.keys() ?? [])]).toEqual(['reg', 'x-reg']);
    // The processor that booted.
    expect(new DataView(blob.buffer).getUint32(28)).toBe(1);
  });
});

describe('source', () => {
  test.each(Object.keys(sources))('of %s is dtc’s', (name) => {
    expect(digestOf(Buffer.from(sourceOfBlob(Buffer.from(trees[name]!, 'base64')), 'latin1'))).toBe(sources[name]);
  });

  test('guesses strings, cells and bytes', () => {
    const properties = {
      strings: stringValue('a"\\\n\0b'),
      cells: cells32(1, 0xdeadbeef),
      bytes: Uint8Array.of(1, 0xfe, 3),
      nothing: new Uint8Array(),
      zero: Uint8Array.of(0),
      name: stringValue('other'),
    };
    expect(sourceOfBlob(blobOf(node('', properties, [node('memory@0', { name: stringValue('memory') })])))).toBe(
      [
        ...['/dts-v1/;', '', '/ {', '\tstrings = "a\\"\\\\\\n\\0b";', '\tcells = <0x01 0xdeadbeef>;'],
        ...['\tbytes = [01 fe 03];', '\tnothing;', '\tzero = [00];', '\tname = "other";', ''],
        ...['\tmemory@0 {', '\t};', '};', ''],
      ].join('\n'),
    );
  });

  test('of a blob that is cut off is refused', () => {
    const blob = blobOf(node('', { a: cells32(1) }));
    expect(() => sourceOfBlob(blob.subarray(0, 60))).toThrow('the device tree is cut off or damaged');
  });
});
