/** What a boot loader writes into a device tree before it starts a kernel: /chosen (Linux' bindings chosen.txt). */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import type { Range } from '../../../kexec/base/range.js';
import { cells64, stringValue } from '../../../kexec/device-tree/fdt-values.js';
import { Fdt, type FdtError, isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { pathOffset } from '../../../kexec/device-tree/libfdt-ro.js';
import { addSubnode, delProp, openInto, pack, setProp } from '../../../kexec/device-tree/libfdt-rw.js';
import { treeError } from './tree.js';

export interface Chosen {
  /** The command line, one byte a character; undefined to leave what is there. */
  readonly bootargs?: string | undefined;
  /** Where the initrd is; undefined for none, whatever the tree said before. */
  readonly initrd?: Range | undefined;
  /** For the kernel's random numbers; undefined to leave what is there. */
  readonly rngSeed?: Uint8Array | undefined;
  /** For the place of the kernel; 0 for none, undefined to leave what is there. */
  readonly kaslrSeed?: bigint | undefined;
}

/** Of a kernel before: an initrd, and what a crash kernel is told. */
const STALE = ['linux,initrd-start', 'linux,initrd-end', 'linux,elfcorehdr', 'linux,usable-memory-range'];

/** @returns a changed copy of the blob, packed @throws MachineError when it is no tree, or a broken one */
export const setChosen = (blob: Uint8Array, chosen: Chosen): Uint8Array => {
  const properties = new Map<string, Uint8Array>();
  if (chosen.bootargs !== undefined) properties.set('bootargs', stringValue(chosen.bootargs));
  if (chosen.initrd !== undefined) {
    properties.set('linux,initrd-start', cells64(chosen.initrd.start));
    properties.set('linux,initrd-end', cells64(chosen.initrd.end));
  }
  if (chosen.rngSeed !== undefined) properties.set('rng-seed', chosen.rngSeed);
  if (chosen.kaslrSeed !== undefined) properties.set('kaslr-seed', cells64(chosen.kaslrSeed));
  const changed = attempt(KexecError, () => change(new Fdt(blob, 'device tree'), properties));
  if (changed instanceof KexecError) throw treeError('is cut off or damaged');
  return changed;
};

const change = (original: Fdt, properties: ReadonlyMap<string, Uint8Array>): Uint8Array => {
  const room = [...properties].reduce((sum, [name, value]) => sum + name.length + value.length + 32, 64);
  const fdt = sound(openInto(original, original.bytes.length + room));
  const found = pathOffset(fdt, '/chosen');
  const node = sound(found === 'FDT_ERR_NOTFOUND' ? addSubnode(fdt, 0, 'chosen') : found);
  for (const name of STALE) {
    const failed = delProp(fdt, node, name);
    if (failed !== 'FDT_ERR_NOTFOUND') sound(failed);
  }
  for (const [name, value] of properties) sound(setProp(fdt, node, name, value));
  sound(pack(fdt));
  return fdt.trimmed();
};

const sound = <T>(answer: T | FdtError): T => {
  if (isFdtError(answer)) throw treeError(`cannot be changed: ${answer}`);
  return answer;
};
