/**
 * Damaged gzip files whose content ends about where the real kexec's buffer is full, and zlib's pieces of the file end.
 */
import { crc32, deflateRawSync } from 'node:zlib';
import { buildImage } from '../files.js';
import type { NamedFile } from './damage.js';

/** Bytes that zlib reads at a time. */
const PIECE = 8192;

/** Where a piece of the file ends, seen from the deflated data's last byte. */
const PIECE_ENDS: Readonly<Record<string, number | undefined>> = {
  anywhere: undefined,
  data: 0,
  crc: 2,
  length: 6,
  member: 8,
};

interface Member {
  readonly header: Buffer;
  readonly deflated: Buffer;
  readonly trailer: Buffer;
}

/** A member with a name, so long that a piece of the file ends where it shall. */
const buildMember = (data: Uint8Array, pieceEnd: number | undefined): Member => {
  const deflated = deflateRawSync(data);
  const free = pieceEnd === undefined ? 5 : PIECE - ((11 + deflated.length + pieceEnd) % PIECE);
  const header = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]),
    Buffer.alloc(free, 'n'),
    Buffer.from([0]),
  ]);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length, 4);
  return { header, deflated, trailer };
};

const xored = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 0xff;
  return copy;
};

const whole = ({ header, deflated, trailer }: Member): Buffer => Buffer.concat([header, deflated, trailer]);

const DAMAGES: Readonly<Record<string, (member: Member) => Buffer>> = {
  sound: whole,
  'bad-crc': (member) => whole({ ...member, trailer: xored(member.trailer, 0) }),
  'bad-length': (member) => whole({ ...member, trailer: xored(member.trailer, 4) }),
  'bad-data': (member) => whole({ ...member, deflated: xored(member.deflated, member.deflated.length - 1) }),
  'cut-data': (member) => whole(member).subarray(0, -9),
  'cut-crc': (member) => whole(member).subarray(0, -6),
  'cut-length': (member) => whole(member).subarray(0, -2),
  'byte-behind': (member) => Buffer.concat([whole(member), Buffer.from([0x1f])]),
  'text-behind': (member) => Buffer.concat([whole(member), Buffer.from('garbage')]),
  'header-behind': (member) => Buffer.concat([whole(member), member.header.subarray(0, 9)]),
  'bad-header-behind': (member) => Buffer.concat([whole(member), xored(member.header, 2)]),
  'bad-member-behind': (member) =>
    Buffer.concat([whole(member), whole({ ...member, trailer: xored(member.trailer, 0) })]),
};

/** About once and twice what the buffer holds at first. */
const SIZES = [0x10000, 0x10001, 0x20000];

/** By name: the content's size in hexadecimal, where a piece of the file ends, and the damage. */
export const gzipFiles = (): readonly NamedFile[] =>
  SIZES.flatMap((size) =>
    Object.entries(PIECE_ENDS).flatMap(([place, pieceEnd]) => {
      // It ends in zeros, of which one copy may be before a boundary and behind it.
      const member = buildMember(buildImage(size, { imageSize: 0x40000n }).fill(0, 0x1000), pieceEnd);
      return Object.entries(DAMAGES).map(([damage, build]): NamedFile => [
        `gzip-${size.toString(16)}-${place}~${damage}`,
        build(member),
      ]);
    }),
  );
