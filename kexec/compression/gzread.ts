/**
 * How zlib's gzread() comes to the end of a gzip file, or to a fault in it: in which of kexec's calls, with how much.
 */

/** The buffer in zlib_decompress_file() starts so large and doubles. */
const FIRST_ALLOCATION = 65536;
/** Bytes of the file that zlib reads at a time (GZBUFSIZE); by a shorter read it learns that the file has ended. */
const INPUT_SIZE = 8192;
/** Bytes of zlib's own buffer for output, which a member's first bytes go through, and the last ones of a call. */
const OUTPUT_SIZE = 2 * INPUT_SIZE;

/** A gzip member: where it starts in the file, and its bytes of output. */
export interface GzipMember {
  readonly start: number;
  readonly size: number;
}

/** Where a gzip file cannot be read on. */
export interface GzipEnd {
  /** The members, and last the one that cannot be read on, with its bytes up to there; it may be none at all. */
  readonly members: readonly GzipMember[];
  /** How far inflate() comes in the last member when it has room for so many bytes; asked for only where it matters. */
  readonly inflate: (room: number) => Inflated;
  /** Where in the file a fault shows, exclusive; undefined: the file ends. */
  readonly at: number | undefined;
  readonly fileSize: number;
  /**
   * Whether a single byte that is left over at a member's end is read once more, with what follows, to see whether
   * another member begins there (gz_look(), gzread.c; until zlib 1.3.1).
   */
  readonly looksForMembers: boolean;
}

/** How far inflate() comes. */
export interface Inflated {
  /** Where in the file the last byte of output is complete, exclusive. */
  readonly filledAt: number;
  /** Where in the file it stops, exclusive; it goes on behind deflated data that ends. */
  readonly end: number;
}

/** How reading ends. */
export interface Ending {
  /** The call that comes to the end; undefined when zlib knows of it before it is asked for more. */
  readonly call?: LastCall;
  /** Bytes of output that nobody gets: zlib asks nothing more of inflate() when it knows that the file has ended. */
  readonly lost: number;
}

/** The call of gzread() that comes to the end. */
export interface LastCall {
  /** Bytes that the calls before it gave. */
  readonly before: number;
  /** Bytes that it was asked for. */
  readonly asked: number;
  /** Bytes that it had by then. */
  readonly ready: number;
}

/** The number of the piece of the file that a byte is read with. @param end offset behind the byte */
const pieceOf = ({ members, looksForMembers }: GzipEnd, end: number): number => {
  const isLeftOver = (start: number, from: number): boolean =>
    looksForMembers && (start - from) % INPUT_SIZE === INPUT_SIZE - 1;
  const base = members.reduce((from, { start }) => (isLeftOver(start, from) ? start : from), 0);
  return Math.ceil((end - base) / INPUT_SIZE);
};

/** Whether zlib knows that the file has ended, once it has read all of it. */
const knowsTheEnd = ({ fileSize }: GzipEnd): boolean => fileSize % INPUT_SIZE !== 0;

/** A copy is of at most 258 bytes, and fewer than four fit into what inflate() has left of a byte. */
const MOST_PENDING = 4 * 258;

/**
 * Whether zlib comes to a fault as it fills the last room: it goes on as far as it needs no other piece of the file.
 */
const isMetWhenFull = (end: GzipEnd, size: number): boolean =>
  end.at !== undefined && pieceOf(end, end.inflate(size).filledAt) === pieceOf(end, end.at);

/** Whether zlib, with room for `size` bytes of the last member, has read all of the file and knows it. */
const isOver = (end: GzipEnd, size: number): boolean => {
  if (end.at !== undefined || !knowsTheEnd(end)) return false;
  const { filledAt, end: stop } = end.inflate(size);
  return stop === end.fileSize && pieceOf(end, filledAt) === pieceOf(end, end.fileSize);
};

/** Follows the calls that zlib_decompress_file() of kexec/zlib.c makes. */
export const endingOf = (end: GzipEnd): Ending => {
  const { members } = end;
  const last = members.length - 1;
  const lastSize = members[last]!.size;
  let member = 0;
  let left = members[0]!.size;
  let isStart = true;
  /** Bytes in zlib's own buffer. */
  let held = 0;
  for (let before = 0, allocated = FIRST_ALLOCATION; ; before = allocated, allocated *= 2) {
    const asked = allocated - before;
    for (let wanted = asked; wanted > 0;) {
      if (held === 0) {
        const isBuffered: boolean = isStart || wanted < OUTPUT_SIZE;
        const room: number = isBuffered ? OUTPUT_SIZE : wanted;
        if (member === last) {
          if (left < room || (left === room && isMetWhenFull(end, lastSize))) {
            const isNone = members[last]!.start === end.fileSize;
            if (isNone && knowsTheEnd(end)) return { lost: 0 };
            return { call: { before, asked, ready: asked - wanted + Math.min(left, wanted) }, lost: 0 };
          }
          const pending = left - room;
          if (pending <= MOST_PENDING && isOver(end, lastSize - pending)) return { lost: pending };
        }
        held = Math.min(left, room);
        left -= held;
        isStart = left === 0 && member < last;
        if (isStart) left = members[++member]!.size;
      }
      const given = Math.min(held, wanted);
      held -= given;
      wanted -= given;
    }
  }
};
