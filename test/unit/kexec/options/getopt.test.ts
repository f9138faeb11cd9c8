import { describe, expect, test } from '@jest/globals';
import { ARM64_OPTIONS } from '../../../../kexec/arch/arm64/options-arm64.js';
import { RELEASES, compatFor, type Release } from '../../../../kexec/base/compat.js';
import { getoptLong, type ParsedArguments } from '../../../../kexec/options/getopt.js';
import { optionSyntax, optionsOf } from '../../../../kexec/options/options.js';

const parse = (
  args: readonly string[],
  {
    release = '2.0.32',
    posixlyCorrect = false,
  }: { readonly release?: Release; readonly posixlyCorrect?: boolean } = {},
): ParsedArguments<string> =>
  getoptLong(args, optionSyntax(optionsOf(compatFor(release), ARM64_OPTIONS), posixlyCorrect));

/** Options as "id" or "id=argument", mistakes as their text. */
const tokensOf = (args: readonly string[], release?: Release): readonly string[] =>
  parse(args, release && { release }).tokens.map((token) =>
    token.kind === 'error' ? token.text : token.argument === undefined ? token.id : `${token.id}=${token.argument}`,
  );

describe('short options', () => {
  test('stand alone', () => {
    expect(tokensOf(['-l', '-p', '-d'])).toEqual(['load', 'load-panic', 'debug']);
  });

  test('stand in bundles', () => {
    expect(tokensOf(['-ldfu'])).toEqual(['load', 'debug', 'force', 'unload']);
  });

  test.each([
    [['-tImage'], ['type=Image']],
    [['-t', 'Image'], ['type=Image']],
    [['-dtImage'], ['debug', 'type=Image']],
    [
      ['-dt', 'Image'],
      ['debug', 'type=Image'],
    ],
    [['-t=Image'], ['type==Image']],
    [['-t', ''], ['type=']],
    [['-t', '-l'], ['type=-l']],
    [['-t', '--'], ['type=--']],
  ])('%j takes its argument', (args, tokens) => {
    expect(tokensOf(args)).toEqual(tokens);
  });

  test('lack of an argument is told', () => {
    expect(tokensOf(['-dt'])).toEqual(['debug', "kexec: option requires an argument -- 't'\n"]);
  });

  test('unknown letters are told one by one', () => {
    expect(tokensOf(['-lzqd'])).toEqual([
      'load',
      "kexec: invalid option -- 'z'\n",
      "kexec: invalid option -- 'q'\n",
      'debug',
    ]);
  });

  test.each([':', ';', '-', '='])('%j is no letter of an option', (letter) => {
    expect(tokensOf([`-d${letter}`])).toEqual(['debug', `kexec: invalid option -- '${letter}'\n`]);
  });

  test('-? is an option, and no mistake', () => {
    expect(tokensOf(['-?'])).toEqual(['?']);
  });

  test('are bytes, so that a letter beyond ASCII is two', () => {
    expect(tokensOf(['-\xc3\xa4'])).toEqual(["kexec: invalid option -- '\xc3'\n", "kexec: invalid option -- '\xa4'\n"]);
  });
});

describe('long options', () => {
  test.each([
    [['--append=a b'], ['append=a b']],
    [['--append', 'a b'], ['append=a b']],
    [['--append='], ['append=']],
    [['--append', ''], ['append=']],
    [['--append=a=b'], ['append=a=b']],
    [['--append', '--load'], ['append=--load']],
    [['--append', '--'], ['append=--']],
    [['--command-line=x'], ['append=x']],
    [['--ramdisk=x'], ['initrd=x']],
    [
      ['--load', '--debug'],
      ['load', 'debug'],
    ],
  ])('%j', (args, tokens) => {
    expect(tokensOf(args)).toEqual(tokens);
  });

  test('lack of an argument is told', () => {
    expect(tokensOf(['--append'])).toEqual(["kexec: option '--append' requires an argument\n"]);
    expect(tokensOf(['--app'])).toEqual(["kexec: option '--append' requires an argument\n"]);
  });

  test('an argument too many is told', () => {
    expect(tokensOf(['--load=x'])).toEqual(["kexec: option '--load' doesn't allow an argument\n"]);
    expect(tokensOf(['--load='])).toEqual(["kexec: option '--load' doesn't allow an argument\n"]);
    expect(tokensOf(['--unl=x'])).toEqual(["kexec: option '--unload' doesn't allow an argument\n"]);
  });

  test('an unknown name is told with all that was typed', () => {
    expect(tokensOf(['--wat'])).toEqual(["kexec: unrecognized option '--wat'\n"]);
    expect(tokensOf(['--wat=5'])).toEqual(["kexec: unrecognized option '--wat=5'\n"]);
    expect(tokensOf(['--Load'])).toEqual(["kexec: unrecognized option '--Load'\n"]);
    expect(tokensOf(['---load'])).toEqual(["kexec: unrecognized option '---load'\n"]);
  });

  test('are not read with one dash', () => {
    expect(tokensOf(['-load'])).toEqual(['load', "kexec: invalid option -- 'o'\n", 'kexec-syscall-auto', 'debug']);
  });
});

