/** What a fuzz target is. */

export interface FuzzTarget {
  readonly name: string;
  seeds(): readonly Uint8Array[];
  /** Returns, or throws KexecError; anything else is a finding. */
  run(input: Uint8Array): void;
}

/** A target that may take its time. */
export interface AsyncFuzzTarget extends Omit<FuzzTarget, 'run'> {
  /** How many inputs it gets beside one of weight 1; 1 by default. */
  readonly weight?: number;
  /** Ends, or fails with KexecError; anything else is a finding. */
  run(input: Uint8Array): void | Promise<void>;
}
