import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Layers, lowest first, and what each must not import: the design's "imports go down only". */
const layer = (files, forbidden) => ({
  files,
  rules: {
    'no-restricted-imports': ['error', { patterns: forbidden.map(([group, message]) => ({ group: [group], message })) }],
  },
});

const NODE = ['node:*', 'Only the System implementations, host/ and bin/ use Node.'];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.cache/', 'kexec/purgatory.ts', 'sim/kernel/arch/arm64/relocation.ts'] },
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
        { selector: 'CallExpression[callee.object.name="process"][callee.property.name="exit"]', message: 'Set process.exitCode.' },
      ],
    },
  },
  layer(['kexec/*.ts'], [NODE, ['**/sim/**', 'kexec/ knows nothing of the simulation.'], ['./arch/**', 'kexec/ is given its architecture.'], ['**/host/**', 'kexec/ is given its platform.']]),
  layer(['kexec/arch/**/*.ts'], [NODE, ['**/sim/**', 'kexec/ knows nothing of the simulation.'], ['**/host/**', 'kexec/ is given its platform.']]),
  layer(['vmcore-dmesg/*.ts'], [NODE, ['**/sim/**', 'vmcore-dmesg/ knows nothing of the simulation.'], ['**/host/**', 'vmcore-dmesg/ is given its file.']]),
  layer(['sim/cpu/**/*.ts'], [NODE, ['**/kernel/**', 'sim/cpu knows a memory interface only.'], ['**/machine/**', 'sim/cpu knows a memory interface only.']]),
);
