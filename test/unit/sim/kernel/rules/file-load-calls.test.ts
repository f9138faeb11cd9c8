import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { plainBytes } from '../../../../../kexec/base/bytes.js';
import { FDT_NOP, Fdt, isFdtError } from '../../../../../kexec/device-tree/libfdt.js';
import { type Property, getProperty, pathOffset } from '../../../../../kexec/device-tree/libfdt-ro.js';
import { Range } from '../../../../../kexec/base/range.js';
import { contiguousMemory } from '../../../../../sim/kernel/facts/cma.js';
import { handover } from '../../../../../sim/kernel/facts/kho.js';
import { type KernelFacts, kernelFacts } from '../../../../../sim/kernel/facts/facts.js';
import {
  type FileLoadMachine,
  fileLoadMachine,
  hasFileLoad,
} from '../../../../../sim/kernel/facts/file-load-machine.js';
import { answerKexecFileLoad } from '../../../../../sim/kernel/rules/kexec-file.js';
import {
  INITIAL_STATE,
  type KernelSegment,
  type KernelState,
  type LoadedImage,
} from '../../../../../sim/kernel/rules/kexec-load.js';
import { parseResources } from '../../../../../sim/kernel/facts/iomem.js';
import { MachineFiles } from '../../../../../sim/kernel/recording/machine-files.js';
import { withoutRange } from '../../../../../sim/kernel/facts/page-allocator.js';
import { CALLER_OF } from '../../../../../sim/kernel/replay.js';
import {
  KEXEC_CRASH_LOADED,
  KEXEC_LOADED,
  readKernelFile,
  writeKernelFile,
} from '../../../../../sim/kernel/rules/sysctl.js';
import { contentOf } from '../../../../machine/file-load/cases.js';
import { useTempDir, writeTree } from '../../../../support/machine/sim-support.js';
import { recordedJson } from '../../../../support/recorded.js';

/** What a real kernel said and did: see test/machine/file-load/. */
interface RecordedSegment {
  readonly mem: string;
  readonly memsz: string;
  readonly bufsz: string;
  readonly sha256?: string;
  readonly data?: string;
}

interface RecordedCase {
  readonly name: string;
  readonly words: string;
  readonly setUp?: string;
  readonly keep?: boolean;
  readonly result: number;
  readonly kexec_loaded: string;
  readonly kexec_crash_loaded: string;
  readonly log: readonly string[];
  readonly segments?: readonly RecordedSegment[];
  readonly found?: string;
}

interface Boot {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly kcore: string;
  readonly fdt: string;
  readonly cases: readonly RecordedCase[];
}

const { boots } = recordedJson('file-load-calls') as { readonly boots: readonly Boot[] };

const temp = useTempDir();
const unpack = (text: string): Uint8Array => plainBytes(gunzipSync(Buffer.from(text, 'base64')));

/** The boot as a recorded machine. */
const filesOf = ({ name, files, kcore, fdt }: Boot): MachineFiles => {
  const directory = temp.make(name);
  const texts = Object.fromEntries(Object.entries(files).map(([path, text]) => [path.slice(1), text]));
  writeTree(directory, {
    ...texts,
    'proc/kallsyms': 'ffff800080096a2c T kexec_add_buffer\n',
    'proc/kcore': unpack(kcore),
    'sys/firmware/fdt': unpack(fdt),
    config: '# CONFIG_KEXEC_SIG is not set\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_HANDOVER=y\n',
  });
  return MachineFiles.open(directory);
};

const factsOf = (files: MachineFiles): KernelFacts => ({
  ...kernelFacts(
    {
      version: files.readText('/proc/version'),
      meminfo: files.readText('/proc/meminfo'),
      iomem: files.readText('/proc/iomem'),
      lockdown: files.readText('/sys/kernel/security/lockdown'),
    },
    4096n,
  ),
  handover: handover(files),
  contiguous: contiguousMemory(files, 4096n),
});

const WORDS = 'kernel|initrd|cmdline|cmdlinelen|flags|who';
const word = (words: string, name: string): string | undefined =>
  new RegExp(`(?:^| )${name}=(.*?)(?= (?:${WORDS})=|$)`).exec(words)?.[1];

/** Files too large to be worth filling are zeros. */
const fileOf = (what: string | undefined): Uint8Array | undefined => {
  const size = Number(/^bytes:(\d+)/.exec(what ?? '')?.[1] ?? 0);
  return size > 1 << 24 ? new Uint8Array(size) : contentOf(what);
};

