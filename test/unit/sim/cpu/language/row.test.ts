import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { rowsOf } from '../../../../../sim/cpu/language/row.js';
import type { Fields } from '../../../../../sim/cpu/language/pattern.js';
import { i64 } from '../../../../../sim/cpu/language/value.js';

/**
 * Snippets by name, each with what comes behind `row({ name, section, ` in it, and the diagnostics that tsc has for it.
 */
const SNIPPETS = {
  'a row that is right': {
    code: `pattern: 'sf:1 imm26:26 Rd:5', free: ['imm26', 'sf'], fixed: ['Rd'],
      allocated: ({ sf, imm26 }) => sf + imm26 > 0, immediates: ({ imm26 }) => [BigInt(imm26)],
      semantics: (t, { Rd }) => t.setX(Rd, t.imm(0))`,
    diagnostics: [],
  },
  'a field that is misspelt in the semantics': {
    code: `pattern: 'sf:1 imm26:26 Rd:5', semantics: (t, { Rn }) => t.setX(Rn, t.pc())`,
    diagnostics: [/Property 'Rn' does not exist/],
  },
  'a free field in the semantics': {
    code: `pattern: 'sf:1 imm26:26 Rd:5', free: ['sf'], semantics: (t, { sf, Rd }) => t.setX(Rd, t.x(sf))`,
    diagnostics: [/Property 'sf' does not exist/],
  },
  'a field that is misspelt in the immediates': {
    code: `pattern: 'sf:1 imm26:26 Rd:5', immediates: ({ imm19 }) => [BigInt(imm19)], semantics: () => {}`,
    diagnostics: [/Property 'imm19' does not exist/],
  },
  'a field that is misspelt where encodings are allocated': {
    code: `pattern: 'sf:1 imm26:26 Rd:5', allocated: ({ fs }) => fs === 0, semantics: () => {}`,
    diagnostics: [/Property 'fs' does not exist/],
  },
  'a free field that is misspelt': {
    code: `pattern: 'sf:1 imm26:26 Rd:5', free: ['imm62'], semantics: () => {}`,
    diagnostics: [/Type '"imm62"' is not assignable/],
  },
  'a fixed field that is misspelt': {
    code: `pattern: 'sf:1 imm26:26 Rd:5', fixed: ['Rb'], semantics: () => {}`,
    diagnostics: [/Type '"Rb"' is not assignable to type '"Rd"'/],
  },
  'a fixed field that is no register': {
    code: `pattern: 'sf:1 imm26:26 Rd:5', fixed: ['imm26'], semantics: () => {}`,
    diagnostics: [/Type '"imm26"' is not assignable to type '"Rd"'/],
  },
  'fields beside bits that are known only at run time': {
    code: 'pattern: `sf:1 ${hole} Rd:5`, semantics: (t, { sf, Rd }) => t.setX(Rd, t.x(sf))',
    diagnostics: [],
  },
  'a field that such bits might bring': {
    code: 'pattern: `sf:1 ${hole} Rd:5`, semantics: (t, { imm26 }) => t.setX(0, t.x(imm26))',
    diagnostics: [/Property 'imm26' does not exist/],
  },
  'a field that only one of two patterns has': {
    code: "pattern: `sf:1 ${choice === 0 ? '000' : 'imm3:3'} Rd:5`, semantics: (t, { imm3 }) => t.setX(0, t.x(imm3))",
    diagnostics: [/Property 'imm3' does not exist/],
  },
} as const;

const fileOf = (name: string): string => `${process.cwd()}/${name.replaceAll(' ', '-')}.ts`;

const sourceOf = (code: string): string => `
import { rowsOf } from './sim/cpu/language/row.js';
declare const hole: string, choice: 0 | 1;
rowsOf('Group')({ name: 'ROW', section: 'C6', syntax: 'row', ${code} });
void hole;
void choice;
`;

describe('what the compiler says of', () => {
  const texts = new Map(Object.entries(SNIPPETS).map(([name, { code }]) => [fileOf(name), sourceOf(code)]));
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, process.cwd());
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram(
    [...texts.keys()],
    { ...options, noEmit: true, incremental: false },
    {
      ...host,
      fileExists: (path) => texts.has(path) || host.fileExists(path),
      getSourceFile: (path, language) => {
        const text = texts.get(path);
        return text === undefined ? host.getSourceFile(path, language) : ts.createSourceFile(path, text, language);
      },
    },
  );

  test.each(Object.entries(SNIPPETS))('%s', (name, { diagnostics }) => {
    const found = program
      .getSemanticDiagnostics(program.getSourceFile(fileOf(name)))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    expect(found).toEqual(diagnostics.map((text) => expect.stringMatching(text)));
  });
});

describe('a row that was made', () => {
  const newRow = () =>
    rowsOf('Group')({
      name: 'ROW',
      section: 'C6',
      syntax: 'row <Rd>',
      pattern: 'sf:1 imm26:26 Rd:5',
      free: ['imm26'],
      allocated: ({ sf }) => sf === 1,
      immediates: ({ imm26 }) => [BigInt(imm26)],
      semantics: (t, { sf, Rd }) => t.setX(Rd, i64.const(sf)),
    });
  const all: Fields = { sf: 1, imm26: 2, Rd: 3 };

  test('takes fields by any names, if its own are among them', () => {
    const row = newRow();
    expect(row.allocated?.({ ...all, other: 4 })).toBe(true);
    expect(row.immediates?.({ ...all, other: 4 })).toEqual([2n]);
  });

  test('does not go on without a field of its own, which is looked for at first', () => {
    const row = newRow();
    expect(() => row.allocated?.({ sf: 1, Rd: 3 })).toThrow('"sf:1 imm26:26 Rd:5": a field is missing in sf, Rd');
    expect(() => row.immediates?.({})).toThrow('a field is missing');
  });
});
