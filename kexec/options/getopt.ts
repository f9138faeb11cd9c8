/**
 * getopt_long() of glibc (posix/getopt.c): bundles, abbreviations, permutation, "--". Unlike a map of options, the
 * result keeps their order, which has meaning in kexec-tools.
 */

export interface LongOption<Id> {
  readonly name: string;
  readonly takesArgument: boolean;
  readonly id: Id;
}

export interface ShortOption<Id> {
  readonly letter: string;
  readonly takesArgument: boolean;
  readonly id: Id;
}

export interface OptionSyntax<Id> {
  readonly long: readonly LongOption<Id>[];
  readonly short: readonly ShortOption<Id>[];
  /** Names that must be written out in full: they take part neither in abbreviations nor in messages. */
  readonly exact: readonly string[];
  /** What messages call the program: argv[0]. */
  readonly program: string;
  /** Whether the first operand ends the options, as with POSIXLY_CORRECT in the environment. */
  readonly posixlyCorrect: boolean;
}

export type Token<Id> =
  | { readonly kind: 'option'; readonly id: Id; readonly argument: string | undefined }
  /** What getopt_long() says of a mistake; the text ends with a newline. */
  | { readonly kind: 'error'; readonly text: string };

export interface ParsedArguments<Id> {
  readonly tokens: readonly Token<Id>[];
  readonly operands: readonly string[];
  /** Values of the `exact` options; the last one of a name counts. */
  readonly exact: ReadonlyMap<string, string>;
}

/** Parses the arguments behind the program's name. Goes on behind mistakes, which are tokens in their place. */
export const getoptLong = <Id>(args: readonly string[], syntax: OptionSyntax<Id>): ParsedArguments<Id> => {
  const tokens: Token<Id>[] = [];
  const operands: string[] = [];
  const exact = new Map<string, string>();
  const error = (text: string): void => {
    tokens.push({ kind: 'error', text: `${syntax.program}: ${text}\n` });
  };

  let next = 0;
  const long = (text: string): void => {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const inline = equals < 0 ? undefined : text.slice(equals + 1);
    if (syntax.exact.includes(name)) {
      const value = inline ?? args[next++];
      if (value === undefined) error(`option '--${name}' requires an argument`);
      else exact.set(name, value);
      return;
    }
    const found = findLong(syntax.long, name);
    if (found.length === 0) return error(`unrecognized option '--${text}'`);
    if (found.length > 1) {
      const names = found.map((option) => ` '--${option.name}'`).join('');
      return error(`option '--${text}' is ambiguous; possibilities:${names}`);
    }
    const option = found[0]!;
    if (!option.takesArgument && inline !== undefined) {
      return error(`option '--${option.name}' doesn't allow an argument`);
    }
    const argument = option.takesArgument ? (inline ?? args[next++]) : undefined;
    if (option.takesArgument && argument === undefined) {
      return error(`option '--${option.name}' requires an argument`);
    }
    tokens.push({ kind: 'option', id: option.id, argument });
  };

  const bundle = (letters: string): void => {
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i]!;
      const option = syntax.short.find((candidate) => candidate.letter === letter);
      if (option === undefined) {
        error(`invalid option -- '${letter}'`);
      } else if (!option.takesArgument) {
        tokens.push({ kind: 'option', id: option.id, argument: undefined });
      } else {
        const argument = i + 1 < letters.length ? letters.slice(i + 1) : args[next++];
        if (argument === undefined) error(`option requires an argument -- '${letter}'`);
        else tokens.push({ kind: 'option', id: option.id, argument });
        return;
      }
    }
  };

  while (next < args.length) {
    const arg = args[next++]!;
    if (arg === '--') break;
    if (arg === '-' || !arg.startsWith('-')) {
      operands.push(arg);
      if (syntax.posixlyCorrect) break;
    } else if (arg.startsWith('--')) {
      long(arg.slice(2));
    } else {
      bundle(arg.slice(1));
    }
  }
  operands.push(...args.slice(next));
  return { tokens, operands, exact };
};

/**
 * The option of that name, or those that the name abbreviates. Options that mean the same as the first one found
 * make no ambiguity, and are not listed in one.
 */
const findLong = <Id>(options: readonly LongOption<Id>[], name: string): readonly LongOption<Id>[] => {
  const whole = options.find((option) => option.name === name);
  if (whole !== undefined) return [whole];
  const matches = options.filter((option) => option.name.startsWith(name));
  const first = matches[0];
  if (first === undefined) return [];
  return [
    first,
    ...matches.slice(1).filter(({ id, takesArgument }) => id !== first.id || takesArgument !== first.takesArgument),
  ];
};
