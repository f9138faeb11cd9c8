/** The commands that documents show, and what they show of the output. */

export interface Step {
  /** The document. */
  readonly where: string;
  readonly command: string;
  /** Lines of the output; dots stand for what is left out, a whole line of them for any lines. */
  readonly expected: readonly string[];
}

/** The blocks of a document in Markdown that show a terminal. */
const markdownSteps = (where: string, text: string): readonly Step[] =>
  [...text.matchAll(/^```console\n([^]*?)^```$/gm)].flatMap(([, block]) =>
    block!
      .split(/^\$ /m)
      .slice(1)
      .map((part): Step => {
        const [command, ...expected] = part.trimEnd().split('\n') as [string, ...string[]];
        return { where, command, expected };
      }),
  );

/** A manual page's examples, of which only the commands are shown. */
const manualSteps = (where: string, text: string): readonly Step[] => {
  const examples = text.slice(text.indexOf('\n.SH EXAMPLES'));
  return [...examples.matchAll(/^\.(?:nf|EX)\n([^]*?)^\.(?:fi|EE)$/gm)].flatMap(([, block]) =>
    block!
      .trimEnd()
      .replaceAll('\\-', '-')
      .replaceAll('\\(aq', "'")
      .split('\n')
      .map((command): Step => ({ where, command, expected: [] })),
  );
};

export const stepsOf = (where: string, text: string): readonly Step[] =>
  where.endsWith('.md') ? markdownSteps(where, text) : manualSteps(where, text);

/** What differs from run to run, or with the speed of the machine. */
const UNSTABLE: readonly (readonly [RegExp, string])[] = [
  [/\[ *\d+\.\d{6}\]/g, '[time]'],
  [/\d+ instructions in [\d.]+ s: [\d.]+ million/g, 'instructions in time'],
  [/translated \d+ instructions in \d+ regions?, in [\d.]+ ms/g, 'translated'],
  [/after \d+ instructions/g, 'after instructions'],
];

const stable = (line: string): string =>
  UNSTABLE.reduce((text, [pattern, name]) => text.replaceAll(pattern, name), line.replaceAll('\r', '').trimEnd());

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** Whether the output is what the document shows; a document that shows nothing says nothing of it. */
export const isAsShown = (expected: readonly string[], output: string): boolean => {
  if (expected.length === 0) return true;
  const pattern = expected
    .map((line) => (line === '...' ? '(?:.*\\n)*?' : `${stable(line).split('...').map(escaped).join('.*?')}\\n`))
    .join('');
  const lines = output.split('\n').map(stable).join('\n');
  return new RegExp(`^${pattern}$`).test(lines);
};
