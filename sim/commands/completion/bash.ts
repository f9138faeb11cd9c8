/** Completion for bash. */
import { type Candidates, type TypedCommand, functionName, withThoseBehindDashes } from './words.js';

/** What bash's `compopt -o` calls the names of files as completions. */
const FILE_OPTION = { none: '', directories: ' plusdirs', any: ' default' } as const;

const offer = ({ words, files }: Candidates): string => `_kexec_ts_offer '${words.join(' ')}'${FILE_OPTION[files]}`;

/** Long options with an argument end in "=", behind which the argument follows at once. */
const optionWords = ({ options }: TypedCommand): readonly string[] =>
  options.flatMap(({ names, argument }) =>
    names.map((name) => (argument !== undefined && name.startsWith('--') ? `${name}=` : name)),
  );

const dispatch = (command: TypedCommand, path: readonly string[]): readonly string[] => {
  if (command.subcommands.length === 0) return [];
  const cases = command.subcommands.map(({ name }) => `      ${name}) ${functionName([...path, name])}; return ;;`);
  return [
    '  local i',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    case ${COMP_WORDS[i]} in',
    ...cases,
    '    esac',
    '  done',
  ];
};

/** Behind a "--" are another command's words. */
const passOn = ({ behindDashes }: TypedCommand): readonly string[] =>
  behindDashes === undefined
    ? []
    : [
        '  local i',
        '  for ((i = 1; i < COMP_CWORD; i++)); do',
        `    if [[ \${COMP_WORDS[i]} == -- ]]; then ${functionName([behindDashes.name])}; return; fi`,
        '  done',
      ];

const commandFunctions = (command: TypedCommand, path: readonly string[]): readonly string[] => {
  const { options, operands, subcommands } = command;
  const operandWords = [...operands.words, ...subcommands.map(({ name }) => name)];
  return [
    ...subcommands.flatMap((inner) => commandFunctions(inner, [...path, inner.name])),
    `${functionName(path)}() {`,
    ...dispatch(command, path),
    ...passOn(command),
    '  case $option in',
    ...options.flatMap(({ names, argument }) =>
      argument === undefined ? [] : [`    ${names.join(' | ')}) ${offer(argument)}; return ;;`],
    ),
    '  esac',
    '  case $word in',
    `    -*) ${offer({ words: optionWords(command), files: 'none' })} ;;`,
    `    *) ${offer({ ...operands, words: operandWords })} ;;`,
    '  esac',
    '}',
  ];
};

/** bash breaks words at "=", and hands it over as a word of its own. */
const HEAD = `# Completion in bash for kexec, kexec-sim and vmcore-dmesg. In ~/.bashrc: source <(kexec-sim completion bash)

# WORDS [compopt's name for files, if those may follow too]
_kexec_ts_offer() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
  if [[ -n $2 ]]; then compopt -o "$2"; fi
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}

_kexec_ts() {
  local word=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD - 1]}
  if [[ $word == = ]]; then
    word=
  elif [[ $option == = ]]; then
    option=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case \${1##*/} in`;

/** A script for bash that completes the commands. */
export const bashCompletion = (commands: readonly TypedCommand[]): string =>
  [
    HEAD,
    ...commands.map(({ name }) => `    ${name}) ${functionName([name])} ;;`),
    '  esac',
    '}',
    '',
    ...withThoseBehindDashes(commands).flatMap((command) => [...commandFunctions(command, [command.name]), '']),
    `complete -F _kexec_ts ${commands.map(({ name }) => name).join(' ')}`,
    '',
  ].join('\n');
