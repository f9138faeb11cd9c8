/** Looks at what a console shows: for the text that ends a run, and for a kernel's panic. */
import type { Json, Savable } from '../../machine/savable.js';
import { SavedState } from '../../machine/saved-state.js';

/** A kernel's panic, as its console tells of it. */
export interface Panic {
  /** What comes behind "Kernel panic - not syncing: ". */
  readonly reason: string;
  /** Whether the kernel has said that it goes on no more. */
  readonly over: boolean;
}

const PANIC = /Kernel panic - not syncing: ?(.*)/;
const PANIC_OVER = /---\[ end Kernel panic/;
/**
 * The last that a kernel says that goes to the next one, which it has in memory (arch/arm64/kernel/machine_kexec.c,
 * machine_kexec()).
 */
const TO_THE_NEXT = /(?:^|\] )Bye!\r*$/;
/** (arch/arm64/kernel/traps.c, __die().) */
const OOPS = /Internal error: (.*)/;

/** Longer lines are none of the kernel's. */
const MAX_LINE = 4096;

export class ConsoleWatch implements Savable {
  /** How many bytes the console has shown. */
  bytes = 0;
  /** Of the kernel that runs: one that has been left for the next, as by a panic for the crash kernel, is past. */
  panic: Panic | undefined;
  /** The first oops of the kernel that runs. */
  oops: string | undefined;
  /** Whether the text that was waited for has been shown. */
  found = false;
  #line = '';
  #tail = '';
  /** What came behind the text, until the machine was at rest: one byte a character. */
  #behind = '';

  /**
   * @param out receives every byte, up to the end of the text that is waited for
   * @param wanted that text, one character a byte
   */
  constructor(
    private readonly out: (byte: number) => void,
    private readonly wanted: string | undefined,
  ) {}

  /** Whether the console's last line has no end yet. */
  get isInLine(): boolean {
    return this.#line !== '';
  }

  readonly put = (byte: number): void => {
    if (this.found) {
      this.#behind += String.fromCharCode(byte);
      return;
    }
    this.bytes++;
    this.out(byte);
    this.#look(byte);
    if (byte === 0x0a) {
      this.#lookAtLine(this.#line);
      this.#line = '';
    } else if (this.#line.length < MAX_LINE) this.#line += String.fromCharCode(byte);
  };

  /** What has been seen. What is waited for is another run's to say, which shows what came behind it, too. */
  save(): Json {
    const { bytes, panic, oops } = this;
    return {
      bytes,
      line: this.#line,
      behind: this.#behind,
      panic: panic === undefined ? [] : [{ reason: panic.reason, over: panic.over }],
      oops: oops === undefined ? [] : [oops],
    };
  }

  restore(saved: unknown): void {
    const state = new SavedState('the console', saved);
    this.bytes = state.number('bytes', Number.MAX_SAFE_INTEGER);
    this.#line = state.text('line');
    const [panic] = state.list('panic').map((part) => new SavedState('the console', part));
    this.panic = panic && { reason: panic.text('reason'), over: panic.flag('over') };
    this.oops = state.texts('oops', 1)[0];
    for (const character of state.text('behind')) this.put(character.charCodeAt(0) & 0xff);
  }

  #look(byte: number): void {
    if (this.wanted === undefined) return;
    this.#tail = (this.#tail + String.fromCharCode(byte)).slice(-this.wanted.length);
    this.found = this.#tail === this.wanted;
  }

  #lookAtLine(line: string): void {
    if (TO_THE_NEXT.test(line)) {
      this.panic = undefined;
      this.oops = undefined;
      return;
    }
    const [, reason] = PANIC.exec(line) ?? [];
    if (PANIC_OVER.test(line)) {
      if (this.panic !== undefined) this.panic = { ...this.panic, over: true };
    } else if (reason !== undefined) this.panic = { reason: reason.trim(), over: false };
    this.oops ??= OOPS.exec(line)?.[1]?.trim();
  }
}
