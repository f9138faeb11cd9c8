/** The device trees of libfdt's own tests, given by --dtb. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { getProp } from '../../../kexec/device-tree/libfdt-ro.js';
import { Fdt, isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { command } from '../case.js';
import type { Case } from '../case.js';
import { libfdtTrees } from '../formats/trees.js';

const LOADS = [
  '-d -l t/Image',
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

/**
 * Strings that the header places behind the end of the file: with a changed command line, its libfdt passes what is
 * there in the heap to the new kernel.
 */
const PASSES_HEAP_ON = /^libfdt-.*unfinished_tree/;

/** Its names are 256 MiB behind the end of the file; other loads end before they are looked at. */
const NAMES_NOWHERE = 'libfdt-ovf_size_strings.dtb';

/** A reserve map that is cut off; where nothing else is amiss, the entries behind it are listed as well. */
const MAP_WITHOUT_END = 'libfdt-truncated_memrsv.dtb';

const unforeseeable = (stream: 'stderr' | 'everything', why: string): Partial<Case> => ({
  unforeseeable: { stream, releases: ['2.0.32'], why },
});

const optionsOf = (name: string, bytes: Uint8Array, load: string): Partial<Case> => {
  const keepsCommandLine = !/--append|--reuse-cmdline/.test(load);
  if (PASSES_HEAP_ON.test(name) && !keepsCommandLine) {
    return unforeseeable('everything', 'the new tree has what is behind the old one in its memory');
  }
  if (name === MAP_WITHOUT_END && keepsCommandLine) {
    return unforeseeable('stderr', 'it lists what is behind the tree in its memory as reserved');
  }
  if (name === NAMES_NOWHERE && keepsCommandLine)
    return { realCrashes: 'names that are far behind the end of the file' };
  const crashes = load.includes(' -p ') && name !== ENDS_BEFORE && hasCellsOfNothing(new Fdt(bytes, name));
  return crashes ? { realCrashes: 'cells for addresses or sizes that are none' } : {};
};

export const deviceTrees: readonly Case[] = [...libfdtTrees()].flatMap(([name, bytes]) =>
  LOADS.map((load) =>
    command('virt-el2-4g', `${load} --dtb t/${name}`, { releases: ['2.0.32'], ...optionsOf(name, bytes, load) }),
  ),
);
