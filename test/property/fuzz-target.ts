export interface FuzzTarget {
  readonly name: string;
  seeds(): readonly Uint8Array[];
  /** Returns, or throws KexecError; anything else is a finding. */
  run(input: Uint8Array): void;
}
