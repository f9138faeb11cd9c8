/** What every part of a machine is that can be saved: it gives its state as plain JSON, and goes on from that. */
import { MachineError } from './error.js';

/** A value that JSON has. 64-bit numbers are text in it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface Savable {
  /** All that it would need to go on from here, which it may go on to change. */
  save(): Json;
  /** Goes on from what was saved, which may come from anywhere. @throws MachineError when it is broken */
  restore(saved: unknown): void;
}

/** What has no state, or whose state somebody else saves. */
export class Stateless implements Savable {
  save(): Json {
    return null;
  }

  restore(saved: unknown): void {
    if (saved !== null) throw new MachineError('there is a saved state of a device that has none');
  }
}