describe('abbreviations', () => {
  test.each([
    ['--he', 'help'],
    ['--ver', 'version'],
    ['--unl', 'unload'],
    ['--de', 'debug'],
    ['--st', 'status'],
    ['--load', 'load'],
    ['--exec', 'exec'],
    ['--kexec-syscall', 'kexec-syscall'],
    ['--kexec-syscall-', 'kexec-syscall-auto'],
    ['--ho', 'hotplug'],
    ['--ini=x', 'initrd=x'],
    ['--ra=x', 'initrd=x'],
  ])('%s', (arg, token) => {
    expect(tokensOf([arg])).toEqual([token]);
  });

  test.each([
    ['--mem', "'--mem-min' '--mem-max'"],
    ['--mem=5', "'--mem-min' '--mem-max'"],
    ['--re', "'--reuseinitrd' '--reuse-cmdline'"],
    ['--no', "'--no-checks' '--no-ifdown' '--no-sync'"],
    ['--loa', "'--load' '--load-preserve-context' '--load-jump-back-helper' '--load-live-update' '--load-panic'"],
    ['--load-', "'--load-preserve-context' '--load-jump-back-helper' '--load-live-update' '--load-panic'"],
    ['--h', "'--help' '--hotplug'"],
    ['--e', "'--exec' '--exec-live-update' '--entry'"],
    ['--k', "'--kexec-file-syscall' '--kexec-syscall' '--kexec-syscall-auto'"],
    ['--s', "'--status' '--serial'"],
  ])('%s is ambiguous', (arg, names) => {
    expect(tokensOf([arg])).toEqual([`kexec: option '${arg}' is ambiguous; possibilities: ${names}\n`]);
  });

  test('the name of nothing fits all', () => {
    const [text] = tokensOf(['--=x']);
    expect(text).toMatch(
      /^kexec: option '--=x' is ambiguous; possibilities: '--help' '--version' .*'--reuse-cmdline'\n$/,
    );
    expect(text).not.toContain('sim-');
  });

  test('options of one meaning make no ambiguity', () => {
    const two = {
      long: [
        { name: 'colour', takesArgument: true, id: 'c' },
        { name: 'color', takesArgument: true, id: 'c' },
        { name: 'cold', takesArgument: true, id: 'x' },
      ],
      short: [],
      exact: [],
      program: 'p',
      posixlyCorrect: false,
    };
    expect(getoptLong(['--colo=5'], two).tokens).toEqual([{ kind: 'option', id: 'c', argument: '5' }]);
    // What means the same as the first one that fits is not listed.
    expect(getoptLong(['--col=5'], two).tokens).toEqual([
      { kind: 'error', text: "p: option '--col=5' is ambiguous; possibilities: '--colour' '--cold'\n" },
    ]);
  });

  test('of one meaning, but one takes an argument: ambiguous', () => {
    const two = {
      long: [
        { name: 'ab', takesArgument: true, id: 'c' },
        { name: 'ac', takesArgument: false, id: 'c' },
      ],
      short: [],
      exact: [],
      program: 'p',
      posixlyCorrect: false,
    };
    expect(getoptLong(['--a'], two).tokens).toEqual([
      { kind: 'error', text: "p: option '--a' is ambiguous; possibilities: '--ab' '--ac'\n" },
    ]);
  });

  test.each([
    ['2.0.20', '--h', ['help']],
    ['2.0.25', '--h', ['help']],
    ['2.0.29', '--h', ["kexec: option '--h' is ambiguous; possibilities: '--help' '--hotplug'\n"]],
    ['2.0.20', '--exe', ['exec']],
    ['2.0.25', '--exe', ["kexec: option '--exe' is ambiguous; possibilities: '--exec' '--exec-live-update'\n"]],
    ['2.0.20', '--s', ['status']],
    ['2.0.20', '--serial=x', ["kexec: unrecognized option '--serial=x'\n"]],
  ] as const)('%s has its own names: %s', (release, arg, tokens) => {
    expect(tokensOf([arg], release)).toEqual(tokens);
  });
});

