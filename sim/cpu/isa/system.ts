/** System instructions, and those that generate exceptions (Arm ARM C4.1.65). */

import { ALONE } from '../language/context.js';
import { FPSR_WRITABLE, type DirectRegister, type Ops } from '../language/ops.js';
import type { Fields } from '../language/pattern.js';
import {
  type CacheMaintenance,
  type InstructionRow,
  type OpsRow,
  rowsOf,
  type SystemCpu,
  type SystemRow,
  systemRowsOf,
} from '../language/row.js';
import { i64 } from '../language/value.js';

const GROUP = 'System';
const row = rowsOf(GROUP);
const systemRow = systemRowsOf(GROUP);

/** SVC and its like: opc, op2 and LL tell them apart. */
const exception = (kind: 'svc' | 'hvc' | 'smc' | 'brk' | 'hlt', section: string, opc: string, ll: string): SystemRow =>
  systemRow({
    name: kind.toUpperCase(),
    section,
    pattern: `11010100 ${opc} imm16:16 000 ${ll}`,
    syntax: `${kind} #<imm16:x>`,
    system: (cpu, { imm16 }) => cpu.call(kind, imm16),
  });

/** Undefined wherever the processor is not halted by a debugger, which it never is here. */
const debugCall = (name: string, section: string, ll: string): OpsRow =>
  row({
    name,
    section,
    pattern: `11010100 101 imm16:16 000 ${ll}`,
    syntax: `${name.toLowerCase()}{ #<imm16:x>}`,
    free: ['imm16'],
    semantics: (t) => t.undefined(),
  });

/** Hints that do more than pass time: YIELD, WFE, WFI, SEV and SEVL. CRm is 0. */
const isActiveHint = (crm: number, op2: number): boolean => crm === 0 && op2 >= 1 && op2 <= 5;

const hint = (name: string, section: string, op2: string, system: (cpu: SystemCpu) => void): SystemRow =>
  systemRow({
    name,
    section,
    pattern: `1101010100 0 00 011 0010 0000 ${op2} 11111`,
    syntax: name.toLowerCase(),
    system,
  });

const barrier = (name: string, section: string, op2: string, syntax: string, semantics: (t: Ops) => void): OpsRow =>
  row({ name, section, pattern: `1101010100 0 00 011 0011 CRm:4 ${op2} 11111`, syntax, free: ['CRm'], semantics });

const maintenance = (name: CacheMaintenance, section: string, op1: string, crm: string): OpsRow =>
  row({
    name,
    section,
    pattern: `1101010100 0 01 ${op1} 0111 ${crm} 001 Rt:5`,
    syntax: `${name.toLowerCase()}, <Xt>`,
    maintenance: name,
    semantics: (t, { Rt }) => (name === 'DC ZVA' ? t.zeroBlock(t.x(Rt)) : t.touch(t.x(Rt))),
  });

/** Op1 and CRm of the rows made by {@link maintenance}, which SYS leaves out. */
const BY_ADDRESS: readonly (readonly [op1: number, crm: number])[] = [
  [0, 6],
  [3, 4],
  [3, 5],
  [3, 10],
  [3, 11],
  [3, 14],
];

/** PSTATE fields of ARMv8.0 by op1 and op2: SPSel, DAIFSet, DAIFClr. */
const isPstateField = (op1: number, op2: number): boolean =>
  (op1 === 0 && op2 === 5) || (op1 === 3 && (op2 === 6 || op2 === 7));

const encodingOf = (op0: number, fields: Fields<'op1' | 'CRn' | 'CRm' | 'op2'>) => {
  const { op1, CRn: crn, CRm: crm, op2 } = fields;
  return { op0, op1, crn, crm, op2 };
};

const DAIF_SET = 6;

