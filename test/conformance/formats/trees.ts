/**
 * The device trees of libfdt's own tests, sound and broken: test/data/libfdt-trees.json.gz, which
 * test/conformance/record-trees.sh makes of the sources of dtc.
 */
import { recordedJson } from '../../support/recorded.js';

/** By the names of the files. */
export const libfdtTrees = (): ReadonlyMap<string, Uint8Array> => {
  const trees = recordedJson('libfdt-trees') as Readonly<Record<string, string>>;
  return new Map(Object.entries(trees).map(([name, text]) => [`libfdt-${name}.dtb`, Buffer.from(text, 'base64')]));
};
