/** What may differ between a console of ours and QEMU's, each with its reason: the shorter, the better. */

export interface KnownDifference {
  /** The part of a line that is not compared; a line of which nothing is left is not compared at all. */
  readonly part: RegExp;
  readonly reason: string;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    part: /^pci 0000:00:00\.0: \[1b36:0008\] type 00 class 0x060000.*$/,
    reason: 'the bus of our board is empty: it has not even the host bridge that QEMU shows there',
  },
  {
    part: /(?<=^Memory: )\d+(?=K\/)|(?<=^Memory: .* )\d+(?=K reserved)/g,
    reason: "QEMU's tree takes 1 MiB, ours what it needs",
  },
  {
    part: /^ {2}(?:482|bf.)[0-9a-f]{5}-[0-9a-f]{8} : reserved$|(?<=NODE_DATA.*\[mem 0xbf)[-0-9a-fx]*(?=\]$)/,
    reason:
      "QEMU's tree has more nodes (flash, a bus for the platform), and the memory behind it is given out elsewhere",
  },
  {
    part: /(?<=^kvm \[1\]: IPA Size Limit: )4[48] bits$/,
    reason: 'our processor has 48 bits of physical addresses, where a Cortex-A57 has 44',
  },
  {
    part: /^ITS: No ITS available, not enabling LPIs$/,
    reason: 'redistributors of QEMU have LPIs even where nothing sends them; ours have none',
  },
  {
    part: /(?<=^audit: type=2000 audit\()\d+\.\d+(?=:1\))/,
    reason: 'a time, which is printed again in the line',
  },
  {
    part: /(?<=^node 0 deferred pages initialised in )\d+(?=ms$)/,
    reason: 'a measured time',
  },
  {
    part: / *\d+(?= MB\/s(?:ec)?\b)/,
    reason: 'a measured speed',
  },
];
