/** A machine in qemu with a shell on its console, which is told what to do line by line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as net from 'node:net';
import * as path from 'node:path';

export interface Guest {
  /** Runs a line of shell. @returns what it printed */
  run(command: string): Promise<string>;
  /** Writes physical memory to a file on the host. */
  saveMemory(address: bigint, size: number, file: string): Promise<void>;
  /** Starts a program that does not come back. @returns what the console shows until qemu ends */
  leave(command: string): Promise<string>;
  stop(): void;
}

/** init of the guest: the console is for the host alone, and each answer ends with a mark. */
export const GUEST_INIT = `#!/bin/sh
export PATH=/bin
for tool in mount stty cat base64 gzip head grep sed echo mkdir ls wc kexec; do busybox ln -sf busybox /bin/$tool; done
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debug /sys/kernel/debug
mount -t securityfs security /sys/kernel/security
busybox dmesg -n 1
stty -echo
echo "@@ready"
while read -r line; do eval "$line"; echo "@@ready"; done
`;

const READY = '@@ready\r\n';
const PATIENCE_MS = 120_000;

/** @param directory for qemu's socket */
export const startGuest = async (qemu: readonly string[], directory: string): Promise<Guest> => {
  const socket = path.join(directory, 'qmp');
  const child: ChildProcess = spawn(
    'qemu-system-aarch64',
    [
      ...qemu,
      '-nic',
      'none',
      '-display',
      'none',
      '-serial',
      'stdio',
      '-monitor',
      'none',
      '-qmp',
      `unix:${socket},server=on,wait=off`,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  let text = '';
  let wake = (): void => {};
  let lastSaid = '';
  child.stdout!.on('data', (data: Buffer) => {
    text += data.toString('latin1');
    wake();
  });
  const ended = once(child, 'exit').then(() => wake());

  const until = async (mark: string | undefined): Promise<string> => {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const at = mark === undefined ? -1 : text.indexOf(mark);
      const over = child.exitCode !== null;
      if (at >= 0 || (over && mark === undefined)) {
        const answer = text.slice(0, at >= 0 ? at : undefined);
        text = text.slice(at >= 0 ? at + mark!.length : text.length);
        return answer.replaceAll('\r\n', '\n');
      }
      if (over || Date.now() > deadline)
        throw new Error(`the guest does not answer: ${lastSaid}\n${text.slice(-3000)}`);
      await Promise.race([
        new Promise<void>((resolve) => (wake = resolve)),
        new Promise((resolve) => setTimeout(resolve, 1000)),
        ended,
      ]);
    }
  };

  const say = (line: string): void => {
    lastSaid = line;
    child.stdin!.write(`${line}\n`);
  };

  await until(READY);
  return {
    run: (command) => {
      say(command);
      return until(READY);
    },
    saveMemory: (address, size, file) =>
      qmp(socket, { execute: 'pmemsave', arguments: { val: Number(address), size, filename: file } }),
    leave: (command) => {
      say(command);
      return until(undefined);
    },
    stop: () => void child.kill(),
  };
};

/** One command of QEMU's machine protocol. */
const qmp = async (socketPath: string, command: object): Promise<void> => {
  const socket = net.createConnection(socketPath);
  let text = '';
  const answer = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (data) => {
      text += data.toString();
      const returns = text.split('\n').filter((line) => line.includes('"return"') || line.includes('"error"'));
      if (returns.length < 2) return;
      if (returns[1]!.includes('"error"')) reject(new Error(returns[1]));
      else resolve();
    });
  });
  socket.write(`${JSON.stringify({ execute: 'qmp_capabilities' })}\n${JSON.stringify(command)}\n`);
  await answer;
  socket.destroy();
};
