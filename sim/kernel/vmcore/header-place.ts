/** Where a capture kernel looks for the header of the dump: its device tree tells that, and its command line can. */
import type { ToldByTree } from '../../machine/board-tree/told-by-tree.js';
import { memparse, parametersOf } from '../command-line/parameters.js';
import { isAtLeast } from '../facts/generations.js';

export interface HeaderPlace {
  /** Physical address. */
  readonly start: bigint;
  /** What is kept for it, which Linux reads no other way; undefined where nothing tells. */
  readonly sizeBytes: bigint | undefined;
  /** Who tells, for messages. */
  readonly from: string;
}

export type HeaderTold = Pick<ToldByTree, 'elfcorehdr' | 'bootargs'>;

const PARAMETER = 'elfcorehdr';

/**
 * Up to Linux 5.14 arm64 reads the property behind the command line (reserve_elfcorehdr(), arch/arm64/mm/init.c), which
 * is overwritten; since 5.15 before it (early_init_dt_check_for_elfcorehdr(), drivers/of/fdt.c, by way of
 * setup_machine_fdt(), which comes before parse_early_param() in setup_arch()).
 */
const COMMAND_LINE_COUNTS = { major: 5, minor: 15 } as const;

/**
 * @param banner of the capture kernel; is asked for only where it matters. One that tells nothing is taken for newer.
 * @returns undefined where nobody tells: there is no /proc/vmcore then
 */
export const headerPlace = (
  { elfcorehdr, bootargs }: HeaderTold,
  banner: () => string | undefined,
): HeaderPlace | undefined => {
  const byTree = elfcorehdr && { start: elfcorehdr.start, sizeBytes: elfcorehdr.size, from: 'linux,elfcorehdr' };
  const byLine = parameterIn(bootargs ?? '', elfcorehdr?.size);
  if (byLine === undefined || byTree === undefined) return byLine ?? byTree;
  const known = banner();
  const { major, minor } = COMMAND_LINE_COUNTS;
  return known === undefined || isAtLeast(known, major, minor) ? byLine : byTree;
};

/**
 * setup_elfcorehdr(), kernel/crash_dump.c (kernel/elfcorehdr.c since 6.9): `[SIZE@]ADDRESS`, each with a unit. What is
 * no number is 0, which Linux calls malformed and uses all the same.
 */
const parameterIn = (line: string, sizeOfTree: bigint | undefined): HeaderPlace | undefined => {
  let place: HeaderPlace | undefined;
  for (const { name, value } of parametersOf(line)) {
    if (name !== PARAMETER || value === undefined) continue;
    const first = numberAt(value);
    const at = first.rest.startsWith('@') ? numberAt(first.rest.slice(1)) : undefined;
    place = {
      start: (at ?? first).value,
      sizeBytes: at === undefined ? (place?.sizeBytes ?? sizeOfTree) : first.value,
      from: `${PARAMETER}=${value}`,
    };
  }
  return place;
};

const numberAt = (text: string): { readonly value: bigint; readonly rest: string } =>
  memparse(text) ?? { value: 0n, rest: text };
