/** What a simulated machine cannot do, for whoever has it run. */

import { visible } from '../../kexec/base/format.js';

/** The message is a sentence without its end. */
export class MachineError extends Error {
  override readonly name = 'MachineError';

  constructor(readonly reason: string) {
    // Names in it may come from a device tree of others.
    super(`simulated machine: ${visible(reason)}`);
  }
}
