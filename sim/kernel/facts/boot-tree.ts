/** What the device tree that a kernel was started with tells of the boot. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { getProp, pathOffset } from '../../../kexec/device-tree/libfdt-ro.js';
import { Fdt, isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { Range } from '../../../kexec/base/range.js';

/**
 * The initrd that a device tree tells of, in /chosen: Linux' Documentation/devicetree/bindings/chosen.txt, one or two
 * cells, the end exclusive.
 * @returns undefined when it tells of none
 */
export const initrdOf = (bytes: Uint8Array): Range | undefined => {
  // A tree that is cut off says nothing of an initrd.
  const initrd = attempt(KexecError, () => {
    const tree = new Fdt(bytes, 'dtb');
    const chosen = pathOffset(tree, '/chosen');
    if (isFdtError(chosen)) return undefined;
    const [start, end] = ['linux,initrd-start', 'linux,initrd-end'].map((name) => {
      const value = getProp(tree, chosen, name);
      return isFdtError(value) ? undefined : value.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    });
    return start === undefined || end === undefined || end <= start ? undefined : Range.between(start, end);
  });
  return initrd instanceof KexecError ? undefined : initrd;
};
