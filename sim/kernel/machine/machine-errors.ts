/** Errors of the simulated machine become messages of the command that has it run. */
import { attemptAsync } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { MachineError } from '../../machine/error.js';

/** @throws KexecError in place of a MachineError */
export const tellingOfMachine = async <T>(action: () => Promise<T>): Promise<T> => {
  const result = await attemptAsync(MachineError, action);
  if (result instanceof MachineError) throw KexecError.die(result.message, { subject: 'memory' });
  return result;
};