const callOf = (words: string) => {
  const text = word(words, 'cmdline');
  const cmdline = text?.startsWith('@') === true ? 'x'.repeat(Number(text.slice(1))) : text;
  return {
    kernel: fileOf(word(words, 'kernel')),
    initrd: fileOf(word(words, 'initrd')),
    cmdline,
    cmdlineLen: Number(word(words, 'cmdlinelen') ?? (cmdline === undefined ? 0 : cmdline.length + 1)),
    flags: BigInt(word(words, 'flags')!),
  };
};

const chosenProperty = (tree: Fdt, name: string): Property =>
  getProperty(tree, pathOffset(tree, '/chosen') as number, name) as Property;

/** Device trees that the kernel made, where they could be read. */
const treesOf = ({ segments = [] }: RecordedCase): readonly Uint8Array[] =>
  segments.flatMap(({ data }) => (data === undefined ? [] : [unpack(data)])).filter((data) => data[0] === 0xd0);

/** The recorded 6.1 had not gathered enough for random numbers. */
const hasSeeds = ({ cases }: Boot): boolean =>
  !cases.flatMap(treesOf).some((bytes) => {
    const tree = new Fdt(bytes, 'recorded');
    return isFdtError(getProperty(tree, pathOffset(tree, '/chosen') as number, 'kaslr-seed'));
  });

/** The random numbers that the real kernel happened to get. */
const seedsOf = (tree: Uint8Array | undefined): FileLoadMachine['random'] => {
  if (tree === undefined) return (length) => new Uint8Array(length);
  const fdt = new Fdt(tree, 'recorded');
  return (length) => fdt.slice(chosenProperty(fdt, length === 8 ? 'kaslr-seed' : 'rng-seed').position + 12, length);
};

/** What a kernel makes of its device tree at once: it wipes the seeds out. */
const withoutSeeds = (bytes: Uint8Array): Uint8Array => {
  const tree = new Fdt(bytes.slice(), 'made');
  tree.fill(chosenProperty(tree, 'kaslr-seed').position + 12, 8);
  const { position, length } = chosenProperty(tree, 'rng-seed');
  for (let at = 0; at < 12 + length; at += 4) tree.setU32(position + at, FDT_NOP);
  return tree.bytes;
};

/** Where the tree of a handover is, no file tells that is recorded. */
const withHandoverOf = (found: Uint8Array, bytes: Uint8Array): Uint8Array => {
  const [from, to] = [new Fdt(found, 'recorded'), new Fdt(bytes, 'made')];
  const at = getProperty(from, pathOffset(from, '/chosen') as number, 'linux,kho-fdt');
  if (isFdtError(at)) return bytes;
  const { position } = chosenProperty(to, 'linux,kho-fdt');
  to.bytes.set(from.slice(at.position + 12, at.length), position + 12);
  return to.bytes;
};

const bytesOf = ({ source }: KernelSegment): Uint8Array => (source.kind === 'bytes' ? source.bytes : new Uint8Array());

const sha256 = (segment: KernelSegment): string =>
  createHash('sha256')
    .update(bytesOf(segment))
    .update(new Uint8Array(Number(segment.memsz - segment.bufsz)))
    .digest('hex');

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** The first page tables are among it, which 5.10 and 6.1 free: a few pages, of which /proc/iomem does not tell. */
const kernelData = ({ files }: Boot): Range =>
  parseResources(files['/proc/iomem']!).find(({ name }) => name === 'Kernel data')!.range;

const imageOf = ({ normal, crash }: KernelState, words: string): LoadedImage =>
  ((BigInt(word(words, 'flags')!) & 2n) === 0n ? normal : crash) as LoadedImage;

test('the record is complete', () => {
  expect(boots.map(({ name, cases }) => [name, cases.length])).toEqual([
    ['512M', 50],
    ['2G-crash', 85],
    ['8G-high', 38],
    ['1G-lockdown', 38],
    ['2G-old-6.1', 78],
    ['2G-old-5.10', 78],
    ['2G-crash-7.2', 85],
    ['1G-cma-7.2', 43],
    ['2G-kho-7.2', 39],
  ]);
  const cases = boots.flatMap((boot) => boot.cases);
  expect(new Set(cases.map(({ result }) => result))).toEqual(new Set([0, -1, -9, -12, -14, -22, -99]));
  expect(
    cases.flatMap(({ segments }) => segments ?? []).filter(({ data }) => data !== undefined).length,
  ).toBeGreaterThan(60);
});

