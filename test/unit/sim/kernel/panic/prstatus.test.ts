import { expect, test } from '@jest/globals';
import { notesIn } from '../../../../../kexec/elf/elf-note.js';
import { prstatusNote } from '../../../../../sim/kernel/panic/prstatus.js';

test("a processor's note has its process and its registers, and nothing else", () => {
  const x = Array.from({ length: 31 }, (_, i) => BigInt(i + 1));
  const bytes = prstatusNote({ x, sp: 100n, pc: 101n, pstate: 0xc5n }, 77);
  expect(bytes).toHaveLength(412);
  const [note, ...more] = notesIn(bytes);
  expect(more).toEqual([]);
  expect(note).toMatchObject({ name: 'CORE', type: 1 });
  const view = new DataView(note!.desc.buffer, note!.desc.byteOffset, note!.desc.byteLength);
  expect(view.byteLength).toBe(392);
  expect(view.getUint32(32, true)).toBe(77);
  const registers = Array.from({ length: 34 }, (_, i) => view.getBigUint64(112 + 8 * i, true));
  expect(registers).toEqual([...x, 100n, 101n, 0xc5n]);
  const used = (at: number): boolean => (at >= 32 && at < 36) || (at >= 112 && at < 384);
  expect([...note!.desc].filter((byte, at) => byte !== 0 && !used(at))).toEqual([]);
});
