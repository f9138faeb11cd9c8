/** The command line behind a debug log: as it is written before the run, or inferred from what kexec says. */
import { LIBRARIES, type Library } from '../kexec/base/compat.js';
import { KexecError } from '../kexec/base/error.js';
import type { DebugLog } from './parse.js';

/**
 * Takes a command line apart as a shell does, up to where the output is sent elsewhere.
 * @returns undefined when it takes more than that to know the words: variables, commands, patterns
 */
export const splitWords = (command: string): readonly string[] | undefined => {
  const words: string[] = [];
  let rest = command.trim();
  while (rest !== '' && !/^(?:\d?>|[|&;#])/.test(rest)) {
    const match = /^(?:[^\s'"\\$`*?<>|&;(){}]|\\.|'[^']*'|"(?:[^"\\$`]|\\.)*")+/s.exec(rest);
    if (match === null) return undefined;
    const [word] = match;
    words.push(
      word.replace(
        /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"/gs,
        (_, escaped?: string, single?: string, double?: string) =>
          escaped ?? single ?? double!.replace(/\\(["\\$`])/g, '$1'),
      ),
    );
    rest = rest.slice(word.length);
    if (rest !== '' && !/^[\s|&;<>]/.test(rest)) return undefined;
    rest = rest.trimStart();
  }
  return words;
};

/** The decompression libraries that the real kexec was built with, as it tries each one it has. */
export const librariesIn = ({ lines }: DebugLog): readonly Library[] => {
  const names: Readonly<Record<Library, string>> = { zlib: 'gzip', zstd: 'zstd', lzma: 'LZMA' };
  return LIBRARIES.filter((library) => lines.some(({ normal }) => normal === `Try ${names[library]} decompression.`));
};

const valueOf = ({ lines }: DebugLog, name: string): string | undefined => {
  const start = new RegExp(`^arch_process_options:\\d+: ${name}: ?`);
  const line = lines.find(({ text }) => start.test(text));
  const value = line?.text.replace(start, '').trimEnd();
  return value === undefined || value === '(null)' || value === '(ignored)' ? undefined : value;
};

const CRASH = /^(?:load_crashdump_segments: |Reserved memory range$|kexec_load: entry = \S+ flags = 0x[0-9a-f]+1$)/;

/**
 * The command line that a log is the answer to, but for the kernel, which is not told. Where the log leaves open which
 * system call was asked for, there are several.
 */
export const inferredArguments = (log: DebugLog): readonly (readonly string[])[] => {
  const has = (pattern: RegExp): boolean => log.lines.some(({ normal }) => pattern.test(normal));
  const options = [
    has(CRASH) ? '-p' : '-l',
    ...(['command_line', 'initrd', 'dtb', 'console'] as const).flatMap((name) => {
      const value = valueOf(log, name);
      const option = { command_line: 'append', initrd: 'initrd', dtb: 'dtb', console: 'serial' }[name];
      return value === undefined ? [] : [`--${option}=${value}`];
    }),
  ];
  return [options, [...options, has(/^(?:kexec_load: |get_memory_ranges|kernel: )/) ? '-c' : '-s']];
};

/** Without it there is nothing to compare. */
const DEBUG = /^(?:--debug|-[a-z]*d[a-z]*)$/;

const withDebug = (args: readonly string[]): readonly string[] =>
  args.some((arg) => DEBUG.test(arg)) ? args : ['-d', ...args];

/** What kexec says first with -d only, when it loads. */
const FIRST_DEBUG = /^arch_process_options:/;

/** A log that shows no -d may be of a run without. */
const debugOrNot = (log: DebugLog, args: readonly string[]): readonly (readonly string[])[] =>
  log.lines.some(({ normal }) => FIRST_DEBUG.test(normal)) || withDebug(args) === args
    ? [withDebug(args)]
    : [withDebug(args), args];

/**
 * The command lines of kexec to try, each of which may have made the log: the one that is given; or the one in the log;
 * or, with only a kernel given, what the log tells beside it.
 * @param given the words behind `--`
 * @param name the log's, for messages
 * @throws KexecError when nobody tells which kernel it was
 */
export const commandLines = (log: DebugLog, given: readonly string[], name: string): readonly (readonly string[])[] => {
  const [kernel, ...more] = given;
  if (kernel !== undefined && more.length === 0 && !kernel.startsWith('-')) {
    return inferredArguments(log).flatMap((options) => debugOrNot(log, [...options, kernel]));
  }
  if (given.length > 0) return debugOrNot(log, given);
  if (log.command === undefined) {
    throw KexecError.die(
      `${name} does not tell which kernel was loaded: give it, or kexec's whole command line, behind --`,
      { subject: name },
    );
  }
  const words = splitWords(log.command);
  if (words === undefined) {
    throw KexecError.die(
      `${name} has the command line "kexec ${log.command}", which only a shell understands: give what it stands for behind --`,
      {
        subject: name,
      },
    );
  }
  return debugOrNot(log, words);
};
