import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes } from '../../../../kexec/base/bytes.js';
import { elfNote, notesIn } from '../../../../kexec/elf/elf-note.js';

const note = fc.record({
  name: fc.stringMatching(/^[A-Z]{1,12}$/),
  type: fc.integer({ min: 0, max: 0xffff_ffff }),
  desc: fc.uint8Array({ maxLength: 40 }),
});

describe('notes', () => {
  test('are read as they were written, one behind the other', () => {
    fc.assert(
      fc.property(fc.array(note, { maxLength: 5 }), (notes) => {
        const read = [...notesIn(concatBytes([new Uint8Array(), ...notes.map(elfNote)]))];
        expect(read.map(({ name, type, desc }) => ({ name, type, desc: [...desc] }))).toEqual(
          notes.map(({ name, type, desc }) => ({ name, type, desc: [...desc] })),
        );
      }),
    );
  });

  test('end with the first that is not whole', () => {
    const [first, second] = ['CORE', 'VMCOREINFO'].map((name) => elfNote({ name, type: 1, desc: Uint8Array.of(1, 2) }));
    const cut = concatBytes([first!, second!.subarray(0, second!.length - 4)]);
    expect([...notesIn(cut)].map(({ name }) => name)).toEqual(['CORE']);
  });

  test('whatever there is, the reading ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect([...notesIn(bytes)].length).toBeLessThanOrEqual(Math.floor(bytes.length / 12));
      }),
    );
  });
});
