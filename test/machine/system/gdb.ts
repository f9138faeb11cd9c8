import { connect, type Socket } from 'node:net';

const hexOf = (bytes: Buffer): string => bytes.toString('hex');
const checksum = (text: string): string =>
  (Buffer.from(text, 'latin1').reduce((sum, byte) => sum + byte, 0) % 256).toString(16).padStart(2, '0');

/** The registers that gdb calls AArch64's core. */
export interface CoreRegisters {
  /** X0 to X30. */
  readonly x: readonly bigint[];
  readonly sp: bigint;
  readonly pc: bigint;
  /** As in SPSR: NZCV, DAIF, EL and SPSel at the bits where they are there. */
  readonly cpsr: number;
}

/** The side of gdb's remote protocol that asks (gdb manual, appendix E), as far as comparing machines needs it. */
export class GdbClient {
  #received = '';
  #wake: () => void = () => {};
  #failed: Error | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      this.#received += text.toString();
      this.#wake();
    });
    const fail = (why: string) => (): void => {
      this.#failed ??= new Error(`gdb stub: ${why}`);
      this.#wake();
    };
    socket.on('close', fail('closed')).on('error', fail('connection failed'));
  }

  /** @param path of a Unix socket where a stub listens */
  static open(path: string): Promise<GdbClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject).once('connect', () => {
        socket.off('error', reject);
        resolve(new GdbClient(socket));
      });
    });
  }

  close(): void {
    this.socket.destroy();
  }

  /** Sends a packet. @returns the answer */
  async ask(packet: string): Promise<string> {
    this.socket.write(`$${packet}#${checksum(packet)}`);
    for (;;) {
      const answer = /\$([^#]*)#[0-9a-f]{2}/.exec(this.#received);
      if (answer !== null) {
        this.#received = this.#received.slice(answer.index + answer[0].length);
        this.socket.write('+');
        return answer[1]!;
      }
      if (this.#failed !== undefined) throw this.#failed;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /**
   * Lets the machine run until the instruction at the address is next, or for as long as anyone has patience.
   * @returns whether it got there
   */
  async runTo(address: bigint, patienceMs: number): Promise<boolean> {
    const point = `1,${address.toString(16)},4`;
    if ((await this.ask(`Z${point}`)) !== 'OK') throw new Error('gdb stub: no breakpoint');
    const INTERRUPT = '\x03';
    const impatience = setTimeout(() => this.socket.write(INTERRUPT), patienceMs);
    const stop = await this.ask('c');
    clearTimeout(impatience);
    await this.ask(`z${point}`);
    return /^[ST]05/.test(stop);
  }

  async registers(): Promise<CoreRegisters> {
    const bytes = Buffer.from(await this.ask('g'), 'hex');
    const x = Array.from({ length: 31 }, (_, i) => bytes.readBigUInt64LE(8 * i));
    return { x, sp: bytes.readBigUInt64LE(248), pc: bytes.readBigUInt64LE(256), cpsr: bytes.readUInt32LE(264) };
  }

  /** @param address virtual, as the machine sees it now */
  async memory(address: bigint, sizeBytes: number): Promise<Buffer> {
    const CHUNK = 1024;
    const pieces: Buffer[] = [];
    for (let at = 0; at < sizeBytes; at += CHUNK) {
      const size = Math.min(CHUNK, sizeBytes - at);
      const answer = await this.ask(`m${(address + BigInt(at)).toString(16)},${size.toString(16)}`);
      const piece = Buffer.from(answer, 'hex');
      if (hexOf(piece) !== answer || piece.length !== size) throw new Error(`gdb stub: memory: ${answer}`);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }
}
