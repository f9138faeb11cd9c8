/** kexec's lines in a pasted text, with what loggers and mail put in front of them taken off. */
import { normalise, sourceLine, streamOf, type NumberedMessage, type Stream } from './messages.js';

/** A line of kexec's. */
export interface LogLine {
  /** In the file, from 1. */
  readonly number: number;
  /** The message, without what was in front of it. */
  readonly text: string;
  /** What is compared: see {@link normalise}. */
  readonly normal: string;
  /** 'gap': dots, which stand for lines that were left out. */
  readonly kind: Stream | 'gap';
}

/** A line that another program or a person wrote. */
export interface OtherLine {
  readonly number: number;
  readonly text: string;
}

/** What one run of kexec said. */
export interface DebugLog {
  readonly lines: readonly LogLine[];
  /** Lines of the file that are not kexec's, as far as known; blank ones are left out. */
  readonly others: readonly OtherLine[];
  /** Lines in the source that messages told. */
  readonly sourceLines: ReadonlyMap<NumberedMessage, number>;
  /** The command line, when the log has it in front of the run: everything behind "kexec". */
  readonly command: string | undefined;
  /** Release that the log names, as `kexec -v` does: "2.0.28". */
  readonly version: string | undefined;
  /** Which of the runs in the text it is, from 1, and how many there are. */
  readonly run: number;
  readonly runs: number;
}

/** Far more than the longest command line and what a logger writes in front of it. */
export const LONGEST_LINE = 8 * 1024;
/** Pieces that one line may have been broken into. */
const MOST_PIECES = 40;
/** Pieces in front of a message. */
const MOST_PREFIXES = 8;

const [ESC, BEL] = ['\x1b', '\x07'];
const TERMINAL_CODES = new RegExp(
  String.raw`${ESC}(?:\[[0-?]*[ -/]*[@-~]|\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\)|[@-Z\\-_])`,
  'g',
);

