/** Reads a log as people paste it: a file of no great size, in any encoding that editors write. */
import { KexecError } from '../../../kexec/base/error.js';
import { readInput } from '../../kernel/recording/input-files.js';

/** A debug log has some hundred kilobytes; a day's journal that it is in, more. */
export const MAX_LOG_BYTES = 16 << 20;
export const MAX_LOG_LINES = 250_000;

/** A log that somebody pasted. @throws KexecError */
export const readLog = async (path: string): Promise<string> => {
  const text = decodeText(await readInput(path, MAX_LOG_BYTES));
  if ((text.match(/\r\n|\r|\n/g) ?? []).length <= MAX_LOG_LINES) return text;
  throw KexecError.die(`${path}: more than ${MAX_LOG_LINES} lines: cut out what kexec said`, { subject: path });
};

/** Text as terminals and editors save it: in UTF-16 where it begins so, with a mark or with ASCII. */
const decodeText = (bytes: Uint8Array): string => {
  const [first, second] = bytes;
  const isLittle = (first === 0xff && second === 0xfe) || (first !== 0 && second === 0);
  const isBig = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0);
  return new TextDecoder(isLittle ? 'utf-16le' : isBig ? 'utf-16be' : 'utf-8').decode(bytes);
};
