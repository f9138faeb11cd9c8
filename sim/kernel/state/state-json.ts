/** state.json: what a simulated kernel has loaded, the bytes of segments excepted. */
import { hex } from '../../../kexec/base/format.js';
import { Range } from '../../../kexec/base/range.js';
import { U64_MAX } from '../../../kexec/base/u64.js';
import { KEXEC_MAX_SEGMENTS } from '../../../kexec/base/uapi.js';
import {
  type Json,
  asFlag,
  asInteger,
  asText,
  asU64,
  asWord,
  elements,
  field,
  jsonError,
  optionalField,
  parseJson,
} from './json.js';
import {
  type ImageSlot,
  type InterfaceState,
  type KernelSegment,
  type KernelState,
  SEGMENT_ROLES,
  type SegmentSource,
} from '../rules/kexec-load.js';

const VERSION = 1;

/** Names that data files may have: none that leads to another directory. */
export const DATA_FILE = /^segment-[0-9a-z-]{1,64}\.bin$/;

/** All names that files of segments have. */
export const SEGMENT_FILE = /^segment-[0-9a-z-]{1,64}\.(bin|sums)$/;

/** The name of a data file's checksums. */
export const sumsName = (dataFile: string): string => dataFile.replace(/\.bin$/, '.sums');

/** Refuses what it does not understand. @throws KexecError naming `subject` */
export const parseState = (text: string, subject: string): KernelState => {
  const json = parseJson(text, subject);
  const version = field(json, 'version');
  if (version.value !== VERSION) throw jsonError(version, `must be ${VERSION}`);
  return {
    normal: parseSlot(field(json, 'normal')),
    crash: parseSlot(field(json, 'crash')),
    loadDisabled: asFlag(field(json, 'loadDisabled')),
    limitReboot: asInteger(field(json, 'limitReboot'), -1, 2 ** 31 - 1),
    limitPanic: asInteger(field(json, 'limitPanic'), -1, 2 ** 31 - 1),
    interfaces: parseInterfaces(optionalField(json, 'interfaces')),
    ...parseLost(optionalField(json, 'contiguousLost')),
  };
};

/** States that were written before there were interfaces have none. */
const parseInterfaces = (json: Json | undefined): readonly InterfaceState[] =>
  json === undefined
    ? []
    : elements(json, 'interface').map((each) => ({ name: asText(field(each, 'name')), up: asFlag(field(each, 'up')) }));

const parseLost = (json: Json | undefined): Pick<KernelState, 'contiguousLost'> =>
  json === undefined
    ? {}
    : {
        contiguousLost: elements(json, 'range').map((each) => {
          const [start, size] = [asU64(field(each, 'start')), asU64(field(each, 'size'))];
          if (size === 0n || start + size > U64_MAX) throw jsonError(each, 'is no range of memory');
          return Range.sized(start, size);
        }),
      };

const lostToJson = (lost: readonly Range[] | undefined): unknown =>
  lost?.map(({ start, size }) => ({ start: `0x${hex(start)}`, size: `0x${hex(size)}` }));

const parseSlot = (json: Json): ImageSlot => {
  if (json.value === null) return undefined;
  if (typeof json.value === 'string') return asWord(json, ['unknown'] as const);
  const segments = elements(field(json, 'segments'), 'segment');
  if (segments.length > KEXEC_MAX_SEGMENTS) throw jsonError(json, `must have at most ${KEXEC_MAX_SEGMENTS} segments`);
  return {
    entry: asU64(field(json, 'entry')),
    flags: asU64(field(json, 'flags')),
    segments: segments.map(parseSegment),
  };
};

const parseSegment = (json: Json): KernelSegment => {
  const mem = asU64(field(json, 'mem'));
  const memsz = asU64(field(json, 'memsz'));
  const bufsz = asU64(field(json, 'bufsz'));
  if (bufsz > memsz) throw jsonError(json, '"bufsz" must not exceed "memsz"');
  const role = optionalField(json, 'role');
  const contiguous = optionalField(json, 'contiguous');
  return {
    mem,
    memsz,
    bufsz,
    source: parseSource(field(json, 'file')),
    ...(role === undefined ? {} : { role: asWord(role, SEGMENT_ROLES) }),
    ...(contiguous !== undefined && asFlag(contiguous) ? { contiguous: true } : {}),
  };
};

const parseSource = (json: Json): SegmentSource => {
  if (json.value === null) return { kind: 'zeros' };
  const name = asText(json);
  if (!DATA_FILE.test(name)) throw jsonError(json, 'is not the name of a data file');
  return { kind: 'file', name };
};

/** @param state has no segments whose bytes are in memory only */
export const formatState = (state: KernelState): string =>
  `${JSON.stringify(
    {
      version: VERSION,
      ...state,
      normal: slotToJson(state.normal),
      crash: slotToJson(state.crash),
      contiguousLost: lostToJson(state.contiguousLost),
    },
    null,
    2,
  )}\n`;

const slotToJson = (slot: ImageSlot): unknown => {
  if (slot === undefined) return null;
  if (slot === 'unknown') return slot;
  return {
    entry: `0x${hex(slot.entry)}`,
    flags: `0x${hex(slot.flags)}`,
    segments: slot.segments.map(({ role, mem, memsz, bufsz, source, contiguous }) => ({
      ...(role === undefined ? {} : { role }),
      mem: `0x${hex(mem)}`,
      memsz: `0x${hex(memsz)}`,
      bufsz: `0x${hex(bufsz)}`,
      file: source.kind === 'file' ? source.name : null,
      ...(contiguous === true ? { contiguous } : {}),
    })),
  };
};