/** Registers that code accesses itself, by o0, op1, CRn, CRm and op2. */
const DIRECT: Readonly<Record<string, DirectRegister>> = {
  '1 3 4 2 1': 'DAIF',
  '1 0 4 1 0': 'SP_EL0',
  '1 3 13 0 2': 'TPIDR_EL0',
  '1 3 13 0 3': 'TPIDRRO_EL0',
  '1 0 13 0 4': 'TPIDR_EL1',
  '1 0 5 2 0': 'ESR_EL1',
  '1 0 6 0 0': 'FAR_EL1',
  '1 0 4 0 1': 'ELR_EL1',
  '1 0 4 0 0': 'SPSR_EL1',
  '1 0 2 0 2': 'TCR_EL1',
  '1 3 0 0 1': 'CTR_EL0',
  '1 3 0 0 7': 'DCZID_EL0',
  '1 3 4 4 1': 'FPSR',
};

/** Bits that a write changes, where those are not all; the others are zero. */
const WRITABLE: Readonly<Partial<Record<DirectRegister, bigint>>> = {
  DAIF: 0x3c0n,
  ESR_EL1: 0xffff_ffffn,
  SPSR_EL1: 0xffff_ffffn,
  FPSR: FPSR_WRITABLE,
};

type RegisterFields = Fields<'o0' | 'op1' | 'CRn' | 'CRm' | 'op2'>;

const directAt = ({ o0, op1, CRn, CRm, op2 }: RegisterFields): DirectRegister | undefined =>
  DIRECT[`${o0} ${op1} ${CRn} ${CRm} ${op2}`];

const accessOf = (kind: 'read' | 'write', fields: RegisterFields): string | undefined => {
  const register = directAt(fields);
  return register && `${kind} ${register}`;
};

