/** A processor's registers as gdb knows them: general, floating point, and those of the system. */
import type { Feature } from '../../gdb/target.js';
import type { CpuModel } from '../../cpu/state/model.js';
import { isReachable, SYSTEM_REGISTERS, unmodelledOf } from '../../cpu/system/registers/index.js';

/** A register, and how it is read and written. */
interface Register {
  readonly name: string;
  readonly bits: 32 | 64 | 128;
  readonly type: string;
  readonly read: (cpu: CpuModel) => bigint;
  /** @returns why it cannot be written */
  readonly write: (cpu: CpuModel, value: bigint) => string | undefined;
}

const X = Array.from({ length: 31 }, (_, n) => n);
const V = Array.from({ length: 32 }, (_, n) => n);

/** Fields of PSTATE, as SPSR_ELx has them. */
const NZCV = 28n;
const DAIF = 6n;
const LEVEL = 2n;
const WRITABLE = (0xfn << NZCV) | (0xfn << DAIF);

const readPstate = (cpu: CpuModel): bigint =>
  (BigInt(cpu.nzcv) << NZCV) | (BigInt(cpu.daif) << DAIF) | (BigInt(cpu.el) << LEVEL) | cpu.getSystemRegister('SPSel');

const writePstate = (cpu: CpuModel, value: bigint): string | undefined => {
  if ((value & ~WRITABLE) !== (readPstate(cpu) & ~WRITABLE)) return 'only flags and masks can be written';
  cpu.nzcv = Number((value >> NZCV) & 0xfn);
  cpu.daif = Number((value >> DAIF) & 0xfn);
  return undefined;
};

/** A register that nothing forbids to be written. */
const freely =
  (set: (cpu: CpuModel, value: bigint) => void): Register['write'] =>
  (cpu, value) => {
    set(cpu, value);
    return undefined;
  };

const CORE: readonly Register[] = [
  ...X.map((n): Register => ({
    name: `x${n}`,
    bits: 64,
    type: 'int',
    read: (cpu) => cpu.getX(n),
    write: freely((cpu, value) => cpu.setX(n, value)),
  })),
  {
    name: 'sp',
    bits: 64,
    type: 'data_ptr',
    read: ({ sp }) => sp,
    write: freely((cpu, value) => void (cpu.sp = value)),
  },
  {
    name: 'pc',
    bits: 64,
    type: 'code_ptr',
    read: ({ pc }) => pc,
    write: freely((cpu, value) => void (cpu.pc = value)),
  },
  { name: 'cpsr', bits: 32, type: 'int', read: readPstate, write: writePstate },
];

/** One of the system's, whoever may access it. */
const systemRegister = (name: string, bits: 32 | 64, isWritable: boolean, as = name): Register => ({
  name: as,
  bits,
  type: 'int',
  read: (cpu) => cpu.getSystemRegister(name),
  write: (cpu, value) => {
    if (!isWritable) return `${name} can only be read`;
    const missing = unmodelledOf(name, value);
    if (missing !== undefined) return `there is no model of ${missing}`;
    cpu.setSystemRegister(name, value);
    return undefined;
  },
});

const FLOAT: readonly Register[] = [
  ...V.map((n): Register => ({
    name: `v${n}`,
    bits: 128,
    type: 'aarch64v',
    read: (cpu) => cpu.getV(n),
    write: freely((cpu, value) => cpu.setV(n, value)),
  })),
  systemRegister('FPSR', 32, true, 'fpsr'),
  systemRegister('FPCR', 32, true, 'fpcr'),
];

/** All that the model has, and software at the highest exception level could read. */
const systemRegisters = (highestEl: 1 | 2): readonly Register[] =>
  SYSTEM_REGISTERS.filter(
    (row) =>
      row.absent === undefined &&
      row.ofInterruptController !== true &&
      isReachable(row, true, highestEl, highestEl) &&
      !['FPCR', 'FPSR'].includes(row.name),
  ).map((row) => systemRegister(row.name, 64, isReachable(row, false, highestEl, highestEl)));

/** The ways in which gdb shows a vector. */
const lanes: readonly (readonly [
  id: string,
  parts: readonly (readonly [field: string, type: string, count: number])[],
])[] = [
  [
    'd',
    [
      ['f', 'ieee_double', 2],
      ['u', 'uint64', 2],
      ['s', 'int64', 2],
    ],
  ],
  [
    's',
    [
      ['f', 'ieee_single', 4],
      ['u', 'uint32', 4],
      ['s', 'int32', 4],
    ],
  ],
  [
    'h',
    [
      ['u', 'uint16', 8],
      ['s', 'int16', 8],
    ],
  ],
  [
    'b',
    [
      ['u', 'uint8', 16],
      ['s', 'int8', 16],
    ],
  ],
  [
    'q',
    [
      ['u', 'uint128', 1],
      ['s', 'int128', 1],
    ],
  ],
];

const VECTOR_TYPES = [
  ...lanes.flatMap(([id, parts]) =>
    parts.map(([field, type, count]) => `<vector id="v${id}${field}" type="${type}" count="${count}"/>`),
  ),
  ...lanes.map(
    ([id, parts]) =>
      `<union id="v${id}">${parts.map(([field]) => `<field name="${field}" type="v${id}${field}"/>`).join('')}</union>`,
  ),
  `<union id="aarch64v">${lanes.map(([id]) => `<field name="${id}" type="v${id}"/>`).join('')}</union>`,
]
  .map((line) => `    ${line}\n`)
  .join('');

/** The registers of a machine's processors, by gdb's numbers. */
export class GdbRegisters {
  readonly features: readonly Feature[];
  readonly #all: readonly Register[];

  constructor(highestEl: 1 | 2) {
    const system = systemRegisters(highestEl);
    this.#all = [...CORE, ...FLOAT, ...system];
    this.features = [
      { name: 'org.gnu.gdb.aarch64.core', registers: CORE },
      { name: 'org.gnu.gdb.aarch64.fpu', types: VECTOR_TYPES, registers: FLOAT },
      { name: 'org.qemu.gdb.arm.sys.regs', registers: system.map((one) => ({ ...one, group: 'system' as const })) },
    ];
  }

  read(cpu: CpuModel, register: number): bigint | undefined {
    return this.#all[register]?.read(cpu);
  }

  /** @returns why it cannot be written */
  write(cpu: CpuModel, register: number, value: bigint): string | undefined {
    const found = this.#all[register];
    return found === undefined ? 'there is no such register' : found.write(cpu, value);
  }
}
