import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_PACKET, PacketReader, type Received, packetOf } from '../../../sim/gdb/packets.js';
import { bytesOfText, fromHex, textOfBytes, toHex, valueFromHex, valueToHex } from '../../../sim/gdb/text.js';

/** Characters that mean something, and others, which come again and again. */
const character = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('0', '#', '$', '}', '*', '+', '-', '\u0003') },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) },
);
const text = fc
  .array(fc.tuple(character, fc.integer({ min: 1, max: 200 })), { maxLength: 12 })
  .map((runs) => runs.map(([one, times]) => one.repeat(times)).join(''));

/** What repeats, written out, as gdb does before it looks at escapes. */
const expand = (packet: string): string => {
  let out = '';
  for (let i = 0; i < packet.length; i++) {
    if (packet.charAt(i) === '*') out += out.slice(-1).repeat(packet.charCodeAt(++i) - 29);
    else out += packet.charAt(i);
  }
  return out;
};

const read = (reader: PacketReader, ...pieces: readonly Uint8Array[]): readonly Received[] =>
  pieces.flatMap((piece) => [...reader.feed(piece)]);

describe('a packet of gdb', () => {
  test('has its text, whatever that is, and nothing in it that ends it', () => {
    fc.assert(
      fc.property(text, (given) => {
        const packet = textOfBytes(packetOf(given));
        const body = packet.slice(1, -3);
        expect(body).not.toMatch(/[$#]/);
        const expanded = expand(body);
        const unescaped = expanded.replace(/}(.)/gs, (_, one: string) => String.fromCharCode(one.charCodeAt(0) ^ 0x20));
        expect(unescaped).toBe(given);
      }),
    );
  });

  test('is found in whatever pieces it comes, behind whatever was before', () => {
    const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => bytes.filter((byte) => byte !== 0x24));
    fc.assert(
      fc.property(
        noise,
        fc.string({ unit: fc.constantFrom('a', 'b', '0', '9', ',', ':'), maxLength: 40 }),
        fc.nat(60),
        (before, given, cut) => {
          const sum = bytesOfText(given).reduce((total, byte) => (total + byte) % 256, 0);
          const packet = bytesOfText(`$${given}#${sum.toString(16).padStart(2, '0')}`);
          const all = Uint8Array.from([...before, ...packet]);
          const received = read(new PacketReader(), all.subarray(0, cut), all.subarray(cut));
          expect(received.at(-1)).toEqual({ kind: 'packet', text: given });
        },
      ),
    );
  });

  test('is never made of more than there may be, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 20 }), (pieces) => {
        for (const received of read(new PacketReader(), ...pieces))
          if (received.kind === 'packet') expect(received.text.length).toBeLessThanOrEqual(MAX_PACKET);
      }),
      { numRuns: 50 },
    );
  });
});

describe('values as gdb writes them', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(32, 64, 128), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (bits, value) => {
        const cut = BigInt.asUintN(bits, value);
        expect(valueFromHex(valueToHex(cut, bits), bits)).toBe(cut);
      }),
    );
  });
});
