/** The user's side of a console. */

/** Where what is typed comes from: a person's keys, or a file. */
export interface Keyboard {
  /** Whether somebody sits there, who sees what the console shows. */
  readonly isInteractive: boolean;
  /** Passes on what comes until it is closed. @param raw each key by itself, where somebody sits there */
  listen(raw: boolean, onBytes: (bytes: Uint8Array) => void, onEnd: () => void): Listening;
}

export interface Terminal extends Keyboard {
  /** Whether nobody reads what is written any more. */
  readonly isClosed: boolean;
  write(bytes: Uint8Array): void;
  /** Writes what is not the console's. */
  writeAside(bytes: Uint8Array): void;
}

export interface Listening {
  /** Lets what comes wait, so that it need not be kept. */
  pause(): void;
  resume(): void;
  /** Leaves the terminal as it was. May be called again. */
  close(): void;
}
