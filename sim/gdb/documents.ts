/** The documents that gdb reads: what registers, memory and threads there are, in XML. */
import type { Feature, GdbTarget, RegisterDescription } from './target.js';

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const register = ({ name, bits, type, group }: RegisterDescription): string =>
  `    <reg name="${escapeXml(name)}" bitsize="${bits}" type="${type}"${group === undefined ? '' : ` group="${group}"`}/>\n`;

const feature = ({ name, types = '', registers }: Feature): string =>
  `  <feature name="${name}">\n${types}${registers.map(register).join('')}  </feature>\n`;

/** GDB manual, appendix G. */
export const targetDescription = ({ architecture, features }: GdbTarget): string =>
  '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n<target version="1.0">\n' +
  `  <architecture>${architecture}</architecture>\n${features.map(feature).join('')}</target>\n`;

const LAST = (1n << 64n) - 1n;

/**
 * What gdb may access: all of it, since its addresses are virtual ones, and every one may lead to RAM. The stretches
 * are those of the physical addresses, RAM and what is between it.
 */
export const memoryMap = ({ ram }: GdbTarget): string => {
  const bounds = [...new Set([0n, ...ram.flatMap(({ start, end }) => [start, end])])].sort((a, b) => (a < b ? -1 : 1));
  const rows = bounds.map((start, i) => {
    const last = (bounds[i + 1] ?? LAST + 1n) - 1n;
    return `  <memory type="ram" start="0x${start.toString(16)}" length="0x${(last - start + 1n).toString(16)}"/>\n`;
  });
  return (
    '<?xml version="1.0"?>\n<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" ' +
    `"http://sourceware.org/gdb/gdb-memory-map.dtd">\n<memory-map>\n${rows.join('')}</memory-map>\n`
  );
};

export const threadList = ({ threads }: GdbTarget): string =>
  `<?xml version="1.0"?>\n<threads>\n${threads
    .map(
      ({ name, state }, i) =>
        `  <thread id="${(i + 1).toString(16)}" core="${i}" name="${escapeXml(name)}">${escapeXml(state)}</thread>\n`,
    )
    .join('')}</threads>\n`;