const QUOTE = /^(?:[>|\s]+|\++ |[$#] )/;
const PRIORITY = /^<\d{1,3}>/;
/** What `cat -n`, `grep -n` and pagers put in front of lines. */
const LINE_NUMBER = /^\d{1,7}(?:\t| ?\| ?|: ?(?!\d\d:))/;
/** strace's, of more than one process. */
const TRACED = /^\[pid +\d{1,10}\] /;
const KERNEL_TIME = /^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?/;
const CLOCK = String.raw`\d\d:\d\d:\d\d(?:[.,]\d+)?`;
const TIME = new RegExp(String.raw`^\[?${CLOCK}\]? `);
const DATE = new RegExp(
  String.raw`^\[?(?:\d{4}-\d\d-\d\d[T ]${CLOCK}(?: ?(?:Z|[+-]\d\d:?\d\d))?|(?:\w{3} )?\w{3} +\d{1,2} ${CLOCK}(?: \d{4})?)\]? `,
);
/** A program and its process, maybe behind the host that it runs on: "pi kdump[123]: ". */
const PROCESS = /^(?:[\w.-]+ )?[\w./@-]+\[\d+\]: ?/;
/** The same without the process, which looks like a message: to be believed behind a date only. */
const PROGRAM = /^(?:[\w.-]+ )?(?!kernel:)[\w./@-]+: ?/;

/** What a logger writes; a line with it is no broken one's rest. */
const LOGGED = [LINE_NUMBER, TRACED, PRIORITY, KERNEL_TIME, DATE, TIME, PROCESS] as const;
const PREFIXES = [QUOTE, ...LOGGED] as const;

/**
 * The line, then what is left of it when what may be in front of a message is taken away piece by piece. A message of
 * the kernel keeps its beginning ("kexec_file: nr_segments = 4"): it says much that kexec says too.
 */
function* withoutPrefixes(line: string): Generator<string> {
  yield line;
  let rest = line;
  let dated = false;
  for (let n = 0; n < MOST_PREFIXES; n++) {
    const prefix: RegExp | undefined = [...(dated ? [PROGRAM] : []), ...PREFIXES].find((pattern) => pattern.test(rest));
    if (prefix === undefined) return;
    rest = rest.replace(prefix, '');
    dated = prefix === DATE;
    yield rest;
  }
}

const GAP = /^(?:\[?(?:\.{3,}|…[….]*)\]?|\(\.\.\.\)|[<[]snip[>\]])$/i;

/** A shell's prompt or its `set -x`, and the command. */
const COMMAND = /^(?:.*[#$%>\]] ?|\++ |)(?:sudo )?(?:[\w.@/-]*\/)?kexec(?:-run)? (-.*)$/;
const VERSION = /kexec-tools[- ](2\.0\.\d{1,3}(?:\.git)?)\b/;

/** Where one run begins: the first message of a load with `-d`. */
const FIRST_MESSAGE = /^arch_process_options:LINE: command_line:/;

type Piece = LogLine | (OtherLine & { readonly kind: 'other' });

/** @param expected lines, normalised, that are known to be kexec's although nothing in them tells */
const readLine = (line: string, number: number, expected: ReadonlySet<string>): Piece => {
  if (line.length > LONGEST_LINE) return { number, text: line, kind: 'other' };
  for (const text of withoutPrefixes(line)) {
    const normal = normalise(text);
    const kind = GAP.test(normal) ? 'gap' : (streamOf(normal) ?? (expected.has(normal) ? 'stderr' : undefined));
    if (kind !== undefined) return { number, text: text.trim(), normal, kind };
  }
  return { number, text: line, kind: 'other' };
};

/** A line that is not known as kexec's, without quotation marks. */
const textOf = (piece: Piece): string => piece.text.replace(/^[>|\s]+/, '').trimEnd();

/** Whether a line may be the rest of one that was broken. */
const mayContinue = (piece: Piece | undefined): piece is Piece => {
  if (piece?.kind !== 'other') return false;
  const text = textOf(piece);
  return text !== '' && ![COMMAND, ...LOGGED].some((pattern) => pattern.test(text));
};

/**
 * Puts lines together again that a mailer broke: the command line goes on up to the next message; of others it is
 * known when they become one that is expected.
 */
const rejoin = (pieces: readonly Piece[], expected: ReadonlySet<string>): readonly Piece[] => {
  const joined: Piece[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!;
    if (piece.kind !== 'stderr' && piece.kind !== 'stdout') {
      joined.push(piece);
      continue;
    }
    let count = 0;
    let { text } = piece;
    const isCommandLine = FIRST_MESSAGE.test(piece.normal);
    for (let n = 1; n <= MOST_PIECES && !expected.has(piece.normal) && mayContinue(pieces[i + n]); n++) {
      text += ` ${textOf(pieces[i + n]!)}`;
      if (text.length > LONGEST_LINE) break;
      if (isCommandLine || expected.has(normalise(text))) count = n;
    }
    const whole = [piece.text, ...pieces.slice(i + 1, i + 1 + count).map(textOf)].join(' ');
    joined.push(count === 0 ? piece : { ...piece, text: whole, normal: normalise(whole) });
    i += count;
  }
  return joined;
};

/**
 * The command that stands in front of the first message. It may have been broken into lines, by its author behind a
 * backslash, or by a mailer: then all lines up to the message are of it.
 */
const commandBefore = (pieces: readonly Piece[], first: number): string | undefined => {
  for (let i = first - 1; i >= 0 && first - i <= MOST_PIECES && pieces[i]!.kind === 'other'; i--) {
    const command = COMMAND.exec(textOf(pieces[i]!))?.[1];
    if (command === undefined) continue;
    const lines = [command, ...pieces.slice(i + 1, first).map(textOf)];
    const broken = lines.every((line) => line !== '' && !line.endsWith(':'));
    const last = lines.findIndex((line) => !line.endsWith('\\'));
    const taken = broken ? lines : lines.slice(0, last + 1);
    return taken.map((line) => line.replace(/\\$/, '').trim()).join(' ');
  }
  return undefined;
};

const toLog = (pieces: readonly Piece[]): Omit<DebugLog, 'run' | 'runs'> => {
  const isLine = (piece: Piece): piece is LogLine => piece.kind !== 'other';
  const first = pieces.findIndex((piece) => piece.kind === 'stderr' || piece.kind === 'stdout');
  const lines = first < 0 ? [] : pieces.slice(first).filter(isLine);
  const others = pieces.flatMap((piece) =>
    piece.kind === 'other' && piece.text.trim() !== '' ? [{ number: piece.number, text: piece.text }] : [],
  );
  const sourceLines = new Map<NumberedMessage, number>();
  for (const { text } of lines) {
    const found = sourceLine(text);
    if (found !== undefined) sourceLines.set(found.message, found.line);
  }
  const version = others.map(({ text }) => VERSION.exec(text)?.[1]).find((found) => found !== undefined);
  return { lines, others, sourceLines, command: first < 0 ? undefined : commandBefore(pieces, first), version };
};

/**
 * Finds what kexec said in a log as people paste it: behind time stamps, names of programs and quotation marks, among
 * other programs' lines, broken by mailers, with "..." where something was left out.
 * @param expected normalised lines that kexec is known to say there
 * @returns a log for each run; none without a line of kexec's
 */
export const parseLogs = (text: string, expected: ReadonlySet<string> = new Set()): readonly DebugLog[] => {
  const read = text
    .replace(TERMINAL_CODES, '')
    .split(/\r\n|\r|\n/)
    .map((line, index) => readLine(line, index + 1, expected));
  const pieces = rejoin(read, expected);
  const starts = pieces.flatMap((piece, index) =>
    piece.kind === 'stderr' && FIRST_MESSAGE.test(piece.normal) ? [index] : [],
  );
  // What is said before the first start belongs to it: stdout may come first.
  const runs =
    starts.length === 0 ? [pieces] : starts.map((start, i) => pieces.slice(i === 0 ? 0 : start, starts[i + 1]));
  return runs
    .map((run, i) => ({ ...toLog(run), ...(i > 0 && { command: commandBefore(pieces, starts[i]!) }) }))
    .filter(({ lines }) => lines.length > 0)
    .map((log, i, { length }) => ({ ...log, run: i + 1, runs: length }));
};
