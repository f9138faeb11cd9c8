/** Fuzz targets: what a gdb sends, or whoever comes to its port. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { PacketReader } from '../../../sim/gdb/packets.js';
import { GdbSession } from '../../../sim/gdb/session.js';
import { parseAt, parseGdb } from '../../../sim/gdb/options.js';
import { bytesOfText, textOfBytes } from '../../../sim/gdb/text.js';
import { FakeGdbTarget } from '../../support/machine/fake-gdb-target.js';
import type { AsyncFuzzTarget } from '../fuzz-target.js';

const PACKETS = [
  'qSupported:multiprocess+;swbreak+;hwbreak+',
  'QStartNoAckMode',
  'qXfer:features:read:target.xml:0,ffb',
  'Hg1',
  'g',
  'P0=0100000000000000',
  'm1000,40',
  'M1000,2:0102',
  'X1000,2:ab',
  'Z0,1000,4',
  'Z2,1000,8',
  'vCont;s:1;c',
  'vCont;c',
  'z0,1000,4',
  'qRcmd,68656c70',
  'Qqemu.PhyMemMode:1',
  'D;1',
];

const plain = (text: string): string => {
  const sum = bytesOfText(text).reduce((total, byte) => (total + byte) % 256, 0);
  return `$${text}#${sum.toString(16).padStart(2, '0')}`;
};

/** A machine that stops as soon as it runs; every answer is a whole packet. */
const talk = async (bytes: Uint8Array): Promise<void> => {
  const target = new FakeGdbTarget();
  const reader = new PacketReader();
  const session = new GdbSession(
    target,
    (sent) => {
      for (const { kind } of reader.feed(sent)) if (kind === 'broken') throw new Error('a broken answer');
    },
    () => {},
  );
  const PIECE = 64;
  for (let at = 0; at < bytes.length; at += PIECE) {
    session.receive(bytes.subarray(at, at + PIECE));
    await target.stopWith({ kind: 'step', thread: 1 });
  }
  session.close();
};

export const targets: readonly AsyncFuzzTarget[] = [
  { name: 'gdb-bytes', seeds: () => [bytesOfText(PACKETS.map(plain).join('+'))], run: talk },
  {
    name: 'gdb-packets',
    seeds: () => [bytesOfText(PACKETS.join('\n'))],
    // Checksums are right, whatever the texts are.
    run: (input) => {
      const texts = textOfBytes(input).split('\n');
      return talk(bytesOfText(texts.map((text) => plain(text.replace(/[#$]/g, ''))).join('')));
    },
  },
  {
    name: 'gdb-options',
    seeds: () => ['1234', '[::1]:0', 'stdio', 'kernel', '0x40080000', 'start_kernel'].map(bytesOfText),
    run: (input) => {
      const text = textOfBytes(input);
      for (const parse of [parseGdb, parseAt]) attempt(KexecError, () => parse('--gdb', text));
    },
  },
];
