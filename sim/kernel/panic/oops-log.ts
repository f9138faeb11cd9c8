/** What a kernel says of an access to memory that goes wrong, up to crash_kexec(): arch/arm64/mm/fault.c, traps.c. */
import { KexecError } from '../../../kexec/base/error.js';
import { hex16 } from '../../../kexec/base/format.js';
import type { DyingTraits } from '../facts/generations.js';
import { type PanicLine, type Scene, alert, emergency, warning, whereLines } from './panic-log.js';
import type { ProcessorRegisters } from './prstatus.js';

export interface Fault {
  /** ESR_EL1. */
  readonly esr: bigint;
  /** FAR_EL1. */
  readonly far: bigint;
}

/** esr_class_str[] (arch/arm64/kernel/traps.c): the classes that a fault of the kernel's own has. */
const CLASSES: Readonly<Record<string, string>> = { 0x21: 'IABT (current EL)', 0x25: 'DABT (current EL)' };
const INSTRUCTION_ABORT = 0x21n;
const DATA_ABORT = 0x25n;

const classOf = ({ esr }: Fault): bigint => (esr >> 26n) & 0x3fn;
const bits = (value: bigint, from: bigint, count: bigint): bigint => (value >> from) & ((1n << count) - 1n);

/** A jump to address 0, or a read there: a translation fault at level 0, in an instruction of 32 bits. */
export const nullFault = (pc: bigint): Fault => ({ esr: pc === 0n ? 0x8600_0004n : 0x9600_0004n, far: 0n });

/** @throws KexecError for a syndrome that is none of such an access */
export const checkFault = (fault: Fault, subject: string): Fault => {
  if (CLASSES[`${classOf(fault)}`] !== undefined && fault.esr >> 56n === 0n) return fault;
  throw KexecError.die(
    `${subject}: esr 0x${fault.esr.toString(16)} is no abort of the kernel's own: its class is 0x21 or 0x25`,
    { subject },
  );
};

/** fault_info[] (arch/arm64/mm/fault.c). */
const faultName = (fsc: bigint): string => {
  const kinds = ['address size fault', 'translation fault', 'access flag fault', 'permission fault'] as const;
  if (fsc === 0n) return 'ttbr address size fault';
  if (fsc < 16n) return `level ${fsc & 3n} ${kinds[Number(fsc >> 2n)]!}`;
  if (fsc === 0x10n) return 'synchronous external abort';
  if (fsc === 0x21n) return 'alignment fault';
  return `unknown ${fsc}`;
};

const PERMISSION = 3n;

const message = ({ esr, far }: Fault, isInstruction: boolean, pageSize: bigint): string => {
  const isPermission = bits(esr, 2n, 4n) === PERMISSION;
  if (isPermission && bits(esr, 6n, 1n) === 1n && !isInstruction) return 'write to read-only memory';
  if (isPermission) return isInstruction ? 'execute from non-executable memory' : 'read from unreadable memory';
  return far < pageSize ? 'NULL pointer dereference' : 'paging request';
};

/** mem_abort_decode(). */
const abortLines = (fault: Fault, { tellsSyndrome }: DyingTraits): readonly string[] => {
  const { esr } = fault;
  const isOld = tellsSyndrome === 'plain';
  const digits = esr.toString(16);
  return [
    'Mem abort info:',
    `  ESR = 0x${digits.padStart(isOld ? 8 : 16, '0')}`,
    `  EC = 0x${classOf(fault).toString(16).padStart(2, '0')}: ${CLASSES[`${classOf(fault)}`] ?? ''}, ` +
      `IL = ${bits(esr, 25n, 1n) === 1n ? 32 : 16} bits`,
    `  SET = ${bits(esr, 11n, 2n)}, FnV = ${bits(esr, 10n, 1n)}`,
    `  EA = ${bits(esr, 9n, 1n)}, S1PTW = ${bits(esr, 7n, 1n)}`,
    ...(isOld ? [] : [`  FSC = 0x${bits(esr, 0n, 6n).toString(16).padStart(2, '0')}: ${faultName(bits(esr, 0n, 6n))}`]),
    ...(classOf(fault) === DATA_ABORT ? dataLines(esr, tellsSyndrome === 'ISS2') : []),
  ];
};

