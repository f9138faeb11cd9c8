/** What the parts of arm64 share while one command runs. */
import type { ArchContext } from '../../architecture.js';
import type { Arm64Compat } from './compat-arm64.js';
import type { CrashMemory } from './crashdump-arm64.js';
import type { Arm64Memory } from './memory-ranges-arm64.js';
import type { Arm64Options } from './options-arm64.js';

export interface Arm64Context extends ArchContext {
  readonly arm64Compat: Arm64Compat;
  readonly crash: CrashMemory;
}

/** With the options' values: what the formats load by. */
export interface Arm64Session extends Arm64Context {
  readonly options: Arm64Options;
  /** Whether --reuseinitrd was given: a tree made from /proc/device-tree then keeps the first kernel's initrd. */
  readonly reusesInitrd: boolean;
  /** The machine's memory; read when it is first asked for. @throws KexecError */
  readonly memory: () => Arm64Memory;
}
