/** `kexec-sim symbols`: symbols of what runs on the way to a new kernel, and of that kernel, in a file for debuggers. */
import { purgatory } from '../../../kexec/arch/arm64/purgatory.js';
import { KexecError } from '../../../kexec/base/error.js';
import { openExecution } from '../../kernel/execution/execute-machine.js';
import { launch } from '../../kernel/execution/launch.js';
import { type LoadedKernel, imageSegment } from '../../kernel/execution/loaded-kernel.js';
import { purgatorySymbols } from '../../kernel/execution/purgatory-symbols.js';
import { parseAddress } from '../../kernel/execution/cpu-registers.js';
import { kernelSections } from '../../kernel/inspect/kernel-sections.js';
import { KernelView } from '../../kernel/inspect/kernel-view.js';
import { MemoryView } from '../../kernel/inspect/memory-view.js';
import { type FileSection, symbolFile } from '../../kernel/inspect/symbol-file.js';
import { readImageSymbols } from '../../kernel/log/image-symbols.js';
import { tellingOfMachine } from '../../kernel/machine/machine-errors.js';
import { readInput } from '../../kernel/recording/input-files.js';
import type { PlacedCode } from '../../kernel/way-out/place-code.js';
import { behindDashes } from '../common/behind-dashes.js';
import type { CommonArguments, SubcommandContext } from '../common/context.js';
import { type Loaded, withLoaded } from '../common/loaded.js';
import { writeOutput } from '../common/output.js';
import { formatAddress, formatJson } from '../common/text.js';
import { openSaved } from '../inspect/open-saved.js';

export interface SymbolsArguments extends CommonArguments {
  readonly output: string;
  readonly crash: boolean;
  readonly from: string | undefined;
  readonly kernel: string | undefined;
  readonly at: string | undefined;
}

/** An Image with its variables is less. */
export const MAX_IMAGE_FILE_BYTES = 256 << 20;

/** @throws KexecError where there are no symbols */
export const runSymbols = (args: SymbolsArguments, context: SubcommandContext): Promise<void> =>
  tellingOfMachine(async () => {
    const sections = await sectionsOf(args, context);
    if (sections.every(({ symbols }) => symbols.length === 0)) {
      throw KexecError.die("there are no symbols: the kernel's Image has no tables of them (CONFIG_KALLSYMS)");
    }
    const bytes = symbolFile(sections);
    writeOutput(args.output, bytes, context);
    if (!args.json || args.output === '-') return;
    const told = sections.map(({ name, start, sizeBytes, symbols }) => ({
      ...{ name, start: formatAddress(start), sizeBytes: Number(sizeBytes), symbols: symbols.length },
    }));
    context.out(formatJson({ file: args.output, bytes: bytes.length, sections: told }));
  });

const sectionsOf = async (args: SymbolsArguments, context: SubcommandContext): Promise<readonly FileSection[]> => {
  const { from, kernel, at, crash } = args;
  const loads = behindDashes({ ...args }).length > 0;
  const given = [
    ...(from === undefined ? [] : ['--from']),
    ...(kernel === undefined ? [] : ['--kernel']),
    ...(loads ? ['--'] : crash ? ['--crash'] : []),
  ];
  if (given.length > 1) throw KexecError.die(`one kernel only: ${given.join(', ')}`, { subject: 'symbols' });
  if (at !== undefined && kernel === undefined)
    throw KexecError.die('--at is of an Image: --kernel is missing', { subject: '--at' });
  if (kernel !== undefined) {
    const image = await readInput(kernel, MAX_IMAGE_FILE_BYTES);
    return imageSections(image, at === undefined ? 0n : parseAddress(at, '--at'), BigInt(image.length));
  }
  if (from !== undefined) return savedSections(from);
  return withLoaded({ args, wanted: crash ? 'crash' : undefined }, context, loadedSections);
};

const imageSections = (image: Uint8Array, base: bigint, sizeBytes: bigint): readonly FileSection[] => {
  const symbols = readImageSymbols(image);
  return symbols === undefined ? [] : kernelSections(symbols, base, sizeBytes);
};

/** Where the kernel runs: its virtual addresses, or physical ones as long as its MMU is off. */
const savedSections = (file: string): readonly FileSection[] => {
  const { machine, kernels } = openSaved(file);
  const processor = machine.processors[machine.current];
  if (processor === undefined) return [];
  const view = new MemoryView(machine, processor);
  for (const place of kernels) {
    const found = KernelView.at(view, place);
    if (found?.symbols === undefined) continue;
    return kernelSections(found.symbols, found.memory.start + found.offset, found.memory.size);
  }
  return [];
};

/** All that runs from the old kernel's last instructions to the new one's first: by physical addresses. */
const loadedSections = (loaded: Loaded): readonly FileSection[] => {
  const { kernel, what } = loaded;
  const image = imageSegment(kernel);
  return [
    ...(what === 'crash' ? [] : relocationSections(loaded)),
    ...purgatorySections(kernel),
    ...(image === undefined ? [] : imageSections(image.data, image.memory.start, image.memory.size)),
  ];
};

const purgatorySections = ({ purgatory: segment }: LoadedKernel): readonly FileSection[] => {
  const symbols = segment && purgatorySymbols(purgatory, segment);
  if (segment === undefined || symbols === undefined) return [];
  const { start, size } = segment.memory;
  return [
    {
      name: '.text.purgatory',
      start,
      sizeBytes: size,
      isCode: true,
      symbols: symbols.map((one) => ({ ...one, type: 'T' })),
    },
  ];
};

/** The old kernel's own code, as it is put into memory for the way out. */
const relocationSections = ({ machine, image }: Loaded): readonly FileSection[] => {
  const options = openExecution(machine, image, purgatory);
  let placed: readonly PlacedCode[] = [];
  launch({
    ...options,
    prepare: (memory, cpu, log) => {
      const prepared = options.prepare(memory, cpu, log);
      placed = prepared.code ?? [];
      return prepared;
    },
    onOutput: () => {},
    log: () => {},
  });
  return placed.map(({ piece, at, virtAddr }) => ({
    ...{ name: `.text.${piece.name}`, start: virtAddr ?? at, sizeBytes: BigInt(piece.bytes.length), isCode: true },
    symbols: piece.symbols.map(({ name, offset }) => ({ name, address: (virtAddr ?? at) + BigInt(offset), type: 'T' })),
  }));
};
