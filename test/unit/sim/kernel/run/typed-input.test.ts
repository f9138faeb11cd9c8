import { expect, test } from '@jest/globals';
import type { CharacterInput } from '../../../../../sim/machine/device.js';
import { TypedInput } from '../../../../../sim/kernel/run/typed-input.js';
import { FakeTerminal } from '../../../../support/machine/fake-terminal.js';

/** A console that has room for so many bytes. */
const consoleOf = (room: number) => {
  const taken: number[] = [];
  const console: { -readonly [K in keyof CharacterInput]: CharacterInput[K] } = {
    listens: 'interrupts',
    get canReceive() {
      return taken.length < room;
    },
    receive: (byte) => void taken.push(byte),
  };
  return { console, text: () => String.fromCharCode(...taken) };
};

const inputFor = async (console: CharacterInput, ...typed: readonly string[]): Promise<TypedInput> => {
  const input = new TypedInput({
    terminal: new FakeTerminal(typed),
    interactive: false,
    console,
    tell: () => {},
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  return input;
};

test('what is typed comes as far as there is room', async () => {
  const { console, text } = consoleOf(5);
  const input = await inputFor(console, 'typed ', 'text');
  expect(input.deliver(true)).toBe(true);
  expect(text()).toBe('typed');
  expect(input.deliver(true)).toBe(false);
  input.close();
});

test('a guest that listens for a moment is not given anything', async () => {
  const { console, text } = consoleOf(100);
  const input = await inputFor(console, 'text');
  for (let i = 0; i < 100; i++) {
    console.listens = i % 2 === 0 ? 'asks' : undefined;
    expect(input.deliver(false)).toBe(false);
  }
  console.listens = 'asks';
  expect([input.deliver(false), text()]).toEqual([false, '']);
  expect([input.deliver(false), text()]).toEqual([true, 'text']);
  input.close();
});

test('a guest that wants interrupts is given them where it is idle, or is so never', async () => {
  const { console, text } = consoleOf(2);
  const input = await inputFor(console, 'text');
  for (let i = 0; i < 10; i++) expect(input.deliver(false)).toBe(false);
  expect([input.deliver(true), text()]).toEqual([true, 'te']);
  const { console: busy, text: late } = consoleOf(100);
  const other = await inputFor(busy, 'text');
  for (let i = 0; i < 40; i++) expect(other.deliver(false)).toBe(false);
  expect([other.deliver(false), late()]).toEqual([true, 'text']);
  input.close();
  other.close();
});

test('a guest that has nothing to do is given at once what it listens for', async () => {
  const { console, text } = consoleOf(100);
  const input = await inputFor(console, 'text');
  expect([input.deliver(true), text()]).toEqual([true, 'text']);
  input.close();
});

test('a guest that does not listen is given nothing', async () => {
  const { console, text } = consoleOf(100);
  console.listens = undefined;
  const input = await inputFor(console, 'text');
  expect([input.deliver(true), input.deliver(true), text()]).toEqual([false, false, '']);
  input.close();
});
