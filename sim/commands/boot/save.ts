/** Saves a machine to a file, from which `kexec-sim resume` goes on. */
import type { BootPlaces } from '../../kernel/boot/boot-places.js';
import { saveMachine } from '../../kernel/machine/saved-machine.js';
import type { WholeMachine } from '../../kernel/machine/whole-machine.js';
import type { ConsoleWatch } from '../../kernel/run/console-watch.js';
import { checkReplaceable, replaceFile } from '../../kernel/saving/replace-file.js';
import { writeSave } from '../../kernel/saving/save-writer.js';
import { type FinalEnd, type MachineSetup, describeSession } from '../../kernel/saving/saved-session.js';
import type { OpenDisk } from '../disks/file-disk.js';

/** Asked before the machine runs. @throws KexecError when it could not be saved to the file now */
export const checkSave = (file: string): void => checkReplaceable(file);

/** A machine that does not run any more. */
export interface Ended {
  readonly setup: MachineSetup;
  readonly disks: readonly OpenDisk[];
  readonly whole: WholeMachine;
  readonly watch: ConsoleWatch;
  readonly places: BootPlaces;
  /** What was typed, and the console has not taken: one byte a character. */
  readonly typed: string;
  readonly end: FinalEnd | undefined;
}

/** @throws KexecError when the host cannot write the file, which is as it was then */
export const saveTo = (file: string, { setup, disks, whole, watch, places, typed, end }: Ended): void => {
  for (const { disk } of disks) disk.flush();
  const description = describeSession({
    ...{ setup, places, typed, end },
    disks: disks.map(({ describe }) => describe()),
    machine: saveMachine(whole),
    console: watch.save(),
  });
  const parts = {
    description,
    tree: setup.tree,
    ram: whole.board.memory.filled(),
    disks: disks.map(({ disk }) => disk.written()),
  };
  replaceFile(file, (write) => writeSave(parts, write));
};