/** data_abort_decode(), of a syndrome without the details of a guest's accesses (ISV). */
const dataLines = (esr: bigint, hasIss2: boolean): readonly string[] => {
  const iss = bits(esr, 0n, 25n).toString(16).padStart(8, '0');
  const written = `  CM = ${bits(esr, 8n, 1n)}, WnR = ${bits(esr, 6n, 1n)}`;
  if (!hasIss2) return ['Data abort info:', `  ISV = 0, ISS = 0x${iss}`, written];
  const iss2 = bits(esr, 32n, 24n);
  return [
    'Data abort info:',
    `  ISV = 0, ISS = 0x${iss}, ISS2 = 0x${iss2.toString(16).padStart(8, '0')}`,
    `${written}, TnD = ${bits(iss2, 10n, 1n)}, TagAccess = ${bits(iss2, 9n, 1n)}`,
    `  GCS = ${bits(iss2, 8n, 1n)}, Overlay = ${bits(iss2, 6n, 1n)}, DirtyBit = ${bits(iss2, 5n, 1n)}, Xs = ${bits(iss2, 0n, 5n)}`,
  ];
};

/**
 * The lines of a fault, up to crash_kexec(). What is not there to be told is left out: page tables, modules, functions'
 * names, the call trace, and the instructions.
 */
export const oopsLines = (
  scene: Scene,
  registers: ProcessorRegisters,
  fault: Fault,
  pageSize: bigint,
): readonly PanicLine[] => {
  const { traits } = scene;
  const isInstruction = classOf(fault) === INSTRUCTION_ABORT;
  const what = message(fault, isInstruction, pageSize);
  return [
    alert(`Unable to handle kernel ${what} at virtual address ${hex16(fault.far)}`),
    ...abortLines(fault, traits).map(alert),
    emergency(`Internal error: Oops: ${hex16(fault.esr)} [#1]${traits.oopsSmp}`),
    warning('Modules linked in:'),
    ...whereLines(scene),
    ...registerLines(traits, registers).map(warning),
    ...(registers.pc === 0n ? [emergency('Code: bad PC value')] : []),
  ];
};

/** __show_regs() (arch/arm64/kernel/process.c). */
const registerLines = (
  { registersALine }: DyingTraits,
  { x, sp, pc, pstate }: ProcessorRegisters,
): readonly string[] => {
  const isOld = registersALine === 2;
  const cells = Array.from({ length: 30 }, (_, i) => `${`x${29 - i}`.padEnd(3)}: ${hex16(x[29 - i] ?? 0n)}`);
  const rows = Array.from({ length: cells.length / registersALine }, (_, i) =>
    cells.slice(registersALine * i, registersALine * (i + 1)),
  );
  return [
    `pstate: ${pstateText(pstate, isOld)}`,
    `pc : 0x${pc.toString(16)}`,
    `lr : 0x${(x[30] ?? 0n).toString(16)}`,
    `sp : ${hex16(sp)}`,
    ...rows.map((row) => (isOld ? row.map((cell) => `${cell} `).join('') : row.join(' '))),
  ];
};

/** Names of PSTATE.BTYPE (arch/arm64/kernel/process.c). */
const BTYPES = ['--', 'jc', '-c', 'j-'] as const;

/** print_pstate(). */
const pstateText = (pstate: bigint, isOld: boolean): string => {
  const flag = (bit: bigint, name: string): string =>
    bits(pstate, bit, 1n) === 1n ? name.toUpperCase() : name.toLowerCase();
  const sign = (bit: bigint, name: string): string => `${bits(pstate, bit, 1n) === 1n ? '+' : '-'}${name}`;
  const flags = [flag(31n, 'n'), flag(30n, 'z'), flag(29n, 'c'), flag(28n, 'v')].join('');
  const masks = [flag(9n, 'd'), flag(8n, 'a'), flag(7n, 'i'), flag(6n, 'f')].join('');
  const features = [
    sign(22n, 'PAN'),
    sign(23n, 'UAO'),
    sign(25n, 'TCO'),
    ...(isOld ? [] : [sign(24n, 'DIT'), sign(12n, 'SSBS')]),
  ];
  const digits = pstate.toString(16).padStart(8, '0');
  return `${digits} (${flags} ${masks} ${features.join(' ')} BTYPE=${BTYPES[Number(bits(pstate, 10n, 2n))]!})`;
};
