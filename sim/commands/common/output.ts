/** Output that is bytes: to stdout, or to a file that is made anew. */
import { KexecError } from '../../../kexec/base/error.js';
import { replaceFile } from '../../kernel/saving/replace-file.js';
import type { SubcommandContext } from './context.js';

/** What a "-" among the words of a command line has become. */
const STDIN = '/dev/stdin';
/** As other programs leave files behind that hold no secrets. */
const READABLE = 0o644;

/** @param file "-" is stdout @throws KexecError when the host cannot write it */
export const writeOutput = (file: string, bytes: Uint8Array, { outBytes }: SubcommandContext): void => {
  if (file !== '-' && file !== STDIN) return replaceFile(file, (write) => write(bytes), READABLE);
  if (outBytes === undefined) throw KexecError.die('there is no stdout here for bytes: name a file');
  outBytes(bytes);
};
