import { describe, expect, test } from '@jest/globals';
import { getKernelSym } from '../../../../kexec/running-kernel/symbols.js';
import { U64_MAX } from '../../../../kexec/base/u64.js';
import { keepingLog, memorySystem } from '../../../support/files/memory-system.js';

const find = (kallsyms: string, symbol: string, debug = false): { readonly value: bigint; readonly log: string } => {
  const log = keepingLog(debug);
  return { value: getKernelSym(memorySystem({ '/proc/kallsyms': kallsyms }), log, symbol), log: log.text() };
};

describe('kernel symbols', () => {
  test.each([
    ['ffff800008000000 T _text\n', 0xffff800008000000n],
    ['ffff800008000000 T _textual\nffff800008010000 t _text\n', 0xffff800008010000n],
    ['ffff800008000000 T _text\t[module]\n', 0xffff800008000000n],
    ['ffff800008000000 T _text', 0xffff800008000000n],
    ['0xff T _text\n', 0xffn],
    ['  ff   T   _text  \n', 0xffn],
    // "%c" takes whatever comes next.
    ['ff T_text\n', 0xffn],
    ['1 T _text\n2 T _text\n', 1n],
    ['12345678123456789 T _text\n', U64_MAX],
    ['ff T other\n', 0n],
    ['ff T\n', 0n],
    ['ff _text\n', 0n],
    ['T _text\n', 0n],
    ['', 0n],
    ['ff T _te\0xt\n', 0n],
  ])('%j', (kallsyms, value) => {
    expect(find(kallsyms, '_text').value).toBe(value);
  });

  test('lines longer than 127 bytes come in pieces', () => {
    expect(find(`ff T ${'x'.repeat(122)}ee T _text\n`, '_text').value).toBe(0xeen);
  });

  test('the log tells the address, or that there is none', () => {
    expect(find('ff T _text\n', '_text', true).log).toBe('kernel symbol _text vaddr =               ff\n');
    expect(find('ff T _text\n', '_stext', true).log).toBe('Cannot get kernel _stext symbol address\n');
    expect(find('ff T _text\n', '_stext').log).toBe('');
  });

  test('no list of symbols is told always', () => {
    const log = keepingLog();
    expect(getKernelSym(memorySystem({}), log, '_text')).toBe(0n);
    expect(log.text()).toBe('Cannot open /proc/kallsyms\n');
  });
});
