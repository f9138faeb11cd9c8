/** Who comes to debug a machine: one at a time, and another one when that has gone. */
import { GdbSession } from './session.js';
import type { GdbTarget } from './target.js';
import { bytesOfText } from './text.js';

/** A way to a gdb, whatever it is made of. */
export interface Connection {
  /** Who is there, for people. */
  readonly name: string;
  send(bytes: Uint8Array): void;
  /** Ends it, after what was sent. */
  close(): void;
  /** Passes on what comes from now on, and then, or at once, that nobody is there any more. */
  listen(onBytes: (bytes: Uint8Array) => void, onClose: () => void): void;
}

/** Where gdbs come from. */
export interface GdbPort {
  /** What to type into gdb to come there. */
  readonly command: string;
  /** Whether there is one connection and no other: when that is over, nobody can come any more. */
  readonly isOnly: boolean;
  /** Passes on who comes, also those who came before. */
  accept(onConnection: (connection: Connection) => void): void;
  close(): void;
}

export interface ServerOptions {
  readonly target: GdbTarget;
  /** Tells the user something: one sentence, without its end. */
  readonly tell: (text: string) => void;
}

export class GdbServer {
  #current: Connection | undefined;

  constructor(
    private readonly port: GdbPort,
    private readonly options: ServerOptions,
  ) {}

  start(): void {
    this.port.accept((connection) => void this.#serve(connection));
  }

  /** Nobody is to be told anything any more. */
  close(): void {
    this.#current?.close();
    this.#current = undefined;
    this.port.close();
  }

  async #serve(connection: Connection): Promise<void> {
    if (this.#current !== undefined) return this.#refuse(connection, this.#current);
    this.#current = connection;
    const { target, tell } = this.options;
    // Who was let go runs until somebody comes again.
    await target.attach();
    const session = new GdbSession(
      target,
      (bytes) => connection.send(bytes),
      () => this.#forget(connection),
    );
    connection.listen(
      (bytes) => session.receive(bytes),
      () => {
        this.#forget(connection);
        if (session.isOver) return;
        session.close();
        if (this.port.isOnly) target.kill();
        else tell(`gdb at ${connection.name} has gone without a word: the machine stands, and waits for another one`);
      },
    );
  }

  #refuse(connection: Connection, current: Connection): void {
    const text = `gdb at ${connection.name} is refused: ${current.name} is attached`;
    this.options.tell(text);
    connection.send(bytesOfText(`kexec-ts: ${text}\n`));
    connection.close();
  }

  #forget(connection: Connection): void {
    connection.close();
    if (this.#current === connection) this.#current = undefined;
  }
}
