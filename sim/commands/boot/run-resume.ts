/** `kexec-sim resume`: a machine goes on from where it was saved. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { tellingOfMachine } from '../../kernel/machine/machine-errors.js';
import { restoreMachine } from '../../kernel/machine/saved-machine.js';
import { withSave } from '../../kernel/saving/open-save.js';
import type { SavedPiece, SavedRecords } from '../../kernel/saving/save-reader.js';
import { type SavedDisk, readSession } from '../../kernel/saving/saved-session.js';
import { MachineError } from '../../machine/error.js';
import type { SubcommandContext } from '../common/context.js';
import { type OpenDisk, changeOf, openDisk } from '../disks/file-disk.js';
import { type DiskOption, type ResumeArguments, parseDisk } from './options.js';
import { translationsOf } from '../../kernel/translations/translation-file.js';
import { type Booted, type Made, type Session, makeMachine, runSession, sessionOf } from './session.js';

/** @throws KexecError when it goes wrong, also where the kernel does */
export const runResume = (args: ResumeArguments, context: SubcommandContext): Promise<void> =>
  tellingOfMachine(async () => {
    const session = sessionOf(args, context);
    if (session.until.kind === 'entry') {
      throw KexecError.die('--until: a machine that was saved is behind its entry', { subject: args.until });
    }
    const disks: OpenDisk[] = [];
    try {
      const booted = attempt(MachineError, () =>
        withSave(args.file, (records) => restore(records, args, session, disks)),
      );
      if (booted instanceof MachineError) {
        throw KexecError.die(`Cannot resume ${args.file}: ${booted.reason}`, { subject: args.file });
      }
      await runSession(booted, context, session);
    } finally {
      for (const disk of disks) disk.close();
    }
  });

/** @param disks gets those that are opened @throws KexecError, MachineError */
const restore = (
  { description, tree, pieces }: SavedRecords,
  { disk, file }: ResumeArguments,
  session: Session,
  disks: OpenDisk[],
): Booted => {
  const saved = readSession(description, tree);
  const chosen = disk.map(parseDisk);
  if (chosen.length > 0 && chosen.length !== saved.disks.length) {
    const message = `--disk: ${file} has ${saved.disks.length} disks, and ${chosen.length} are named`;
    throw KexecError.die(message, { subject: '--disk' });
  }
  saved.disks.forEach((before, i) => {
    disks.push(reopen(before, chosen[i] ?? { file: before.file, writes: false }, file));
    if (!before.writes || chosen.length > 0) return;
    const told = `kexec-sim: ${before.file} stays as it is: --disk ${before.file},rw has it written to\n`;
    session.terminal.writeAside(Buffer.from(told));
  });
  const made = makeMachine(saved.setup, disks, session, translationsOf(undefined, undefined));
  for (const piece of pieces) putBack(piece, made);
  restoreMachine(made.whole, saved.machine);
  made.watch.restore(saved.console);
  return { ...made, places: saved.places, typed: Buffer.from(saved.typed, 'latin1'), end: saved.end };
};

/**
 * Opens a disk where it was, or where the user says that it is now. Only the user says that it is written to: who made
 * the file may want to write to any other.
 */
const reopen = (before: SavedDisk, { file, writes }: DiskOption, save: string): OpenDisk => {
  if (writes && !before.writes) {
    const message = `--disk: what ${save} has written to ${before.file} is in memory, and cannot go to a file`;
    throw KexecError.die(message, { subject: '--disk' });
  }
  const disk = openDisk(file, writes);
  const change = changeOf(before, disk.describe());
  if (change === undefined) return disk;
  disk.close();
  throw KexecError.die(`Cannot use ${file} as a disk: it has changed since ${save} was saved: ${change}`, {
    subject: file,
  });
};

const putBack = ({ kind, index, address, bytes }: SavedPiece, { whole, disks }: Made): void => {
  if (kind === 'ram') return whole.board.memory.write(address, bytes);
  const disk = disks[index];
  if (disk === undefined) throw new MachineError(`there is no disk ${index}`);
  disk.disk.putBack({ index: Number(address), bytes });
};
