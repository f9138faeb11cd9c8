/** The saved state of a part of a machine, read with the suspicion that a file deserves. */
import { MachineError } from './error.js';

const U32_MAX = 0xffff_ffff;

export class SavedState {
  readonly #fields: Readonly<Record<string, unknown>>;

  /** @param device what messages call the part @throws MachineError when it is no state at all */
  constructor(
    private readonly device: string,
    saved: unknown,
  ) {
    if (!isRecord(saved)) throw this.broken('');
    this.#fields = saved;
  }

  broken(name: string): MachineError {
    return new MachineError(`the saved state of ${this.device} is broken${name === '' ? '' : ` at "${name}"`}`);
  }

  /** A whole number from 0 to `max`. @throws MachineError */
  number(name: string, max = U32_MAX): number {
    const value = this.#fields[name];
    if (!isNumber(value, max)) throw this.broken(name);
    return value;
  }

  /** @throws MachineError */
  flag(name: string): boolean {
    const value = this.#fields[name];
    if (typeof value !== 'boolean') throw this.broken(name);
    return value;
  }

  /** Whole numbers from 0 to `max`; at most, or where `exact` exactly, `count` of them. @throws MachineError */
  numbers(name: string, { count, max = U32_MAX, exact = false }: NumbersOptions): number[] {
    const value = this.#fields[name];
    if (!Array.isArray(value) || value.length > count || (exact && value.length !== count)) throw this.broken(name);
    return value.map((number: unknown) => {
      if (!isNumber(number, max)) throw this.broken(name);
      return number;
    });
  }

  /** A 64-bit number, which JSON has as text. @throws MachineError */
  big(name: string): bigint {
    const value = this.#fields[name];
    if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) throw this.broken(name);
    return BigInt.asUintN(64, BigInt(value));
  }

  /** A number of up to `bits` bits, as `0x1f`. @throws MachineError */
  hex(name: string, bits = 64): bigint {
    return this.#hexOf(name, this.#fields[name], bits);
  }

  /** Exactly `count` of them. @throws MachineError */
  hexes(name: string, { count, bits = 64 }: { readonly count: number; readonly bits?: number }): bigint[] {
    const list = this.list(name);
    if (list.length !== count) throw this.broken(name);
    return list.map((value) => this.#hexOf(name, value, bits));
  }

  #hexOf(name: string, value: unknown, bits: number): bigint {
    const isHex = typeof value === 'string' && value.length <= 2 + bits / 4 && /^0x[0-9a-f]+$/.test(value);
    if (!isHex) throw this.broken(name);
    return BigInt(value);
  }

  /** @throws MachineError */
  list(name: string): readonly unknown[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw this.broken(name);
    return value;
  }

  /** @throws MachineError */
  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== 'string') throw this.broken(name);
    return value;
  }

  /** A line of a message: printable, and not long. @throws MachineError */
  line(name: string): string {
    const value = this.text(name);
    if (!/^[ -~]{0,200}$/.test(value)) throw this.broken(name);
    return value;
  }

  /** One of some texts. @throws MachineError */
  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.#fields[name];
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.broken(name);
    return found;
  }

  /** One of some numbers. @throws MachineError */
  oneOfNumbers<T extends number>(name: string, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.#fields[name]);
    if (found === undefined) throw this.broken(name);
    return found;
  }

  /** Some of some texts, none of them twice. @throws MachineError */
  someOf<T extends string>(name: string, choices: readonly T[]): readonly T[] {
    const list = this.list(name);
    const found = list.flatMap((value) => choices.filter((choice) => choice === value));
    if (found.length !== list.length || new Set(found).size !== found.length) throw this.broken(name);
    return found;
  }

  /** The names of the fields. */
  get names(): readonly string[] {
    return Object.keys(this.#fields);
  }

  /** At most `count` texts. @throws MachineError */
  texts(name: string, count: number): readonly string[] {
    const list = this.list(name);
    const texts = list.filter((value) => typeof value === 'string');
    if (texts.length !== list.length || list.length > count) throw this.broken(name);
    return texts;
  }

  /** What another reader understands. */
  part(name: string): unknown {
    return this.#fields[name];
  }
}

interface NumbersOptions {
  readonly count: number;
  readonly max?: number;
  readonly exact?: boolean;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isNumber = (value: unknown, max: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
