/** /proc/kallsyms: the addresses of symbols of the running kernel. */

/** The address of a symbol of the running kernel; undefined when it is not told, or hidden as 0. */
export const kernelSymbol = (kallsyms: string, name: string): bigint | undefined => {
  const match = new RegExp(`^([0-9a-f]{1,16}) [A-Za-z] ${name}$`, 'm').exec(kallsyms);
  const address = match === null ? 0n : BigInt(`0x${match[1]}`);
  return address === 0n ? undefined : address;
};
