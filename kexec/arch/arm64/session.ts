import type { ArchContext } from '../../architecture.js';
import type { CrashMemory } from './crashdump-arm64.js';
import type { Arm64Options } from './options-arm64.js';
import type { PhysOffset } from './phys-offset.js';

/** What the arm64 formats share while one command runs. */
export interface Arm64Context extends ArchContext {
  readonly crash: CrashMemory;
  readonly physOffset: PhysOffset;
  /** As arch_process_options() left them. */
  readonly options: () => Arm64Options;
  /** Whether --reuseinitrd was given: a tree made from /proc/device-tree then keeps the first kernel's initrd. */
  readonly reusesInitrd: () => boolean;
}
