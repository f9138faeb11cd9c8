/** Text that several subcommands print: tables, sizes, addresses, JSON, words for a shell. */
import { hex, visible } from '../../../kexec/base/format.js';

/** JSON leaves some characters as they are that would steer a terminal. */
export const formatJson = (value: unknown): string =>
  `${JSON.stringify(value, null, 2).replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, jsonEscape)}\n`;

const jsonEscape = (char: string): string =>
  Array.from({ length: char.length }, (_, i) => `\\u${hex(char.charCodeAt(i)).padStart(4, '0')}`).join('');

export const formatAddress = (address: bigint): string => `0x${hex(address)}`;

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** "1.5 MiB", "12 bytes". */
export const formatSize = (bytes: bigint): string => {
  if (bytes < 1024n) return `${bytes} bytes`;
  let scaled = Number(bytes) / 1024;
  let unit = 0;
  for (; scaled >= 1024 && unit < UNITS.length - 1; unit++) scaled /= 1024;
  return `${scaled.toFixed(1)} ${UNITS[unit]}`;
};

/** Columns as wide as their widest cell; the last one is not padded. Some cells hold what others chose. */
export const formatTable = (cells: readonly (readonly string[])[]): string => {
  const rows = cells.map((row) => row.map(visible));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
};

/** A word for a POSIX shell. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
