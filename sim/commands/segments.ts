/** `kexec-sim segments`: what the loaded images consist of. */
import { createHash } from 'node:crypto';
import { attempt } from '../../kexec/base/attempt.js';
import { Errno, KexecError } from '../../kexec/base/error.js';
import type { ImageSlot, KernelSegment, LoadedImage } from '../kernel/rules/kexec-load.js';
import type { RecordedMachine } from '../kernel/recorded-machine.js';
import { readSegmentData } from '../kernel/state/state.js';
import { describeContent } from './content.js';
import { type SubcommandContext, type CommonArgv, openMachine } from './common/context.js';
import { formatPages, loadedPagesOf, pagesToJson } from './common/pages.js';
import { formatAddress, formatJson, formatTable } from './common/text.js';

const IMAGES = ['normal', 'crash'] as const;
type ImageName = (typeof IMAGES)[number];

interface Row {
  readonly image: ImageName;
  readonly index: number;
  readonly segment: KernelSegment;
  readonly content: string;
  /** Of the data, without the zeros behind it; undefined when all of it is zeros. */
  readonly sha256: string | undefined;
}

const rowsOf = (image: ImageName, slot: ImageSlot, directory: string): readonly Row[] => {
  if (slot === undefined || slot === 'unknown') return [];
  return slot.segments.map((segment, index) => ({ image, index, segment, ...lookAt(slot, segment, directory) }));
};

const lookAt = ({ entry }: LoadedImage, segment: KernelSegment, directory: string): Pick<Row, 'content' | 'sha256'> => {
  // Zeros are not stored, and there may be more of them than fit into our memory.
  if (segment.source.kind === 'zeros') return { content: 'zeros', sha256: undefined };
  const bytes = readSegmentData(directory, segment);
  const holdsEntry = segment.mem <= entry && entry < segment.mem + segment.memsz;
  return { content: describeContent(bytes, holdsEntry), sha256: createHash('sha256').update(bytes).digest('hex') };
};

const readRows = ({ kernel, stateDirectory }: RecordedMachine, images: readonly ImageName[]): readonly Row[] => {
  const { state } = kernel;
  return images.flatMap((image) => rowsOf(image, state[image], stateDirectory));
};

/** A load that ends meanwhile takes the old image's files away; then the new image is looked at. */
const readRowsSteadily = (machine: RecordedMachine, images: readonly ImageName[]): readonly Row[] => {
  const rows = attempt(KexecError, () => readRows(machine, images));
  if (!(rows instanceof KexecError)) return rows;
  if (rows.errno !== -Errno.ENOENT) throw rows;
  return readRows(machine, images);
};

const toJson = ({ image, index, segment: { role, mem, memsz, bufsz }, content, sha256 }: Row) => ({
  image,
  segment: index,
  mem: formatAddress(mem),
  memsz: formatAddress(memsz),
  bufsz: formatAddress(bufsz),
  memoryBytes: Number(memsz),
  bytes: Number(bufsz),
  role: role ?? null,
  content,
  sha256: sha256 ?? null,
});

const toCells = ({ image, index, segment: { role, mem, memsz, bufsz }, content, sha256 }: Row): readonly string[] => [
  image,
  `${index}`,
  formatAddress(mem),
  formatAddress(memsz),
  formatAddress(bufsz),
  sha256?.slice(0, 12) ?? '-',
  role === undefined ? content : `${role}: ${content}`,
];

const HEADINGS = ['IMAGE', 'SEGMENT', 'MEM', 'MEMSZ', 'BUFSZ', 'SHA256', 'CONTENT'];

/** Adds the subcommand to kexec-sim. */
export const addSegmentsCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'segments [image]',
    'List the segments of the loaded images',
    (command) =>
      command
        .positional('image', { choices: IMAGES, describe: 'The image to look at; both by default' })
        .option('pages', { type: 'boolean', default: false, describe: 'List the pages that they wait in' }),
    (args) => {
      const machine = openMachine(args, context);
      const images = args.image === undefined ? IMAGES : [args.image];
      if (args.pages) {
        const { state, facts } = machine.kernel;
        const lists = images.flatMap((image) => loadedPagesOf(image, state[image], facts) ?? []);
        return context.out(args.json ? formatJson(lists.map(pagesToJson)) : lists.map(formatPages).join(''));
      }
      const rows = readRowsSteadily(machine, images);
      context.out(args.json ? formatJson(rows.map(toJson)) : formatTable([HEADINGS, ...rows.map(toCells)]));
    },
  );
