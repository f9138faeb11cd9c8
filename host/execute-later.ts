/** The function that executes what is loaded, fetched when it is needed. */
import type { ExecuteImage } from '../sim/kernel/execution-settings.js';

/** The processor's model is large, and most commands have no use for it. */
export const executeLater: ExecuteImage = async (...request) => {
  const { executeOn } = await import('../sim/kernel/execution/execute-machine.js');
  return executeOn(...request);
};
