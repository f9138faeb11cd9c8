/** Events of a trace, a line each. */
import { visible } from '../../../kexec/base/format.js';
import type { TraceEvent } from './events.js';
import type { TraceHead } from './trace-file.js';

/** How words and syndromes are said. */
export interface Wording {
  readonly disassemble: (word: number, address: bigint) => string;
  readonly describeEsr: (esr: bigint, far?: bigint) => string;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** `0 12345  0x40200010 (purgatory+0x10)  bl 0x40200400 -> 0x40200400 (sha256_process)`. */
export const formatEvent = (event: TraceEvent, head: TraceHead, wording: Wording): string => {
  const { processor, instructions, pc, word } = event;
  const instruction = word === undefined ? '' : `  ${inOneColumn(wording.disassemble(word, pc))}`;
  return `${processor} ${instructions}  ${place(pc, head)}${instruction}  ${details(event, head, wording)}`;
};

/** Without the columns of objdump. */
const inOneColumn = (text: string): string => text.replace(/ *\t\/\//, ' //').replaceAll('\t', ' ');

const place = (address: bigint, { names }: TraceHead): string => {
  const name = names.get(address);
  return name === undefined ? hex(address) : `${hex(address)} (${visible(name)})`;
};

const details = (event: TraceEvent, head: TraceHead, { describeEsr }: Wording): string => {
  switch (event.kind) {
    case 'branch':
    case 'return':
      return `-> ${place(event.to, head)}`;
    case 'exception': {
      const { vector, target, esr, far } = event;
      const what = vector === 'synchronous' ? describeEsr(esr, far) : vector.toUpperCase();
      return `=> EL${target} ${place(event.to, head)}: ${what}`;
    }
    case 'register': {
      const sign = { read: 'is', write: '=', operation: 'of' }[event.access];
      return `${event.name} ${sign} ${hex(event.value)}`;
    }
    case 'device':
      return `${accessed(event)} ${deviceAt(event.physAddr, head)} ${event.isWrite ? '=' : 'is'} ${hex(event.value)}`;
    case 'memory': {
      const where = event.virtAddr === event.physAddr ? '' : ` at ${hex(event.virtAddr)}`;
      return `${accessed(event)} ${hex(event.physAddr)}${where} ${event.isWrite ? '=' : 'is'} ${hex(event.value)}`;
    }
  }
};

const accessed = ({ isWrite, sizeBytes }: { readonly isWrite: boolean; readonly sizeBytes: number }): string =>
  `${isWrite ? 'write' : 'read'} ${8 * sizeBytes} bits:`;

const deviceAt = (physAddr: bigint, { devices }: TraceHead): string => {
  const device = devices.find(({ start, end }) => physAddr >= start && physAddr < end);
  return device === undefined ? hex(physAddr) : `${visible(device.name)}+${hex(physAddr - device.start)}`;
};

/** The same, for scripts: addresses are hexadecimal. */
export const eventToJson = (event: TraceEvent, { names }: TraceHead, { disassemble }: Wording): unknown => {
  const { word, pc, ...rest } = event;
  const name = names.get(pc);
  return {
    ...Object.fromEntries(
      Object.entries(rest).flatMap(([key, value]: readonly [string, unknown]) =>
        value === undefined
          ? []
          : [[key, typeof value !== 'bigint' ? value : key === 'instructions' ? Number(value) : hex(value)]],
      ),
    ),
    pc: hex(pc),
    ...(name === undefined ? {} : { name }),
    ...(word === undefined ? {} : { word: hex(BigInt(word)), instruction: inOneColumn(disassemble(word, pc)) }),
  };
};
