/** Completion for zsh. */
import { type Candidates, type TypedCommand, type TypedOption, functionName, withThoseBehindDashes } from './words.js';

/** Within a specification for _arguments these have a meaning. */
const escaped = (text: string): string => text.replaceAll(/[\\[\]:]/g, '\\$&');

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const FILE_ACTION = { none: '', directories: '_files -/', any: '_files' } as const;

/** An action of _arguments: how to complete an argument. A blank before it keeps options for compadd away from it. */
const action = ({ words, files }: Candidates): string => {
  if (words.length === 0) return FILE_ACTION[files];
  const list = `(${words.join(' ')})`;
  return files === 'none' ? list : ` _alternative "words\\:word\\:${list}" "files\\:file\\:${FILE_ACTION[files]}"`;
};

const optionSpecs = ({ names, description, argument }: TypedOption): readonly string[] =>
  names.map((name) => {
    const text = `[${escaped(description)}]`;
    if (argument === undefined) return `${name}${text}`;
    return `${name}${name.startsWith('--') ? '=' : '+'}${text}:argument:${action(argument)}`;
  });

/** Behind a "--" are another command's words: it gets them as if nothing were before them but its name. */
const passOn = ({ behindDashes }: TypedCommand): readonly string[] =>
  behindDashes === undefined
    ? []
    : [
        '  local -i dashes=${words[(i)--]}',
        '  if (( dashes < CURRENT )); then',
        '    words=(kexec "${(@)words[dashes + 1, -1]}")',
        '    (( CURRENT -= dashes - 1 ))',
        `    ${functionName([behindDashes.name])}`,
        '    return',
        '  fi',
      ];

const commandFunctions = (command: TypedCommand, path: readonly string[]): readonly string[] => {
  const { options, operands, subcommands } = command;
  const hasSubcommands = subcommands.length > 0;
  const rest = hasSubcommands ? ['1:command:->command', '*::argument:->argument'] : [`*:argument:${action(operands)}`];
  const specs = [...options.flatMap(optionSpecs), ...rest].map((spec) => `    ${quoted(spec)}`);
  return [
    ...subcommands.flatMap((inner) => commandFunctions(inner, [...path, inner.name])),
    `${functionName(path)}() {`,
    ...passOn(command),
    ...(hasSubcommands ? ['  local context curcontext=$curcontext state line'] : []),
    `  _arguments ${hasSubcommands ? '-C ' : ''}-s : \\`,
    specs.join(' \\\n'),
    ...(hasSubcommands
      ? [
          '  case $state in',
          '    command)',
          '      local -a commands=(',
          ...subcommands.map(({ name, description }) => `        ${quoted(`${name}:${description}`)}`),
          '      )',
          '      _describe command commands ;;',
          '    argument)',
          '      case $words[1] in',
          ...subcommands.map(({ name }) => `        ${name}) ${functionName([...path, name])} ;;`),
          '      esac ;;',
          '  esac',
        ]
      : []),
    '}',
    '',
  ];
};

/** A script for zsh that completes the commands: to be sourced, or to be found in $fpath. */
export const zshCompletion = (commands: readonly TypedCommand[]): string => {
  const names = commands.map(({ name }) => name).join(' ');
  return [
    `#compdef ${names}`,
    '# Completion in zsh for kexec, kexec-sim and vmcore-dmesg. In ~/.zshrc, behind compinit:',
    '# source <(kexec-sim completion zsh)',
    '',
    ...withThoseBehindDashes(commands).flatMap((command) => commandFunctions(command, [command.name])),
    '_kexec_ts() {',
    '  case $service in',
    ...commands.map(({ name }) => `    ${name}) ${functionName([name])} ;;`),
    '  esac',
    '}',
    '',
    `if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _kexec_ts "$@"; else compdef _kexec_ts ${names}; fi`,
    '',
  ].join('\n');
};
