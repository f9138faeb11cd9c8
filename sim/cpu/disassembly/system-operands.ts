/** Operands of system instructions: registers, maintenance, hints, barriers and prefetches. */

import type { Fields } from '../language/pattern.js';
import { type Named, named } from './named.js';
import { SYSTEM_INSTRUCTION_NAMES } from './system-instruction-names.js';
import { SYSTEM_REGISTER_NAMES } from './system-register-names.js';

/** Names by their numbers, divided by blanks, the last one being op2. They are read when the first one is asked for. */
const namesIn = (text: string, numbers: number): (() => ReadonlyMap<string, string>) => {
  const read = (): ReadonlyMap<string, string> => {
    const lines = text
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    return new Map(
      lines.flatMap((words) =>
        words
          .slice(numbers)
          .flatMap((name, op2): [string, string][] =>
            name === '-' ? [] : [[[...words.slice(0, numbers), op2].join(' '), name]],
          ),
      ),
    );
  };
  let names: ReadonlyMap<string, string> | undefined;
  return () => (names ??= read());
};

const registerNames = namesIn(SYSTEM_REGISTER_NAMES, 4);
const instructionNames = namesIn(SYSTEM_INSTRUCTION_NAMES, 3);

type Register = Fields<'o0' | 'op1' | 'CRn' | 'CRm' | 'op2'>;

const registerName = ({ o0, op1, CRn, CRm, op2 }: Register): string =>
  registerNames().get(`${2 + o0} ${op1} ${CRn} ${CRm} ${op2}`) ?? `s${2 + o0}_${op1}_c${CRn}_c${CRm}_${op2}`;

/** The only register that has another name when it is written. */
const writtenName = (fields: Register): string => {
  const name = registerName(fields);
  return name === 'dbgdtrrx_el0' ? 'dbgdtrtx_el0' : name;
};

const HINTS: Readonly<Record<number, string>> = {
  ...{ 0: 'nop', 7: 'xpaclri', 8: 'pacia1716', 10: 'pacib1716', 12: 'autia1716', 14: 'autib1716', 16: 'esb' },
  ...{ 17: 'psb csync', 18: 'tsb csync', 20: 'csdb', 22: 'clearbhb', 24: 'paciaz', 25: 'paciasp', 26: 'pacibz' },
  ...{ 27: 'pacibsp', 28: 'autiaz', 29: 'autiasp', 30: 'autibz', 31: 'autibsp' },
  ...{ 32: 'bti', 34: 'bti c', 36: 'bti j', 38: 'bti jc' },
};

const DOMAINS = ['osh', 'nsh', 'ish', 'sy'] as const;

/** Without the domain's name where all of the system is meant. */
const barrier = (CRm: number): string => {
  const [domain, types] = [CRm >> 2, CRm & 3];
  if (types === 0) return `#0x${CRm.toString(16).padStart(2, '0')}`;
  const suffix = ['', 'ld', 'st', ''][types] ?? '';
  return domain === 3 && suffix !== '' ? suffix : `${DOMAINS[domain]}${suffix}`;
};

const PREFETCHES = ['pld', 'pli', 'pst'] as const;

const prefetch = (Rt: number): string => {
  const [type, level] = [PREFETCHES[Rt >> 3], (Rt >> 1) & 3];
  if (type === undefined || level === 3) return `#0x${Rt.toString(16).padStart(2, '0')}`;
  return `${type}l${level + 1}${(Rt & 1) === 1 ? 'strm' : 'keep'}`;
};

export const SYSTEM_OPERANDS: Readonly<Record<string, Named<string | undefined>>> = {
  sysreg: named('o0 op1 CRn CRm op2', registerName),
  sysregWritten: named('o0 op1 CRn CRm op2', writtenName),
  sysInstruction: named('op1 CRn CRm op2 Rt', ({ op1, CRn, CRm, op2, Rt }) => {
    const name = instructionNames().get(`${op1} ${CRn} ${CRm} ${op2}`)?.replace(':', ' ');
    if (name === undefined || name.endsWith('!')) return name?.slice(0, -1);
    return `${name}, ${Rt === 31 ? 'xzr' : `x${Rt}`}`;
  }),
  hint: named('CRm op2', ({ CRm, op2 }) => HINTS[CRm * 8 + op2]),
  barrier: named('CRm', ({ CRm }) => barrier(CRm)),
  prfop: named('Rt', ({ Rt }) => prefetch(Rt)),
};
