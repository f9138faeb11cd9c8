/** `kexec-sim boot`: a kernel runs on a whole machine, from its first instruction to its last. */
import { DEFAULT_COMPAT } from '../../../kexec/base/compat.js';
import { createLog, type Log } from '../../../kexec/base/log.js';
import { slurpFile } from '../../../kexec/base/slurp.js';
import { DEFAULT_DECOMPRESS_LIMIT } from '../../../kexec/compression/read-context.js';
import { readKernelFile } from '../../kernel/boot/kernel-file.js';
import { type BootLoad, loadBoot } from '../../kernel/boot/load-boot.js';
import { tellingOfMachine } from '../../kernel/machine/machine-errors.js';
import { translationsOf } from '../../kernel/translations/translation-file.js';
import { describeBoard } from '../../machine/board-tree/describe.js';
import { treeOfBlob } from '../../machine/board-tree/tree.js';
import { Random } from '../../machine/random.js';
import type { Terminal } from '../../machine/terminal.js';
import { type SubcommandContext, openMachine } from '../common/context.js';
import type { OpenDisk } from '../disks/file-disk.js';
import type { BootArguments } from './options.js';
import {
  type Booted,
  SEED,
  type Session,
  makeMachine,
  runSession,
  sessionOf,
  toByteString,
  withDisks,
} from './session.js';
import { setupOf, targetOf } from './target.js';

/** As many bytes as QEMU gives: enough for the kernel's random numbers to be ready at once. */
const RNG_SEED_BYTES = 32;

/** @throws KexecError when it goes wrong, also where the kernel does */
export const runBoot = (args: BootArguments, context: SubcommandContext): Promise<void> =>
  tellingOfMachine(async () => {
    const session = sessionOf(args, context);
    await withDisks(args.disk, async (disks) =>
      runSession(await bring(args, context, session, disks), context, session),
    );
  });

/** Brings a machine to the kernel's first instruction. */
const bring = async (
  args: BootArguments,
  context: SubcommandContext,
  session: Session,
  disks: readonly OpenDisk[],
): Promise<Booted> => {
  const machine = openMachine(args, context);
  const log = logTo(session.terminal);
  const { load, setup } = await readFiles();
  const made = makeMachine(setup, disks, session, translationsOf(load.image, machine.translationDirectory));
  const places = loadBoot(made.whole, { ...load, rngSeed: new Random(SEED).bytes(RNG_SEED_BYTES) }, log);
  return { ...made, places };

  async function readFiles() {
    const read = (file: string): Uint8Array => slurpFile(machine, file);
    if (context.platform === undefined) throw new Error('boot needs a platform');
    const { image, header, ...beside } = await readKernelFile(args.image, {
      system: machine,
      platform: await context.platform(),
      compat: DEFAULT_COMPAT,
      log,
      decompressLimitBytes: DEFAULT_DECOMPRESS_LIMIT,
    });
    const initrd = args.initrd === undefined ? beside.initrd : read(args.initrd);
    const dtb = args.dtb === undefined ? undefined : read(args.dtb);
    const target = targetOf(args, dtb, machine, context.env);
    const setup = setupOf(target, args.quirk, disks.length);
    const load: BootLoad = {
      image,
      header,
      initrd,
      tree: dtb ?? target.board,
      append: args.append === undefined ? beside.commandLine : toByteString(args.append),
      freeRam: target.freeRam ?? describeBoard(treeOfBlob(target.board)).memory,
      el: target.el,
    };
    return { load, setup };
  }
};

const logTo = (terminal: Terminal): Log => {
  const aside = (text: string): void => terminal.writeAside(Buffer.from(text, 'latin1'));
  return createLog(false, aside, aside);
};
