/**
 * What a kernel asks of the interrupt controller and of the UART, in order: a line for each access, and what it sends
 * as the lines that the console shows, so that the accesses on two machines are compared as their consoles are.
 */
import type { KnownDifference } from './known-differences.js';

/**
 * The interrupt controller's distributor, redistributors and interface (in registers, or in system registers); the
 * UART.
 */
export type Block = 'GICD' | 'GICR' | 'GICC' | 'ICC' | 'UART';

export interface Access {
  readonly block: Block;
  readonly kind: 'read' | 'write';
  /** The register: its offset, or its name. */
  readonly register: string;
  readonly value: bigint;
}

/** What may differ beside what the consoles may. */
export const KNOWN_ACCESSES: readonly KnownDifference[] = [
  {
    part: /^(?:GICC read 0xc|GICC write 0x10|ICC read IAR1|ICC write EOIR1): 0x(?:1b|1e|3ff)$/,
    reason: 'the timer interrupts by time, and each of its interrupts is acknowledged and ended',
  },
  {
    part: /(?<=^GICD read 0x4: 0x37)[8a](?=0007$)|(?<=^GICR read 0x8: 0x100001)[01]$|(?<=^GICR read 0x0: 0x)[02]$/,
    reason:
      'a GICv3 of QEMU has LPIs even where nothing sends them, and redistributors that say when those are off; ours not',
  },
];

/** The last line of the console that is the kernel's alone. */
const INIT = /Run \/init as init process$/;

/** The UART's data register, and how a line begins that tells of its flags. */
const [DATA, ASKS] = ['0x0', 'UART read 0x18:'];

/**
 * What is asked of the UART around a line that it sends is told where it is other than around the line before: a
 * message that only one of the machines has is one line more.
 * @returns lines up to the one that tells of init @throws Error when none does
 */
export const linesOfAccesses = (accesses: Iterable<Access>): string => {
  const lines: string[] = [];
  let sent = '';
  let [around, before]: [string[], string] = [[], ''];
  for (const { block, kind, register, value } of accesses) {
    if (block === 'UART' && kind === 'write' && register === DATA) {
      // It was asked whether it has room.
      if (around.at(-1)?.startsWith(ASKS) === true) around.pop();
      sent += String.fromCharCode(Number(value & 0xffn));
      if (!sent.endsWith('\n')) continue;
      if (around.join() !== before) lines.push(...around);
      [around, before] = [[], around.join()];
      lines.push(sent.trimEnd());
      sent = '';
      if (INIT.test(lines.at(-1)!)) return lines.join('\n');
    } else (block === 'UART' ? around : lines).push(`${block} ${kind} ${register}: 0x${value.toString(16)}`);
  }
  throw new Error(`the accesses end before init is started, with ${lines.length} lines`);
};
