/** Registers of a list that follow each other, V0 behind V31. */
export const registers = (first: number, count: number, arrangement: string): string => {
  const name = (n: number): string => `v${(first + n) % 32}.${arrangement}`;
  if (count > 2 && first + count <= 32) return `{${name(0)}-${name(count - 1)}}`;
  return `{${Array.from({ length: count }, (_, n) => name(n)).join(', ')}}`;
};
