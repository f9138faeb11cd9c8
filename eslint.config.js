/** The configuration of ESLint: strict types, and the rules of this house (util/house/eslint.js). */
import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { house } from './util/house/eslint.js';

export default tseslint.config(
  {
    ignores: ['dist/', 'node_modules/', '.cache/', 'kexec/arch/arm64/purgatory.ts', 'sim/kernel/way-out/relocation.ts'],
  },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // "return refuse(why)" says in one line that there is no result, and why.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // noUncheckedIndexedAccess asks for an answer at every index; behind a length check "!" is that answer.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // An async function keeps the type of its siblings in a table.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': ['error', { allow: ['arrowFunctions'] }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'No default exports.' },
        {
          selector: 'CallExpression[callee.object.name="process"][callee.property.name="exit"]',
          message: 'Set process.exitCode.',
        },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['test/**'],
    plugins: { house },
    rules: { 'house/imports': 'error', 'house/first-sentence': 'error' },
  },
);
