import { describe, expect, test } from '@jest/globals';
import { MAX_PACKET, PacketReader, type Received, packetOf } from '../../../../sim/gdb/packets.js';
import { bytesOfText, textOfBytes } from '../../../../sim/gdb/text.js';

const read = (...pieces: readonly string[]): readonly Received[] => {
  const reader = new PacketReader();
  return pieces.flatMap((piece) => [...reader.feed(bytesOfText(piece))]);
};
const written = (text: string): string => textOfBytes(packetOf(text));

describe('a packet', () => {
  test.each([
    ['', '$#00'],
    ['OK', '$OK#9a'],
    ['E01', '$E01#a6'],
    // The manual's example of what repeats: "0* " are four zeros.
    ['0000', '$0* #7a'],
    ['000', '$000#90'],
    // Six more would be '#', and seven '$'.
    ['0'.repeat(7), '$0*"0#ac'],
    ['0'.repeat(8), '$0*"00#dc'],
    ['a$b#c}d*e', `$a}\u0004b}\u0003c}]d}\ne#51`],
  ])('of %j is %j', (text, packet) => {
    expect(written(text)).toBe(packet);
  });

  test('is taken as it comes, in whatever pieces', () => {
    expect(read('+$m0,4#fd-', '\u0003')).toEqual([
      { kind: 'ack' },
      { kind: 'packet', text: 'm0,4' },
      { kind: 'nack' },
      { kind: 'interrupt' },
    ]);
    expect(read('noise$', 'm0', ',4#f', 'd')).toEqual([{ kind: 'packet', text: 'm0,4' }]);
  });

  test('has its escaped bytes as they were, and an interrupt inside is none', () => {
    expect(read('$X0,2:}\u0003\u0003#a3')).toEqual([{ kind: 'packet', text: 'X0,2:#\u0003' }]);
  });

  test('that is broken is told as such, and the next one is taken', () => {
    expect(read('$m0,4#00$?#3f')).toEqual([{ kind: 'broken' }, { kind: 'packet', text: '?' }]);
    expect(read('$m0,4#zz')).toEqual([{ kind: 'broken' }]);
    // One that is cut off by the next one.
    expect(read('$m0,$?#3f')).toEqual([{ kind: 'packet', text: '?' }]);
  });

  test('that is too long is broken, and not kept', () => {
    const long = 'a'.repeat(MAX_PACKET + 1);
    const sum = ((MAX_PACKET + 1) * 0x61) % 256;
    expect(read(`$${long}#${sum.toString(16).padStart(2, '0')}$?#3f`)).toEqual([
      { kind: 'broken' },
      { kind: 'packet', text: '?' },
    ]);
  });
});