describe.each(boots)('kexec_file_load on $name', (boot) => {
  const files = filesOf(boot);
  const facts = factsOf(files);
  let state = INITIAL_STATE;
  const machine = fileLoadMachine(files, facts, undefined);
  const hasRandom = hasSeeds(boot);
  const data = kernelData(boot);
  /** One initrd of 5.10 is put where the first page tables were. */
  const isTold = (mem: string): boolean => !data.contains(BigInt(mem));

  test('the kernel has the call', () => {
    expect(hasFileLoad(files)).toBe(true);
  });

  test.each(boot.cases)('$name', (recorded) => {
    const { words, setUp, keep } = recorded;
    const written = /^echo (\d+) > (\S+)$/.exec(setUp ?? '');
    if (written !== null) state = writeKernelFile(facts, state, written[2]!, written[1]!).state;
    const call = callOf(words);
    const random = hasRandom ? seedsOf(treesOf(recorded)[0]) : undefined;
    const outcome = answerKexecFileLoad(
      { ...machine, random },
      state,
      call,
      CALLER_OF[word(words, 'who') === 'nobody' ? 'nobody' : 'root'],
    );
    state = outcome.state;

    expect({
      result: outcome.result,
      kexec_loaded: readKernelFile(facts, state, KEXEC_LOADED),
      kexec_crash_loaded: readKernelFile(facts, state, KEXEC_CRASH_LOADED),
      log: outcome.log.filter((line) => line.startsWith('<6>')),
    }).toEqual({
      result: recorded.result,
      kexec_loaded: recorded.kexec_loaded,
      kexec_crash_loaded: recorded.kexec_crash_loaded,
      log: recorded.log,
    });
    expect(outcome.why === undefined).toBe(outcome.result === 0);
    if (recorded.segments !== undefined) {
      const { segments, entry } = imageOf(state, words);
      expect(entry).toBe(segments.find(({ role }) => role === 'kernel')!.mem);
      const places = segments.map(({ mem, memsz, bufsz }) => ({ mem: hex(mem), memsz: hex(memsz), bufsz: hex(bufsz) }));
      expect(places).toEqual(
        recorded.segments.map(({ mem, memsz, bufsz }, i) => ({
          mem: isTold(mem) ? mem : places[i]!.mem,
          memsz,
          bufsz,
        })),
      );
      for (const [i, { sha256: digest, data }] of recorded.segments.entries()) {
        if (data !== undefined)
          expect(Buffer.from(bytesOf(segments[i]!)).toString('hex')).toBe(Buffer.from(unpack(data)).toString('hex'));
        const isFilled = (call[segments[i]!.role === 'initrd' ? 'initrd' : 'kernel']?.length ?? 0) <= 1 << 24;
        if (digest !== undefined && isFilled) expect(sha256(segments[i]!)).toBe(digest);
      }
      if (recorded.found !== undefined) {
        const made = withoutSeeds(bytesOf(segments.find(({ role }) => role === 'dtb')!));
        const found = unpack(recorded.found);
        expect(Buffer.from(withHandoverOf(found, made)).toString('hex')).toBe(Buffer.from(found).toString('hex'));
      }
    }
    if (keep !== true) state = { ...state, normal: undefined, crash: undefined };
  });
});

/** Debugfs' list of memblock's ranges. */
const memblockRanges = (text: string): readonly Range[] =>
  [...text.matchAll(/0x([0-9a-f]{16})\.\.0x([0-9a-f]{16})/g)].map(([, start, last]) =>
    Range.inclusive(BigInt(`0x${start}`), BigInt(`0x${last}`)),
  );

describe('free memory of memblock', () => {
  test.each(boots.filter(({ name }) => name !== '1G-lockdown'))(
    'is derived as the real kernel has it on $name',
    (boot) => {
      const files = filesOf(boot);
      const memory = memblockRanges(boot.files['/sys/kernel/debug/memblock/memory']!);
      const pages = ({ start, last }: Range): Range => Range.inclusive(start & ~0xfffn, last | 0xfffn);
      const reserved = memblockRanges(boot.files['/sys/kernel/debug/memblock/reserved']!).map(pages);
      expect(fileLoadMachine(files, factsOf(files), undefined).holes).toEqual(
        [...reserved, kernelData(boot)].reduce(withoutRange, [...memory]),
      );
    },
  );
});
