/** Random numbers that are the same in every run: xoshiro128** of Blackman and Vigna, which is public domain. */

const rotate = (value: number, count: number): number => (value << count) | (value >>> (32 - count));

export class Random {
  readonly #state: Int32Array;

  /** @param seed of which 64 bits count */
  constructor(seed: bigint) {
    const low = Number(BigInt.asUintN(32, seed));
    const high = Number(BigInt.asUintN(32, seed >> 32n));
    // Never all zero, from which no number would come.
    this.#state = Int32Array.of(low, high, 0x9e37_79b9, 0x243f_6a88);
    // The first numbers still look like the seed.
    for (let i = 0; i < 32; i++) this.#next();
  }

  bytes(count: number): Uint8Array {
    return new Uint8Array(count).map(() => this.#next() >>> 24);
  }

  get state(): readonly number[] {
    return [...new Uint32Array(this.#state)];
  }

  /** @param state four numbers of 32 bits */
  set state(state: readonly number[]) {
    this.#state.set(state.map((word) => word | 0));
  }

  #next(): number {
    const state = this.#state;
    const result = Math.imul(rotate(Math.imul(state[1]!, 5), 7), 9);
    const shifted = state[1]! << 9;
    state[2]! ^= state[0]!;
    state[3]! ^= state[1]!;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= shifted;
    state[3] = rotate(state[3]!, 11);
    return result;
  }
}
