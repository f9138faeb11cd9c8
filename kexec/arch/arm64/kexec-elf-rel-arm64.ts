/** The relocations of AArch64 that a purgatory may need (machine_apply_elf_rel(), kexec/arch/arm64/kexec-arm64.c). */
import type { Compat } from '../../base/compat.js';
import { KexecError } from '../../base/error.js';
import { hex } from '../../base/format.js';
import type { RelocationRule } from '../../elf/relocation-rule.js';
import { alignDown, u64 } from '../../base/u64.js';
import { arm64CompatOf } from './compat-arm64.js';

/** R_AARCH64_ABS64 and so on ("ELF for the Arm 64-bit Architecture", "Relocation types"). */
const R_AARCH64 = {
  ABS64: 257,
  PREL32: 261,
  MOVW_UABS_G0_NC: 264,
  MOVW_UABS_G1_NC: 266,
  MOVW_UABS_G2_NC: 268,
  MOVW_UABS_G3: 269,
  LD_PREL_LO19: 273,
  ADR_PREL_LO21: 274,
  ADR_PREL_PG_HI21: 275,
  ADD_ABS_LO12_NC: 277,
  JUMP26: 282,
  CALL26: 283,
  LDST64_ABS_LO12_NC: 286,
  LDST128_ABS_LO12_NC: 299,
} as const;

/** As the debug log names them. */
type RelocationName = keyof typeof R_AARCH64;

/** An instruction's immediate field for a relocation; bits above 31 fall off. @throws KexecError */
type Field = (value: bigint, address: bigint) => bigint;

/**
 * A relocation of an instruction. The field is *added* to what is in place, whose field must be zero: so does
 * machine_apply_elf_rel() of kexec/arch/arm64/kexec-arm64.c, from which all of these come.
 */
const instruction = (name: RelocationName, field: Field): RelocationRule => ({
  type: R_AARCH64[name],
  name,
  size: 4,
  apply: (place, address, value) => {
    const word = BigInt(place.getUint32(0, true)) + field(value, address);
    place.setUint32(0, Number(BigInt.asUintN(32, word)), true);
  },
});

/** @throws KexecError when `value` is no multiple of `size`, a power of two */
const requireAligned = (value: bigint, size: bigint): void => {
  if ((value & (size - 1n)) !== 0n) {
    throw KexecError.die(`machine_apply_elf_rel: ERROR Unaligned value: ${hex(value)}`, { subject: 'relocation' });
  }
};

/** The distance to `value` in words, in the 19-bit field of a literal load. */
const wordOffset19: Field = (value, address) => (u64(value - address) << 3n) & 0xffffe0n;

const branch26: Field = (value, address) => (u64(value - address) >> 2n) & 0x3ffffffn;

/** The distance in pages of 4 KiB, split into the two fields of ADRP. */
const pages21: Field = (value, address) => {
  const pages = u64(alignDown(value, 0x1000n) - alignDown(address, 0x1000n)) >> 12n;
  return ((pages & 3n) << 29n) + ((pages & 0x1ffffcn) << 3n);
};

/** Bits `shift`..`shift + 15` of `value` in the field of a MOVZ or MOVK. */
const movw =
  (shift: bigint): Field =>
  (value) =>
    ((value >> shift) & 0xffffn) << 5n;

/**
 * QUIRK-17: get_bits() of kexec/arch/arm64/kexec-arm64.c takes the value as 32 bits, and then shifts it by 32 or 48.
 * C leaves open what comes of that; from gcc with optimisation it is 0, so that addresses lose their upper half.
 */
const movwOfUpperHalf: Field = () => 0n;

/** R_AARCH64_ABS64 and R_AARCH64_PREL32; `addInPlace`: to what is there, as kexec-tools 2.0.20 does. */
const dataRules = (addInPlace: boolean): readonly RelocationRule[] => [
  {
    type: R_AARCH64.ABS64,
    name: 'ABS64',
    size: 8,
    apply: (place, _address, value, littleEndian) => {
      const old = addInPlace ? place.getBigUint64(0, littleEndian) : 0n;
      place.setBigUint64(0, u64(old + value), littleEndian);
    },
  },
  {
    type: R_AARCH64.PREL32,
    name: 'PREL32',
    size: 4,
    apply: (place, address, value, littleEndian) => {
      const old = addInPlace ? BigInt(place.getUint32(0, littleEndian)) : 0n;
      place.setUint32(0, Number(BigInt.asUintN(32, old + value - address)), littleEndian);
    },
  },
];

/** R_AARCH64_MOVW_UABS_G0_NC and its like. */
const MOVW_RULES: readonly RelocationRule[] = [
  instruction('MOVW_UABS_G0_NC', movw(0n)),
  instruction('MOVW_UABS_G1_NC', movw(16n)),
  instruction('MOVW_UABS_G2_NC', movwOfUpperHalf),
  instruction('MOVW_UABS_G3', movwOfUpperHalf),
];

const COMMON_RULES: readonly RelocationRule[] = [
  instruction('LD_PREL_LO19', wordOffset19),
  // ADR counts bytes, but its two lowest bits have a field of their own, which is left alone here.
  instruction('ADR_PREL_LO21', (value, address) => {
    requireAligned(value, 4n);
    return wordOffset19(value, address);
  }),
  instruction('ADR_PREL_PG_HI21', pages21),
  instruction('ADD_ABS_LO12_NC', (value) => (value & 0xfffn) << 10n),
  instruction('JUMP26', branch26),
  instruction('CALL26', branch26),
  instruction('LDST64_ABS_LO12_NC', (value) => {
    requireAligned(value, 8n);
    return (value & 0xff8n) << 7n;
  }),
];

const LDST128_RULE = instruction('LDST128_ABS_LO12_NC', (value) => {
  requireAligned(value, 16n);
  return (value & 0xff0n) << 6n;
});

/** The relocations that a release knows. */
export const relocationsFor = (compat: Pick<Compat, 'release'>): readonly RelocationRule[] => {
  const { relocationsAddInPlace, hasMovwRelocations } = arm64CompatOf(compat);
  return [
    ...dataRules(relocationsAddInPlace),
    ...COMMON_RULES,
    ...(hasMovwRelocations ? [...MOVW_RULES, LDST128_RULE] : []),
  ];
};