export const SYSTEM: readonly InstructionRow[] = [
  exception('svc', 'C6.2.365', '000', '01'),
  exception('hvc', 'C6.2.101', '000', '10'),
  exception('smc', 'C6.2.278', '000', '11'),
  exception('brk', 'C6.2.40', '001', '00'),
  exception('hlt', 'C6.2.100', '010', '00'),
  debugCall('DCPS1', 'C6.2.80', '01'),
  debugCall('DCPS2', 'C6.2.81', '10'),
  debugCall('DCPS3', 'C6.2.82', '11'),
  row({
    name: 'DRPS',
    section: 'C6.2.84',
    pattern: '1101011 0101 11111 000000 11111 00000',
    syntax: 'drps',
    semantics: (t) => t.undefined(),
  }),
  row({
    name: 'UDF',
    section: 'C6.2.387',
    pattern: '0000000000000000 imm16:16',
    syntax: 'udf #<imm16>',
    free: ['imm16'],
    semantics: (t) => t.undefined(),
  }),
  systemRow({
    name: 'ERET',
    section: 'C6.2.89',
    pattern: '1101011 0100 11111 000000 11111 00000',
    syntax: 'eret',
    system: (cpu) => cpu.exceptionReturn(),
  }),

  row({
    name: 'HINT (NOP and unallocated hints)',
    section: 'C6.2.99',
    pattern: '1101010100 0 00 011 0010 CRm:4 op2:3 11111',
    syntax: '<hint>; hint #<CRm,op2:x>',
    free: ['CRm', 'op2'],
    allocated: ({ CRm, op2 }) => !isActiveHint(CRm, op2),
    semantics: () => {},
  }),
  row({
    name: 'YIELD',
    section: 'C6.2.402',
    pattern: '1101010100 0 00 011 0010 0000 001 11111',
    syntax: 'yield',
    direct: () => ALONE,
    semantics: () => {},
    system: (cpu) => cpu.yieldTurn(),
  }),
  hint('WFE', 'C6.2.396', '010', (cpu) => cpu.wait('wfe')),
  hint('WFI', 'C6.2.398', '011', (cpu) => cpu.wait('wfi')),
  hint('SEV', 'C6.2.257', '100', (cpu) => cpu.sendEvent()),
  hint('SEVL', 'C6.2.258', '101', (cpu) => cpu.receiveEvent()),
  barrier('CLREX', 'C6.2.56', '010', 'clrex if CRm=15; clrex #<CRm:x>', (t) => t.clearExclusive()),
  barrier('DSB', 'C6.2.86', '100', 'ssbb if CRm=0; pssbb if CRm=4; dsb <barrier>', () => {}),
  barrier('DMB', 'C6.2.83', '101', 'dmb <barrier>', () => {}),
  barrier('ISB', 'C6.2.103', '110', 'isb if CRm=15; isb #<CRm:x>', (t) => t.attend()),

  row({
    name: 'MSR (immediate)',
    section: 'C6.2.199',
    pattern: '1101010100 0 00 op1:3 0100 CRm:4 op2:3 11111',
    syntax: 'msr <op2?||||||daifset|daifclr>, #<CRm:x> if op1=3; msr spsel, #<CRm:x> if CRm<2',
    allocated: ({ op1, op2 }) => isPstateField(op1, op2),
    direct: ({ op1 }) => (op1 === 3 ? 'write DAIF' : undefined),
    semantics: (t, { op2, CRm }) => {
      const bits = CRm << 6;
      if (op2 === DAIF_SET) t.setSystem('DAIF', i64.or(t.system('DAIF'), i64.const(bits)));
      else {
        t.setSystem('DAIF', i64.and(t.system('DAIF'), i64.const(~bits)));
        t.attend();
      }
    },
    system: (cpu, { op1, op2, CRm }) => cpu.writePstate(op1, op2, CRm),
  }),
  row({
    name: 'MSR (register)',
    section: 'C6.2.200',
    pattern: '1101010100 0 1 o0:1 op1:3 CRn:4 CRm:4 op2:3 Rt:5',
    syntax: 'msr <sysregWritten>, <Xt>',
    direct: (fields) => accessOf('write', fields),
    semantics: (t, { Rt, ...fields }) => {
      const register = directAt(fields);
      if (register === undefined) return t.undefined();
      const mask = WRITABLE[register];
      t.setSystem(register, mask === undefined ? t.x(Rt) : i64.and(t.x(Rt), i64.const(mask)));
      if (register === 'DAIF') t.attend();
    },
    system: (cpu, fields) => cpu.writeSystemRegister(encodingOf(2 + fields.o0, fields), fields.Rt),
  }),
  row({
    name: 'MRS',
    section: 'C6.2.198',
    pattern: '1101010100 1 1 o0:1 op1:3 CRn:4 CRm:4 op2:3 Rt:5',
    syntax: 'mrs <Xt>, <sysreg>',
    direct: (fields) => accessOf('read', fields),
    semantics: (t, { Rt, ...fields }) => {
      const register = directAt(fields);
      if (register === undefined) t.undefined();
      else t.setX(Rt, t.system(register));
    },
    system: (cpu, fields) => cpu.readSystemRegister(encodingOf(2 + fields.o0, fields), fields.Rt),
  }),
  systemRow({
    name: 'SYS',
    section: 'C6.2.372',
    pattern: '1101010100 0 01 op1:3 CRn:4 CRm:4 op2:3 Rt:5',
    syntax: '<sysInstruction>; sys #<op1>, C<CRn>, C<CRm>, #<op2> if Rt=31; sys #<op1>, C<CRn>, C<CRm>, #<op2>, <Xt>',
    allocated: ({ op1, CRn, CRm, op2 }) =>
      CRn !== 7 || op2 !== 1 || !BY_ADDRESS.some(([o, c]) => o === op1 && c === CRm),
    system: (cpu, fields) => cpu.system(encodingOf(1, fields), fields.Rt, false),
  }),
  systemRow({
    name: 'SYSL',
    section: 'C6.2.373',
    pattern: '1101010100 1 01 op1:3 CRn:4 CRm:4 op2:3 Rt:5',
    syntax: 'sysl <Xt>, #<op1>, C<CRn>, C<CRm>, #<op2>',
    system: (cpu, fields) => cpu.system(encodingOf(1, fields), fields.Rt, true),
  }),
  maintenance('DC IVAC', 'C5.3', '000', '0110'),
  maintenance('DC ZVA', 'C5.3', '011', '0100'),
  maintenance('IC IVAU', 'C5.3', '011', '0101'),
  maintenance('DC CVAC', 'C5.3', '011', '1010'),
  maintenance('DC CVAU', 'C5.3', '011', '1011'),
  maintenance('DC CIVAC', 'C5.3', '011', '1110'),
];
