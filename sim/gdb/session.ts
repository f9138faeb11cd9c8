/** One gdb's talk with the machine: what it asks for, and what it is told. Knows nothing of how bytes come and go. */
import { memoryMap, targetDescription, threadList } from './documents.js';
import { MAX_PACKET, PacketReader, packetOf } from './packets.js';
import { parseThread, parseVCont, resumptionOf } from './resumption.js';
import type { GdbTarget, Resumption, Space, StopPoint, TargetStop } from './target.js';
import { bytesOfText, fromHex, parseHex, parseSmallHex, textOfBytes, toHex, valueFromHex, valueToHex } from './text.js';

const ACK = Uint8Array.of(0x2b);
const NACK = Uint8Array.of(0x2d);

const OK = 'OK';
const UNKNOWN = '';
/** errno, as gdb shows it. */
const EPERM = 'E01';
const EFAULT = 'E0e';
const EINVAL = 'E16';
const ENOSPC = 'E1c';

/** GDB's own numbers of signals (include/gdb/signals.def). */
const SIGINT = 2;
const SIGTRAP = 5;
const SIGTERM = 15;

/** By the number in Z and z. Software and hardware breakpoints are alike: nothing is written into memory. */
const STOP_POINTS: readonly StopPoint[] = ['breakpoint', 'breakpoint', 'write', 'read', 'access'];
const WATCH_REASONS = { write: 'watch', read: 'rwatch', access: 'awatch' } as const;

/** How it went on. */
export type SessionEnd = 'detached' | 'killed' | 'gone';

type Answer = string | undefined;

export class GdbSession {
  readonly #target: GdbTarget;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #onEnd: (end: SessionEnd) => void;
  readonly #reader = new PacketReader();
  /** Whether packets are acknowledged, as they are at first. */
  #acknowledges = true;
  #last: Uint8Array | undefined;
  /** What was asked, while gdb has not acknowledged the answer: the same once more is no question. */
  #answering: string | undefined;
  #isRunning = false;
  #isOver = false;
  /** Whether gdb wants to be told of which kind a breakpoint was. */
  #tells = { swbreak: false, hwbreak: false };
  /** Breakpoints that were set as hardware breakpoints. */
  readonly #hardware = new Set<bigint>();
  #space: Space = 'virtual';
  /** The thread that registers and memory are those of, and the one that is to go on. */
  #general: number;
  #resumed: number;
  #stop: TargetStop;

  /** Precondition: the machine does not run. */
  constructor(target: GdbTarget, send: (bytes: Uint8Array) => void, onEnd: (end: SessionEnd) => void) {
    this.#target = target;
    this.#send = send;
    this.#onEnd = onEnd;
    this.#general = target.current;
    this.#resumed = target.current;
    this.#stop = { kind: 'step', thread: target.current };
  }