describe('operands', () => {
  test('stand where they like', () => {
    const { tokens, operands } = parse(['one', '-l', 'two', '--append', 'x', 'three']);
    expect(tokens).toHaveLength(2);
    expect(operands).toEqual(['one', 'two', 'three']);
  });

  test('follow --, whatever they look like', () => {
    const { tokens, operands } = parse(['one', '-l', '--', '-p', '--', '--wat']);
    expect(tokens).toHaveLength(1);
    expect(operands).toEqual(['one', '-p', '--', '--wat']);
  });

  test('a single dash is one, and so is nothing', () => {
    expect(parse(['-', '', '-l']).operands).toEqual(['-', '']);
  });

  test('end the options with POSIXLY_CORRECT', () => {
    const { tokens, operands } = parse(['-l', 'one', '-p', '--', '--wat'], { posixlyCorrect: true });
    expect(tokens).toHaveLength(1);
    expect(operands).toEqual(['one', '-p', '--', '--wat']);
  });

  test('with POSIXLY_CORRECT, an option may still take what looks like one', () => {
    const { tokens, operands } = parse(['-t', 'Image', '-l', 'one', '-p'], { posixlyCorrect: true });
    expect(tokens).toHaveLength(2);
    expect(operands).toEqual(['one', '-p']);
  });
});

describe('options of ours', () => {
  test('are kept apart, and the last one counts', () => {
    const { tokens, operands, exact } = parse(['--sim-machine=a', '-l', '--sim-machine', 'b', 'Image', '--sim-state=']);
    expect(tokens.map((token) => token.kind === 'option' && token.id)).toEqual(['load']);
    expect(operands).toEqual(['Image']);
    expect([...exact]).toEqual([
      ['sim-machine', 'b'],
      ['sim-state', ''],
    ]);
  });

  test('must be written out in full', () => {
    expect(tokensOf(['--sim-mach=a'])).toEqual(["kexec: unrecognized option '--sim-mach=a'\n"]);
    expect(tokensOf(['--sim'])).toEqual(["kexec: unrecognized option '--sim'\n"]);
    expect(tokensOf(['--si=1'])).toEqual(["kexec: unrecognized option '--si=1'\n"]);
  });

  test('need their argument', () => {
    expect(tokensOf(['--sim-machine'])).toEqual(["kexec: option '--sim-machine' requires an argument\n"]);
  });

  test('may be the argument of another option', () => {
    const { tokens, exact } = parse(['--append', '--sim-machine=a', '-t', '--sim-state']);
    expect(tokens).toEqual([
      { kind: 'option', id: 'append', argument: '--sim-machine=a' },
      { kind: 'option', id: 'type', argument: '--sim-state' },
    ]);
    expect(exact.size).toBe(0);
  });

  test('take any argument, like other options', () => {
    expect(parse(['--sim-machine', '--append']).exact.get('sim-machine')).toBe('--append');
  });

  test('are none behind --', () => {
    const { operands, exact } = parse(['--', '--sim-machine=a']);
    expect(operands).toEqual(['--sim-machine=a']);
    expect(exact.size).toBe(0);
  });
});

test.each(RELEASES)('no name of %s is that of an option of ours', (release) => {
  const { long, exact } = optionSyntax(optionsOf(compatFor(release), ARM64_OPTIONS), false);
  for (const { name } of long) for (const ours of exact) expect(ours.startsWith(name)).toBe(false);
});
