import { beforeEach, describe, expect, test } from '@jest/globals';
import { GdbSession, type SessionEnd } from '../../../../sim/gdb/session.js';
import { bytesOfText, fromHex, textOfBytes } from '../../../../sim/gdb/text.js';
import { FakeGdbTarget } from '../../../support/machine/fake-gdb-target.js';

/** What repeats, written out: gdb does the same before it looks at the text. */
const expand = (text: string): string =>
  text.replace(/([^}])\*(.)/g, (_, character: string, count: string) => character.repeat(count.charCodeAt(0) - 28));

let target: FakeGdbTarget;
let sent: string[];
let ends: SessionEnd[];
let session: GdbSession;

const begin = (): void => {
  target = new FakeGdbTarget();
  sent = [];
  ends = [];
  session = new GdbSession(
    target,
    (bytes) => void sent.push(textOfBytes(bytes)),
    (end) => void ends.push(end),
  );
};

/** A packet as gdb writes it: nothing is shortened. */
const plainPacket = (text: string): string => {
  const escaped = text.replace(/[#$}]/g, (character) => `}${String.fromCharCode(character.charCodeAt(0) ^ 0x20)}`);
  const sum = bytesOfText(escaped).reduce((total, byte) => (total + byte) % 256, 0);
  return `$${escaped}#${sum.toString(16).padStart(2, '0')}`;
};

/** Sends packets without waiting for acknowledgements. @returns the answers */
const ask = (...texts: readonly string[]): readonly string[] => {
  sent = [];
  session.receive(bytesOfText(texts.map(plainPacket).join('')));
  return sentTexts();
};

/** What was sent, as gdb reads it. */
const sentTexts = (): readonly string[] => {
  const all = sent.join('');
  sent = [];
  return [...all.matchAll(/\$([^#]*)#[0-9a-f]{2}/g)].map(([, text = '']) =>
    expand(text).replace(/}(.)/gs, (_, escaped: string) => String.fromCharCode(escaped.charCodeAt(0) ^ 0x20)),
  );
};

beforeEach(() => {
  begin();
  ask('QStartNoAckMode');
});

describe('acknowledgements', () => {
  beforeEach(begin);

  test('are sent until gdb wants none', () => {
    session.receive(bytesOfText('$qAttached#8f'));
    expect(sent).toEqual(['+', '$1#31']);
    sent = [];
    session.receive(bytesOfText('+$QStartNoAckMode#b0'));
    expect(sent).toEqual(['+', '$OK#9a']);
    sent = [];
    session.receive(bytesOfText('+$qAttached#8f'));
    expect(sent).toEqual(['$1#31']);
  });

  test('are sent for a packet that comes again, which is answered once', () => {
    session.receive(bytesOfText('$qAttached#8f$qAttached#8f'));
    expect(sent).toEqual(['+', '$1#31', '+']);
    sent = [];
    session.receive(bytesOfText('+$qAttached#8f'));
    expect(sent).toEqual(['+', '$1#31']);
  });

  test('are refused to a packet that is broken, and the last answer is sent again', () => {
    session.receive(bytesOfText('$qAttached#00'));
    expect(sent).toEqual(['-']);
    session.receive(bytesOfText('$qAttached#8f--'));
    expect(sent).toEqual(['-', '+', '$1#31', '$1#31', '$1#31']);
  });
});

describe('gdb is told', () => {
  test('what there is', () => {
    const [features = ''] = ask('qSupported:multiprocess+;swbreak+;hwbreak+');
    expect(features.split(';')).toEqual([
      'PacketSize=4000',
      'QStartNoAckMode+',
      'qXfer:features:read+',
      'qXfer:memory-map:read+',
      'qXfer:threads:read+',
      'vContSupported+',
      'swbreak+',
      'hwbreak+',
    ]);
    target.canReverse = true;
    expect(ask('qSupported')[0]).toContain(';ReverseStep+;ReverseContinue+');
  });

  test('documents, in pieces', () => {
    const [whole = ''] = ask('qXfer:features:read:target.xml:0,1000');
    expect(whole).toContain('<reg name="FIXED" bitsize="32" type="int" group="system"/>');
    const [first = ''] = ask('qXfer:features:read:target.xml:0,20');
    const [second = ''] = ask('qXfer:features:read:target.xml:20,fff');
    expect([first.charAt(0), second.charAt(0)]).toEqual(['m', 'l']);
    expect(first.slice(1) + second.slice(1)).toBe(whole.slice(1));
    expect(ask('qXfer:features:read:target.xml:fffff,20')).toEqual(['l']);
    expect(ask('qXfer:features:read:other.xml:0,20')).toEqual(['E00']);
    expect(ask('qXfer:auxv:read::0,20')).toEqual(['']);
    expect(ask('qXfer:memory-map:read::0,1000')[0]).toContain(
      '<memory type="ram" start="0x1000" length="0x10000"/>\n  <memory type="ram" start="0x11000" length="0xfffffffffffef000"/>',
    );
    expect(ask('qXfer:threads:read::0,1000')[0]).toContain('<thread id="2" core="1" name="cpu1">is &#60;off&#62;<');
  });

  test('of threads', () => {
    expect(ask('qC', 'qfThreadInfo', 'qsThreadInfo', 'T2', 'T3', 'T0')).toEqual([
      'QC1',
      'm1,2',
      'l',
      'OK',
      'E16',
      'E16',
    ]);
    expect(Buffer.from(fromHex(ask('qThreadExtraInfo,2')[0] ?? '') ?? []).toString()).toBe('cpu1, is <off>');
    expect(ask('qThreadExtraInfo,9')).toEqual(['E16']);
  });

  test('nothing of what is not there', () => {
    expect(ask('vMustReplyEmpty', 'qTStatus', 'vFile:setfs:0', '!', 'bs', 'R00')).toEqual(['', '', '', '', '', '']);
  });

  test('what monitor commands say', () => {
    expect(ask('qRcmd,68656c70')).toEqual([`O${Buffer.from('you said help\n').toString('hex')}`, 'OK']);
    expect(ask('qRcmd,6')).toEqual(['E16']);
  });
});

describe('registers', () => {
  test('are those of the thread that was chosen', () => {
    expect(ask('g', 'Hg2', 'g', 'p2', 'p3')).toEqual([
      '01000000000000000010000000000000',
      'OK',
      '02000000000000000020000000000000',
      '07000000',
      'E16',
    ]);
    expect(ask('Hg3', 'Hx1', 'Hgz', 'Hg-1', 'p0')).toEqual(['E16', 'E16', 'E16', 'OK', '0100000000000000']);
  });

  test('are written', () => {
    expect(ask('P0=0500000000000000', 'p0', 'P2=00000000', 'P0=05', 'P9=00', 'P')).toEqual([
      'OK',
      '0500000000000000',
      'E01',
      'E16',
      'E16',
      'E16',
    ]);
    const all = '08000000000000000030000000000000';
    expect(ask(`G${all}`, 'g', `G${all}00`, 'G00')).toEqual(['OK', all, 'E16', 'E16']);
  });
});

describe('memory', () => {
  test('is read and written', () => {
    expect(ask('M1000,3:0102ff', 'm1000,4', 'X1001,2:#', 'm1001,1')).toEqual(['OK', '0102ff00', 'E16', '02']);
    expect(ask('X1001,2:#}', 'm1001,2')).toEqual(['OK', '237d']);
  });

  test('that is not there is an error, and ends what is read', () => {
    expect(ask('m0,4', 'm10ffe,4', 'M10ffe,4:00000000', 'm,4', 'm0', 'm0,4,5', 'M0,1:zz')).toEqual([
      'E0e',
      '0000',
      'E0e',
      'E16',
      'E16',
      'E16',
      'E16',
    ]);
  });

  test('is physical when gdb says so, as to QEMU', () => {
    expect(ask('qqemu.PhyMemMode', 'Qqemu.PhyMemMode:1', 'qqemu.PhyMemMode', 'm1000,1')).toEqual([
      '0',
      'OK',
      '1',
      '00',
    ]);
    expect(target.calls.at(-1)).toEqual(['read', 'physical', 0x1000n, 1]);
    expect(ask('Qqemu.PhyMemMode:2', 'Qqemu.PhyMemMode:0', 'm1000,1')).toEqual(['E16', 'OK', '00']);
    expect(target.calls.at(-1)).toEqual(['read', 'virtual', 0x1000n, 1]);
  });
});

describe('breakpoints and watchpoints', () => {
  test('come and go', () => {
    expect(ask('Z0,1000,4', 'Z1,1004,4', 'Z2,2000,8', 'Z3,2000,1', 'Z4,2000,2', 'z0,1000,4', 'z2,2000,8')).toEqual(
      Array.from({ length: 7 }, () => 'OK'),
    );
    expect(target.calls).toEqual([
      ['add', 'breakpoint', 0x1000n, 4n],
      ['add', 'breakpoint', 0x1004n, 4n],
      ['add', 'write', 0x2000n, 8n],
      ['add', 'read', 0x2000n, 1n],
      ['add', 'access', 0x2000n, 2n],
      ['remove', 'breakpoint', 0x1000n, 4n],
      ['remove', 'write', 0x2000n, 8n],
    ]);
  });

  test('are refused where there is no room, or no such kind', () => {
    expect(ask('Z0,f00,4', 'Z5,1000,4', 'Z0,1000', 'Z0,x,4', 'Z')).toEqual(['E1c', '', 'E16', 'E16', 'E16']);
  });
});

describe('a machine that runs', () => {
  test('is asked nothing before it has stopped, and says why', async () => {
    ask('qSupported:swbreak+;hwbreak+');
    ask('Z1,2000,4');
    expect(ask('?')).toEqual(['T05thread:1;core:0;']);
    expect(ask('vCont;c', 'm1000,1')).toEqual([]);
    expect(target.calls.at(-1)).toEqual({ backwards: false, step: undefined, among: undefined });
    await target.stopWith({ kind: 'breakpoint', thread: 2 });
    expect(sentTexts()).toEqual(['T05hwbreak:;thread:2;core:1;']);
    expect(ask('p0')).toEqual(['0200000000000000']);
    ask('vCont;c');
    await target.stopWith({ kind: 'breakpoint', thread: 1 });
    expect(sentTexts()).toEqual(['T05swbreak:;thread:1;core:0;']);
    expect(ask('?')).toEqual(['T05swbreak:;thread:1;core:0;']);
  });

  test('is stopped by an interrupt', async () => {
    session.receive(Uint8Array.of(3));
    ask('vCont;c:1');
    expect(target.calls).toEqual([{ backwards: false, step: undefined, among: [1] }]);
    session.receive(Uint8Array.of(3));
    expect(target.calls.at(-1)).toBe('interrupt');
    await target.stopWith({ kind: 'interrupted', thread: 1 });
    expect(sentTexts()).toEqual(['T02thread:1;core:0;']);
  });

  test.each([
    ['write', 'watch'],
    ['read', 'rwatch'],
    ['access', 'awatch'],
  ] as const)('stops for a watchpoint on %s', async (by, name) => {
    ask('c');
    await target.stopWith({ kind: 'watchpoint', thread: 1, by, address: 0xffff_8000_0000_1234n });
    expect(sentTexts()).toEqual([`T05${name}:ffff800000001234;thread:1;core:0;`]);
  });

  test.each([
    ['vCont;s:2;c', { step: 2, among: undefined }],
    ['vCont;s:1', { step: 1, among: [1] }],
    ['vCont;S05:2;C0a:1', { step: 2, among: undefined }],
    ['vCont;s', { step: 1, among: undefined }],
    ['vCont;t:2;c', { step: undefined, among: [1] }],
    ['s', { step: 1, among: undefined }],
  ])('goes on as %s says', (packet, expected) => {
    expect(ask(packet)).toEqual([]);
    expect(target.calls).toEqual([{ backwards: false, ...expected }]);
  });

  test.each(['vCont', 'vCont;', 'vCont;x', 'vCont;t', 'vCont;c:0:1', 'vCont;s:zz', 'c1000', 's1000'])(
    'does not go on for %s',
    (packet) => {
      expect(ask(packet)).toEqual(['E16']);
      expect(target.calls).toEqual([]);
    },
  );

  test('goes backwards where it can', async () => {
    target.canReverse = true;
    ask('bs');
    expect(target.calls).toEqual([{ backwards: true, step: 1, among: undefined }]);
    await target.stopWith({ kind: 'step', thread: 1 });
    ask('bc');
    await target.stopWith({ kind: 'history-end', thread: 1 });
    expect(sentTexts()).toEqual(['T05replaylog:begin;thread:1;core:0;']);
  });

  test('tells of its end, and then that it is gone', async () => {
    ask('c');
    await target.stopWith({ kind: 'end', thread: 1, text: 'it is stuck' });
    const told = `O${Buffer.from('it is stuck\n').toString('hex')}`;
    expect(sentTexts()).toEqual([told, 'T0fthread:1;core:0;']);
    ask('c');
    await target.stopWith({ kind: 'gone', exitCode: 0 });
    expect(sentTexts()).toEqual(['W00']);
    expect([ends, session.isOver]).toEqual([['gone'], true]);
  });
});

describe('gdb goes', () => {
  test.each([
    ['k', [], ['kill'], 'killed'],
    ['vKill;1', ['OK'], ['kill'], 'killed'],
    ['D', ['OK'], ['detach'], 'detached'],
    ['D;1', ['OK'], ['detach'], 'detached'],
  ])('with %s, also while the machine runs', (packet, answer, calls, end) => {
    expect(ask(packet)).toEqual(answer);
    expect([target.calls, ends]).toEqual([calls, [end]]);
    expect(ask('qC')).toEqual([]);
    begin();
    ask('c');
    target.calls.length = 0;
    ask(packet);
    expect([target.calls, ends]).toEqual([calls, [end]]);
  });

  test('without a word, once', () => {
    session.close();
    session.close();
    expect(target.calls).toEqual(['leave']);
  });
});
