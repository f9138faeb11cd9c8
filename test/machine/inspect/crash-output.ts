/** What crash was asked, what it printed, and how that compares with ours. */

/** Commands whose output has the same shape, of Debian's 6.1 kernel without KASLR. */
export const CRASH_COMMANDS: readonly string[] = [
  'sym panic',
  'sym ffff800008010804',
  'rd -64 ffff800008e68880 6',
  'rd -64 panic 3',
  'rd -32 ffff800008e68880 5',
  'rd -16 ffff800008e68880 5',
  'rd -8 ffff800008e68880 20',
  'rd -p 40200000 4',
  'dis panic 6',
  'dis -r ffff800008010804',
  'vtop ffff800008010000',
  'vtop ffff80000937b000',
  'vtop ffff000001000000',
  'vtop ffff000002000000',
  'vtop ffff800000000000',
  'ptov 40200000',
  'ptov 48000000',
];

/**
 * What of an answer is compared: not spaces at the ends of lines, nor what only crash knows, by types and source lines
 * (struct page, behind vtop; files, behind sym), nor what only we say, the kind of memory and the tables' name.
 */
export const comparable = (command: string, lines: readonly string[]): readonly string[] => {
  const trimmed = lines.map((line) => line.trimEnd());
  const kept = command.startsWith('sym')
    ? trimmed.map((line) => line.replace(/^(\S+ \(.\) \S+) .*$/, '$1'))
    : trimmed.filter((line) => !/^(?:fffffc\S+ |\s+PAGE\s+PHYSICAL|\S.*; TTBR|TTBR)/.test(line));
  while (kept.at(-1) === '') kept.pop();
  return kept;
};

/** What was recorded of crash, and of the machine that it looked at. */
export interface CrashRecord {
  readonly commands: readonly { readonly command: string; readonly lines: readonly string[] }[];
  /** Where the kernel's Image is, its size, and what its addresses are above physical ones: in hexadecimal digits. */
  readonly kernel: { readonly start: string; readonly sizeBytes: string; readonly offset: string };
  readonly symbols: readonly { readonly name: string; readonly type?: string; readonly offset: number }[];
  readonly registers: Readonly<Record<string, string>>;
  /** Pages of memory in Base64, by their physical addresses in hexadecimal digits. */
  readonly pages: Readonly<Record<string, string>>;
}
