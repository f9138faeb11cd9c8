/** The purgatory after it was placed; its symbols can be set until the load is handed to the kernel. */
export interface LoadedPurgatory {
  /** Where it was put: the address of its first byte. */
  readonly address: bigint;
  /** @throws KexecError when there is no such symbol of that size in a section with bytes */
  setSymbol(name: string, value: Uint8Array): void;
  /** @throws KexecError when there is no such symbol */
  symbolAddress(name: string): bigint;
}