  /** Takes bytes that gdb has sent. */
  receive(bytes: Uint8Array): void {
    for (const received of this.#reader.feed(bytes)) {
      if (this.#isOver) return;
      switch (received.kind) {
        case 'packet':
          if (this.#acknowledges) this.#send(ACK);
          // Who waits long for an acknowledgement, as of a machine that only starts, sends the packet again.
          if (this.#acknowledges && received.text === this.#answering) break;
          this.#answering = received.text;
          this.#take(received.text);
          break;
        case 'broken':
          if (this.#acknowledges) this.#send(NACK);
          break;
        case 'nack':
          if (this.#acknowledges && this.#last !== undefined) this.#send(this.#last);
          break;
        case 'interrupt':
          if (this.#isRunning) this.#target.interrupt();
          break;
        case 'ack':
          this.#answering = undefined;
          break;
      }
    }
  }

  /** Whether nothing more is received or sent. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** gdb has gone without a word. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#target.leave();
  }

  #reply(text: string): void {
    const packet = packetOf(text);
    this.#last = packet;
    this.#send(packet);
  }

  #take(text: string): void {
    const isEnd = text === 'k' || text.startsWith('vKill') || /^D(;|$)/.test(text);
    // While the machine runs, gdb only waits: nothing else is answered before it has stopped.
    if (this.#isRunning && !isEnd) return;
    const answer = this.#answer(text);
    if (answer !== undefined) this.#reply(answer);
  }

  #answer(text: string): Answer {
    const rest = text.slice(1);
    switch (text.charAt(0)) {
      case '?':
        return this.#stopReply(this.#stop);
      case 'g':
        return rest === '' ? this.#readAll() : EINVAL;
      case 'G':
        return this.#writeAll(rest);
      case 'p':
        return this.#readRegister(rest);
      case 'P':
        return this.#writeRegister(rest);
      case 'm':
        return this.#readMemory(rest);
      case 'M':
        return this.#writeMemory(rest, fromHex);
      case 'X':
        return this.#writeMemory(rest, bytesOfText);
      case 'Z':
      case 'z':
        return this.#setStop(text.startsWith('Z'), rest);
      case 'H':
        return this.#choose(rest);
      case 'T':
        return this.#threadOf(rest) === undefined ? EINVAL : OK;
      case 's':
      case 'c':
        return this.#resumeAt(text.charAt(0) as 's' | 'c', rest);
      case 'b':
        if (!this.#target.canReverse || (text !== 'bs' && text !== 'bc')) return UNKNOWN;
        return this.#resume(resumptionOf(text, this.#resumed));
      case 'k':
        return this.#kill();
      case 'D':
        return this.#detach();
      case 'v':
        return this.#multiLetter(text);
      case 'q':
      case 'Q':
        return this.#query(text);
      default:
        return UNKNOWN;
    }
  }

  #multiLetter(text: string): Answer {
    if (text === 'vCont?') return 'vCont;c;C;s;S;t';
    if (text.startsWith('vCont')) {
      const { threads, current } = this.#target;
      const resumption = parseVCont(text.slice('vCont'.length), threads.length, current);
      return resumption === undefined ? EINVAL : this.#resume(resumption);
    }
    if (text.startsWith('vKill')) {
      this.#reply(OK);
      return this.#kill();
    }
    return UNKNOWN;
  }

  // Queries.

  #query(text: string): Answer {
    const [, name = '', rest = ''] = /^([^:;,]*)[:;,]?([\s\S]*)$/.exec(text) ?? [];
    switch (name) {
      case 'qSupported':
        return this.#supported(rest);
      case 'qXfer':
        return this.#transfer(rest);
      case 'qRcmd':
        return this.#monitor(rest);
      case 'qC':
        return `QC${this.#target.current.toString(16)}`;
      case 'qfThreadInfo':
        return `m${this.#target.threads.map((_, i) => (i + 1).toString(16)).join(',')}`;
      case 'qsThreadInfo':
        return 'l';
      case 'qThreadExtraInfo': {
        const thread = this.#threadOf(rest);
        const description = thread === undefined ? undefined : this.#target.threads[thread - 1];
        return description === undefined ? EINVAL : toHex(bytesOfText(`${description.name}, ${description.state}`));
      }
      case 'qAttached':
        return '1';
      case 'qSymbol':
        return OK;
      case 'qqemu.PhyMemMode':
        return this.#space === 'physical' ? '1' : '0';
      case 'Qqemu.PhyMemMode':
        if (rest !== '0' && rest !== '1') return EINVAL;
        this.#space = rest === '1' ? 'physical' : 'virtual';
        return OK;
      case 'QStartNoAckMode':
        this.#acknowledges = false;
        return OK;
      default:
        return UNKNOWN;
    }
  }

  #supported(features: string): string {
    const wanted = features.split(';');
    this.#tells = { swbreak: wanted.includes('swbreak+'), hwbreak: wanted.includes('hwbreak+') };
    return [
      `PacketSize=${MAX_PACKET.toString(16)}`,
      'QStartNoAckMode+',
      'qXfer:features:read+',
      'qXfer:memory-map:read+',
      'qXfer:threads:read+',
      'vContSupported+',
      'swbreak+',
      'hwbreak+',
      ...(this.#target.canReverse ? ['ReverseStep+', 'ReverseContinue+'] : []),
    ].join(';');
  }

  /** `features:read:target.xml:0,3ff`: a piece of a document. */
  #transfer(text: string): string {
    const [, object, annex, from, size] =
      /^(features|memory-map|threads):read:([^:]*):([0-9a-fA-F]{1,8}),([0-9a-fA-F]{1,8})$/.exec(text) ?? [];
    if (object === undefined) return UNKNOWN;
    if (annex !== (object === 'features' ? 'target.xml' : '')) return 'E00';
    const make = { features: targetDescription, 'memory-map': memoryMap, threads: threadList }[object];
    const document = make?.(this.#target) ?? '';
    const start = parseInt(from ?? '', 16);
    const end = start + Math.min(parseInt(size ?? '', 16), MAX_PACKET / 2);
    return `${end < document.length ? 'm' : 'l'}${document.slice(start, end)}`;
  }

  #monitor(text: string): string {
    const bytes = fromHex(text);
    if (bytes === undefined) return EINVAL;
    this.#show(this.#target.monitor(textOfBytes(bytes).trim()));
    return OK;
  }

  /** Has gdb show something. */
  #show(text: string): void {
    const most = MAX_PACKET / 4;
    for (let at = 0; at < text.length; at += most) this.#reply(`O${toHex(bytesOfText(text.slice(at, at + most)))}`);
  }

  // Threads.

  #threadOf(text: string): number | undefined {
    const id = parseThread(text);
    return typeof id === 'number' && id <= this.#target.threads.length ? id : undefined;
  }

  /** `g1`, `c-1`: whose registers are read, or who goes on. */
  #choose(text: string): string {
    const id = parseThread(text.slice(1));
    const thread = id === 'all' || id === 'any' ? this.#target.current : this.#threadOf(text.slice(1));
    if (thread === undefined) return EINVAL;
    if (text.startsWith('g')) this.#general = thread;
    else if (text.startsWith('c')) this.#resumed = thread;
    else return EINVAL;
    return OK;
  }

  // Registers.

  /** Those that are in answers to `g`, by their numbers. */
  get #generalBits(): readonly number[] {
    const { features, generalFeatures } = this.#target;
    return features.slice(0, generalFeatures).flatMap(({ registers }) => registers.map(({ bits }) => bits));
  }

  #bitsOf(register: number): number | undefined {
    let first = 0;
    for (const { registers } of this.#target.features) {
      if (register < first + registers.length) return registers[register - first]?.bits;
      first += registers.length;
    }
    return undefined;
  }

