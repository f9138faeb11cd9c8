/**
 * Packets of gdb's remote protocol (GDB manual, appendix E): `$text#checksum`, with bytes that mean something escaped.
 * Text has one byte a character.
 */

/** What a packet may have as its text, escapes included; gdb is told so (PacketSize). */
export const MAX_PACKET = 0x4000;

const START = 0x24;
const END = 0x23;
const ESCAPE = 0x7d;
const RUN = 0x2a;
const ESCAPED = 0x20;
const ACK = 0x2b;
const NACK = 0x2d;
const INTERRUPT = 0x03;
/** What a count of repetitions is above, and the most that one says (the last printable character). */
const COUNT = 29;
const LEAST_RUN = 3;
const MOST_RUN = 126 - COUNT;
/** Counts whose characters would be taken for others: '#', '$', '+' and '-'. */
const FORBIDDEN_COUNTS: readonly number[] = [END, START, ACK, NACK].map((byte) => byte - COUNT);

export type Received =
  | { readonly kind: 'packet'; readonly text: string }
  /** A packet whose checksum is wrong, or that is too long. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'ack' | 'nack' | 'interrupt' };

const hexDigit = (byte: number): number => {
  const text = String.fromCharCode(byte);
  return /[0-9a-fA-F]/.test(text) ? parseInt(text, 16) : -1;
};

/** Takes bytes as they come, in whatever pieces. What it keeps is bounded. */
export class PacketReader {
  #state: 'outside' | 'text' | 'checksum' = 'outside';
  #text: number[] = [];
  #sum = 0;
  #digits: number[] = [];
  #isTooLong = false;

  *feed(bytes: Uint8Array): Generator<Received> {
    for (const byte of bytes) {
      const received = this.#take(byte);
      if (received !== undefined) yield received;
    }
  }

  #take(byte: number): Received | undefined {
    switch (this.#state) {
      case 'outside':
        return this.#outside(byte);
      case 'text':
        // Nobody escapes it otherwise: a packet was cut off, and another one begins.
        if (byte === START) this.#begin();
        else if (byte === END) this.#state = 'checksum';
        else this.#add(byte);
        return undefined;
      case 'checksum':
        this.#digits.push(hexDigit(byte));
        return this.#digits.length < 2 ? undefined : this.#finish();
    }
  }

  #outside(byte: number): Received | undefined {
    if (byte === START) this.#begin();
    if (byte === ACK) return { kind: 'ack' };
    if (byte === NACK) return { kind: 'nack' };
    // Anything else between packets is noise.
    return byte === INTERRUPT ? { kind: 'interrupt' } : undefined;
  }

  #begin(): void {
    this.#state = 'text';
    this.#text = [];
    this.#digits = [];
    this.#sum = 0;
    this.#isTooLong = false;
  }

  #add(byte: number): void {
    this.#sum = (this.#sum + byte) & 0xff;
    if (this.#text.length < MAX_PACKET) this.#text.push(byte);
    else this.#isTooLong = true;
  }

  #finish(): Received {
    this.#state = 'outside';
    const [high = -1, low = -1] = this.#digits;
    const isRight = high >= 0 && low >= 0 && 16 * high + low === this.#sum;
    if (!isRight || this.#isTooLong) return { kind: 'broken' };
    return { kind: 'packet', text: unescapeText(this.#text) };
  }
}

/** gdb does not shorten what it sends: '*' is itself. */
const unescapeText = (bytes: readonly number[]): string => {
  const chunks: string[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte !== ESCAPE) chunks.push(String.fromCharCode(byte));
    else if (++i < bytes.length) chunks.push(String.fromCharCode(bytes[i]! ^ ESCAPED));
  }
  return chunks.join('');
};

/** The packet of a text: escaped, shortened, with its checksum. */
export const packetOf = (text: string): Uint8Array => {
  const bytes = shorten(escapeText(text));
  const sum = bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
  const digits = sum.toString(16).padStart(2, '0');
  return Uint8Array.from([START, ...bytes, END, digits.charCodeAt(0), digits.charCodeAt(1)]);
};

/** A character as bytes of a packet: one, or an escape and another one. */
const escapeText = (text: string): readonly number[] => {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i) & 0xff;
    if (byte === START || byte === END || byte === ESCAPE || byte === RUN) bytes.push(ESCAPE, byte ^ ESCAPED);
    else bytes.push(byte);
  }
  return bytes;
};

/** Says of characters that repeat how often they do. */
const shorten = (bytes: readonly number[]): readonly number[] => {
  const out: number[] = [];
  for (let i = 0; i < bytes.length;) {
    const byte = bytes[i]!;
    let same = 1;
    while (bytes[i + same] === byte && same <= MOST_RUN) same++;
    out.push(byte);
    i++;
    // What follows an escape is part of it, and is not to be repeated by itself.
    if (byte === ESCAPE) {
      out.push(bytes[i]!);
      i++;
      continue;
    }
    let more = same - 1;
    while (FORBIDDEN_COUNTS.includes(more)) more--;
    if (more < LEAST_RUN) continue;
    out.push(RUN, COUNT + more);
    i += more;
  }
  return out;
};
