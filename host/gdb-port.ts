/** Where gdb comes from: TCP, or the standard streams of the command that gdb has started. */
import * as net from 'node:net';
import { attempt } from '../kexec/base/attempt.js';
import { KexecError } from '../kexec/base/error.js';
import type { Connection, GdbPort } from '../sim/gdb/server.js';
import type { GdbAddress } from '../sim/gdb/options.js';
import { writeNow } from './write-now.js';

const STDOUT = 1;
/** What gdb is called where it knows the architecture of others. */
const GDB = 'gdb-multiarch';
/** Who has nothing to say for so long, behind the end, is not waited for. */
const LINGER_MS = 1000;

/** @throws KexecError where nobody can come from there */
export const openGdbPort = async (address: GdbAddress): Promise<GdbPort> =>
  address.kind === 'stdio' ? standardStreams() : listenOn(address.host, address.port);

const isWithin = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const listenOn = async (host: string, port: number): Promise<GdbPort> => {
  const waiting: Connection[] = [];
  let onConnection = (connection: Connection): void => void waiting.push(connection);
  const server = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) =>
    onConnection(new SocketConnection(socket)),
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        KexecError.die(`Cannot listen on ${isWithin(host)}:${port} for gdb: ${error.code ?? error.message}`, {
          subject: host,
        }),
      ),
    );
    server.listen(port, host, () => resolve((server.address() as net.AddressInfo).port));
  });
  // What goes wrong with one that comes is that one's end.
  server.on('error', () => {});
  return {
    command: `${GDB} -ex 'target remote ${isWithin(host)}:${bound}'`,
    isOnly: false,
    accept: (handler) => {
      onConnection = handler;
      for (const connection of waiting) handler(connection);
    },
    close: () => server.close(),
  };
};

class SocketConnection implements Connection {
  readonly name: string;
  #onClose = (): void => {};
  #isClosed = false;

  constructor(private readonly socket: net.Socket) {
    this.name = `${isWithin(socket.remoteAddress ?? 'unknown')}:${socket.remotePort}`;
    socket.on('error', () => this.#close());
    socket.on('close', () => this.#close());
    socket.on('end', () => this.#close());
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.socket.destroy();
    this.#onClose();
  }

  send(bytes: Uint8Array): void {
    if (!this.#isClosed) this.socket.write(bytes);
  }

  close(): void {
    if (this.#isClosed) return;
    this.socket.end();
    this.socket.resume();
    setTimeout(() => this.#close(), LINGER_MS).unref();
  }

  listen(onBytes: (bytes: Uint8Array) => void, onClose: () => void): void {
    this.#onClose = onClose;
    if (this.#isClosed) return onClose();
    this.socket.on('data', onBytes);
    this.socket.resume();
  }
}

/** gdb's `target remote | COMMAND`. */
const standardStreams = (): GdbPort => {
  const connection: Connection = {
    name: 'the other end of stdin',
    send: (bytes) => {
      // Who reads no more is heard of no more, either.
      attempt(Error, () => writeNow(STDOUT, Buffer.from(bytes).toString('latin1')));
    },
    close: () => {
      process.stdin.destroy();
    },
    listen: (onBytes, onClose) => {
      process.stdin.on('data', (bytes: Buffer) => onBytes(bytes));
      process.stdin.on('end', onClose);
      process.stdin.on('error', onClose);
    },
  };
  return {
    command: 'type what you like: it is at the other end of stdin',
    isOnly: true,
    accept: (handler) => handler(connection),
    close: () => {
      process.stdin.destroy();
    },
  };
};