  #readAll(): string {
    return this.#generalBits.map((bits, register) => this.#valueOf(register, bits)).join('');
  }

  /** What cannot be read is told as such. */
  #valueOf(register: number, bits: number): string {
    const value = this.#target.readRegister(this.#general, register);
    return value === undefined ? 'x'.repeat(bits / 4) : valueToHex(value, bits);
  }

  #writeAll(text: string): string {
    let at = 0;
    const values: bigint[] = [];
    for (const bits of this.#generalBits) {
      const value = valueFromHex(text.slice(at, at + bits / 4), bits);
      if (value === undefined) return EINVAL;
      values.push(value);
      at += bits / 4;
    }
    if (at !== text.length) return EINVAL;
    const failed = values.map((value, register) => this.#target.writeRegister(this.#general, register, value));
    return failed.every((why) => why === undefined) ? OK : EPERM;
  }

  #readRegister(text: string): string {
    const register = parseSmallHex(text);
    const bits = register === undefined ? undefined : this.#bitsOf(register);
    return register === undefined || bits === undefined ? EINVAL : this.#valueOf(register, bits);
  }

  #writeRegister(text: string): string {
    const [name = '', digits = ''] = text.split('=');
    const register = parseSmallHex(name);
    const bits = register === undefined ? undefined : this.#bitsOf(register);
    const value = bits === undefined ? undefined : valueFromHex(digits, bits);
    if (register === undefined || value === undefined) return EINVAL;
    return this.#target.writeRegister(this.#general, register, value) === undefined ? OK : EPERM;
  }

  // Memory.

  #readMemory(text: string): string {
    const [from = '', size = '', ...rest] = text.split(',');
    const [address, count] = [parseHex(from), parseSmallHex(size)];
    if (address === undefined || count === undefined || rest.length > 0) return EINVAL;
    const bytes = this.#target.readMemory(this.#general, this.#space, address, Math.min(count, MAX_PACKET / 2));
    return bytes.length === 0 && count > 0 ? EFAULT : toHex(bytes);
  }

  /** `ADDRESS,SIZE:BYTES`. */
  #writeMemory(text: string, parse: (bytes: string) => Uint8Array | undefined): string {
    const colon = text.indexOf(':');
    const [from = '', size = ''] = text.slice(0, Math.max(colon, 0)).split(',');
    const [address, count] = [parseHex(from), parseSmallHex(size)];
    const bytes = colon < 0 ? undefined : parse(text.slice(colon + 1));
    if (address === undefined || bytes === undefined || count !== bytes.length) return EINVAL;
    return this.#target.writeMemory(this.#general, this.#space, address, bytes) ? OK : EFAULT;
  }

  // Breakpoints and watchpoints.

  /** `TYPE,ADDRESS,KIND`, with conditions behind it that gdb evaluates itself. */
  #setStop(isNew: boolean, text: string): string {
    const [, type, from, size] = /^([0-9]),([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})$/.exec(text) ?? [];
    const kind = STOP_POINTS[Number(type ?? -1)];
    if (type !== undefined && kind === undefined) return UNKNOWN;
    const [address, bytes] = [parseHex(from ?? ''), parseHex(size ?? '')];
    if (kind === undefined || address === undefined || bytes === undefined) return EINVAL;
    if (type === '1') this.#hardware[isNew ? 'add' : 'delete'](address);
    if (isNew) return this.#target.addStop(kind, address, bytes) ? OK : ENOSPC;
    this.#target.removeStop(kind, address, bytes);
    return OK;
  }

  // Running.

  #resumeAt(kind: 's' | 'c', text: string): Answer {
    // An address to go on at is of old times: gdb sets the program counter.
    return text === '' ? this.#resume(resumptionOf(kind, this.#resumed)) : EINVAL;
  }

  #resume(resumption: Resumption): undefined {
    this.#isRunning = true;
    void this.#target.resume(resumption).then((stop) => this.#stopped(stop));
    return undefined;
  }

  #stopped(stop: TargetStop): void {
    this.#isRunning = false;
    if (this.#isOver) return;
    this.#stop = stop;
    if (stop.kind === 'gone') {
      this.#reply(this.#stopReply(stop));
      this.#end('gone');
      return;
    }
    this.#general = stop.thread;
    this.#resumed = stop.thread;
    if (stop.kind === 'end') this.#show(`${stop.text}\n`);
    this.#reply(this.#stopReply(stop));
  }

  #stopReply(stop: TargetStop): string {
    if (stop.kind === 'gone') return `W${(stop.exitCode & 0xff).toString(16).padStart(2, '0')}`;
    const signal = { interrupted: SIGINT, end: SIGTERM }[stop.kind as string] ?? SIGTRAP;
    const number = signal.toString(16).padStart(2, '0');
    const thread = `thread:${stop.thread.toString(16)};core:${(stop.thread - 1).toString(16)};`;
    return `T${number}${this.#reasonOf(stop)}${thread}`;
  }

  #reasonOf(stop: TargetStop): string {
    if (stop.kind === 'watchpoint') return `${WATCH_REASONS[stop.by]}:${stop.address.toString(16)};`;
    if (stop.kind === 'history-end') return 'replaylog:begin;';
    if (stop.kind !== 'breakpoint') return '';
    const address = this.#target.readRegister(stop.thread, this.#programCounter);
    const name = address !== undefined && this.#hardware.has(address) ? 'hwbreak' : 'swbreak';
    return this.#tells[name] ? `${name}:;` : '';
  }

  get #programCounter(): number {
    return this.#target.features[0]?.registers.findIndex(({ name }) => name === 'pc') ?? -1;
  }

  // Ends.

  #kill(): undefined {
    this.#end('killed');
    this.#target.kill();
    return undefined;
  }

  #detach(): undefined {
    this.#reply(OK);
    this.#end('detached');
    this.#target.detach();
    return undefined;
  }

  #end(end: SessionEnd): void {
    this.#isOver = true;
    this.#onEnd(end);
  }
}
