/** Changes of device trees that are handed from place to place as bytes (kexec/dt-ops.c). */
import { KexecError } from '../base/error.js';
import { cells64, stringValue } from './fdt-values.js';
import { Fdt, type FdtError, isFdtError, tagAlign } from './libfdt.js';
import { pathOffset } from './libfdt-ro.js';
import { addSubnode, delProp, openInto, pack, setProp } from './libfdt-rw.js';
import type { Log } from '../base/log.js';
import { s64 } from '../base/u64.js';

/** A device tree as it was read or made (`struct dtb`, kexec/arch/arm64/kexec-arm64.c). */
export interface Dtb {
  /** May be longer than the tree: what is behind it goes along until the tree is changed. */
  readonly bytes: Uint8Array;
  /** What messages call it: dtb_sys, dtb_proc or dtb_user. */
  readonly name: string;
}

const CHOSEN = 'chosen';
const BOOTARGS = 'bootargs';
const INITRD_START = 'linux,initrd-start';
const INITRD_END = 'linux,initrd-end';

/** Bytes that a new, empty node takes (fdt_node_len(), kexec/libfdt/libfdt.h). */
const nodeLength = (name: string): number => 4 + tagAlign(name.length + 1) + 4;

/** Bytes that a new property takes when its name is new, too (fdt_prop_len(), kexec/libfdt/libfdt.h). */
export const propertyLength = (name: string, length: number): number => name.length + 1 + 12 + tagAlign(length);

/**
 * Sets a property of a child of the root; the child is added if need be. The tree is copied and packed.
 *
 * QUIRK-22: the value is made a multiple of four bytes long, with zeros: /chosen/bootargs has up to four bytes of zero
 * at its end, and its length tells so (dtb_set_property(), kexec/dt-ops.c).
 *
 * QUIRK-23: where the node cannot be looked for, because the structure is broken, the original answers that all went
 * well, and the tree stays as it was.
 * @returns the new tree, or the error that has been written to the debug log
 * @throws KexecError when the tree is damaged
 */
export const dtbSetProperty = (
  dtb: Dtb,
  node: string,
  property: string,
  value: Uint8Array,
  log: Log,
): Uint8Array | FdtError => {
  const failed = (call: string, error: FdtError): FdtError => {
    log.dbg(`dtb_set_property: ${call} failed: ${error}\n`);
    return error;
  };
  const padded = new Uint8Array(tagAlign(value.length));
  padded.set(value);
  const room = nodeLength(node) + propertyLength(property, padded.length);
  const fdt = openInto(new Fdt(dtb.bytes, dtb.name), tagAlign(dtb.bytes.length + room));
  if (isFdtError(fdt)) return failed('fdt_open_into', fdt);

  let nodeOffset = pathOffset(fdt, `/${node}`);
  if (nodeOffset === 'FDT_ERR_NOTFOUND') {
    nodeOffset = addSubnode(fdt, 0, node);
    if (isFdtError(nodeOffset)) return failed('fdt_add_subnode', nodeOffset);
  } else if (isFdtError(nodeOffset)) {
    failed('fdt_path_offset', nodeOffset);
    return dtb.bytes;
  }

  const notSet = setProp(fdt, nodeOffset, property, padded);
  if (notSet !== undefined) return failed('fdt_setprop', notSet);
  const notPacked = pack(fdt);
  if (notPacked !== undefined) log.dbg(`dtb_set_property: Unable to pack device tree: ${notPacked}\n`);
  return fdt.trimmed();
};

/** Removes a property of a child of the root, in place (dtb_delete_property()). @throws KexecError */
const deleteProperty = (fdt: Fdt, node: string, property: string, log: Log): void => {
  const nodeOffset = pathOffset(fdt, `/${node}`);
  if (isFdtError(nodeOffset)) {
    log.dbg(`dtb_delete_property: fdt_path_offset failed: ${nodeOffset}\n`);
    return;
  }
  if (delProp(fdt, nodeOffset, property) !== undefined) {
    // QUIRK-24: the original gives fdt_strerror() the node's offset instead of the error (dtb_delete_property()).
    log.dbg('dtb_delete_property: fdt_delprop failed: <valid offset/length>\n');
  }
};

/**
 * Sets /chosen/bootargs (dtb_set_bootargs()).
 * @param commandLine one byte per character
 * @returns the new tree, or the error that has been written to the debug log
 * @throws KexecError when the tree is damaged
 */
export const dtbSetBootargs = (dtb: Dtb, commandLine: string, log: Log): Uint8Array | FdtError =>
  dtbSetProperty(dtb, CHOSEN, BOOTARGS, stringValue(commandLine), log);

/**
 * Tells the new kernel where its initrd is (dtb_set_initrd()).
 * @param start physical address
 * @param end physical address, exclusive
 * @param name what messages call the tree
 * @returns the new tree
 * @throws KexecError without a text, since the original tells of a failure only in the debug log
 */
export const dtbSetInitrd = (bytes: Uint8Array, start: bigint, end: bigint, log: Log, name = 'dtb'): Uint8Array => {
  const first = s64(start);
  const behind = s64(end);
  const size = s64(behind - first);
  log.dbg(`dtb_set_initrd: start ${first}, end ${behind}, size ${size} (${size / 1024n} KiB)\n`);

  const failed = (error: FdtError): KexecError =>
    KexecError.failed(`${name}: cannot set the initrd's addresses: ${error}`, { subject: name, text: '' });
  const withStart = dtbSetProperty({ bytes, name }, CHOSEN, INITRD_START, cells64(start), log);
  if (isFdtError(withStart)) throw failed(withStart);
  const withBoth = dtbSetProperty({ bytes: withStart, name }, CHOSEN, INITRD_END, cells64(end), log);
  if (isFdtError(withBoth)) {
    deleteProperty(new Fdt(withStart.slice(), name), CHOSEN, INITRD_START, log);
    throw failed(withBoth);
  }
  return withBoth;
};

/**
 * Removes the addresses of an initrd, if there are any. The tree is not packed: it stays as long as it was, and what
 * became free is between the strings and the end (dtb_clear_initrd()).
 * @returns a changed copy
 * @throws KexecError when the tree is damaged; other failures are told of in the debug log only
 */
export const dtbClearInitrd = (bytes: Uint8Array, log: Log, name = 'dtb'): Uint8Array => {
  const fdt = new Fdt(bytes.slice(), name);
  deleteProperty(fdt, CHOSEN, INITRD_START, log);
  deleteProperty(fdt, CHOSEN, INITRD_END, log);
  return fdt.bytes;
};
