/** The device trees of libfdt's own tests, given by --dtb. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { getProp } from '../../../kexec/device-tree/libfdt-ro.js';
import { Fdt, isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { command } from '../case.js';
import type { Case } from '../case.js';
import { libfdtTrees } from '../formats/trees.js';

const LOADS = [
  '-d -l t/Image --reuse-cmdline',
  '-d -l t/Image --append=x --initrd=t/initrd',
  '-d -p t/Image --append=x --initrd=t/initrd',
];

/** The real one divides by the size that such cells give (dtb_add_range_property(), kexec/dt-ops.c). */
const hasCellsOfNothing = (tree: Fdt): boolean => {
  const cells = ['#address-cells', '#size-cells'].map((name) => {
    const value = attempt(KexecError, () => getProp(tree, 0, name));
    return value instanceof KexecError ? 'FDT_ERR_TRUNCATED' : value;
  });
  return (
    cells.every((value) => !isFdtError(value)) && cells.some((value) => !isFdtError(value) && !value.some(Boolean))
  );
};

/** Ends before that, for want of room in the tree. */
const ENDS_BEFORE = 'libfdt-v16.tms_tree1.dtb';

/** Names behind the end of the file, or a reserve map without an end in it: its libfdt reads on, in the heap. */
const READS_BEHIND = /^libfdt-(?:.*unfinished_tree|truncated_memrsv)/;

const optionsOf = (name: string, bytes: Uint8Array, load: string): Partial<Case> => {
  if (READS_BEHIND.test(name)) {
    const why = 'it reads what is behind the tree in its memory';
    return { unforeseeable: { stream: 'everything', releases: ['2.0.32'], why } };
  }
  const crashes = load.includes(' -p ') && name !== ENDS_BEFORE && hasCellsOfNothing(new Fdt(bytes, name));
  return crashes ? { realCrashes: 'cells for addresses or sizes that are none' } : {};
};

export const deviceTrees: readonly Case[] = [...libfdtTrees()].flatMap(([name, bytes]) =>
  LOADS.map((load) =>
    command('virt-el2-4g', `${load} --dtb t/${name}`, { releases: ['2.0.32'], ...optionsOf(name, bytes, load) }),
  ),
);
