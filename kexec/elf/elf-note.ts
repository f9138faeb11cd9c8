/** Notes of ELF files: a header of three words, a name and a description, each in whole words of 32 bits. */
import { cString, latin1 } from '../base/scan.js';
import { NOTE_HEADER_SIZE } from './elf.js';

/** A note; on a machine that is little-endian. */
export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

const padded = (sizeBytes: number): number => Math.ceil(sizeBytes / 4) * 4;

/** The bytes of a note. */
export const elfNote = ({ name, type, desc }: ElfNote): Uint8Array => {
  const nameSize = name.length + 1;
  const bytes = new Uint8Array(NOTE_HEADER_SIZE + padded(nameSize) + padded(desc.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, nameSize, true);
  view.setUint32(4, desc.length, true);
  view.setUint32(8, type, true);
  for (let i = 0; i < name.length; i++) bytes[NOTE_HEADER_SIZE + i] = name.charCodeAt(i);
  bytes.set(desc, NOTE_HEADER_SIZE + padded(nameSize));
  return bytes;
};

/** The notes of a segment, one behind the other, up to the first that is not whole or has no name. */
export function* notesIn(bytes: Uint8Array): Generator<ElfNote, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + NOTE_HEADER_SIZE <= bytes.length;) {
    const [nameSize, descSize, type] = [0, 4, 8].map((offset) => view.getUint32(at + offset, true)) as [
      number,
      number,
      number,
    ];
    const name = at + NOTE_HEADER_SIZE;
    const desc = name + padded(nameSize);
    if (nameSize === 0 || desc + descSize > bytes.length) return;
    yield {
      name: cString(latin1(bytes.subarray(name, name + nameSize))),
      type,
      desc: bytes.subarray(desc, desc + descSize),
    };
    at = desc + padded(descSize);
  }
}
