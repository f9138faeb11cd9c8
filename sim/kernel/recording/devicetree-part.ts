/** The tar file in which a recording in a directory may keep the many small files of its device tree. */
import type { Asked, Recording, RecordingTree } from './recording-tree.js';
import { tarPart } from './tar-recording.js';
import type { TarFailure } from './tar.js';

/** A fixed name: what else lies beside proc/ and sys/, such as the archive that they came in, is no part of them. */
const PART = 'devicetree.tar';

/** The first path that both trees have, but for a directory in both; undefined without one. */
const firstInBoth = (
  one: RecordingTree,
  other: RecordingTree,
  components: readonly string[] = [],
): string | undefined => {
  const path = components.join('/');
  const asked = { call: 'lstat', path };
  const stat = other.lstat(components, asked);
  if (stat === undefined) return undefined;
  if (stat.kind !== 'directory' || one.lstat(components, asked)?.kind !== 'directory') return path;
  for (const name of one.list(components, asked)) {
    const both = firstInBoth(one, other, [...components, name]);
    if (both !== undefined) return both;
  }
  return undefined;
};

/** The files of both, of which none is in both. */
const joined = (directory: RecordingTree, part: RecordingTree): RecordingTree => {
  /** A directory of both is told of by either. */
  const ownerOf = (components: readonly string[], asked: Asked): RecordingTree =>
    part.lstat(components, asked) === undefined ? directory : part;
  return {
    lstat: (components, asked) => ownerOf(components, asked).lstat(components, asked),
    readLink: (components, asked) => ownerOf(components, asked).readLink(components, asked),
    readAt: (components, offset, length, asked) => ownerOf(components, asked).readAt(components, offset, length, asked),
    list: (components, asked) => {
      if (ownerOf(components, asked) === directory) return directory.list(components, asked);
      const inPart = part.list(components, asked);
      const isInBoth = directory.lstat(components, asked) !== undefined;
      return isInBoth ? [...new Set([...directory.list(components, asked), ...inPart])] : inPart;
    },
  };
};

/**
 * A recording in a directory, with what is in its `devicetree.tar` as if it was unpacked there.
 * @param fail makes what is thrown when that file is broken, or has what the directory has as well
 */
export const withDeviceTreePart = (recording: Recording, fail: TarFailure): Recording => {
  const { realPath, tree } = recording;
  const stat = tree.lstat([PART], { call: 'lstat', path: PART });
  if (stat === undefined) return recording;
  const partFail: TarFailure = (reason) => fail(`${PART}: ${reason}`);
  // A link could lead anywhere, and a recording need not be trusted.
  if (stat.kind !== 'file') throw partFail('it is no file');
  const part = tarPart(`${realPath}/${PART}`, partFail);
  const both = firstInBoth(part, tree);
  if (both !== undefined) throw partFail(`it has ${JSON.stringify(both)}, which the directory has, too`);
  return { ...recording, tree: joined(tree, part) };
};
