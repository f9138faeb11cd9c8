/** The list registers of a hypervisor, by which its guest gets interrupts, as both versions of the GIC have them. */

/** As many as QEMU has for each processor. */
export const LIST_REGISTERS = 4;

/** @returns the numbers of the list registers of which something holds, as bits */
export const listsThat = (holds: (list: number) => boolean): number => {
  let which = 0;
  for (let list = 0; list < LIST_REGISTERS; list++) if (holds(list)) which |= 1 << list;
  return which;
};
