/** The names of conditions, and the other names that objdump adds in a comment. */

export const conditionNames = [
  ...['eq', 'ne', 'cs', 'cc', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le', 'al', 'nv'],
] as const;

/** Other names, by the condition's number: those of SVE among them. */
const ALIASES: readonly (readonly string[] | undefined)[] = [
  ['none'],
  ['any'],
  ['hs', 'nlast'],
  ['lo', 'ul', 'last'],
  ['first'],
  ['nfrst'],
  undefined,
  undefined,
  ['pmore'],
  ['plast'],
  ['tcont'],
  ['tstop'],
];

export const conditionAliases = (cond: number): readonly string[] | undefined => ALIASES[cond];
