/** What a machine's device tree says of its board (Devicetree Specification 0.4). */

/** The value of a node's property; undefined where there is no such node or property. The node is told by its path. */
export type PropertyReader = (path: string, property: string) => Uint8Array | undefined;

/** Where QEMU's board `virt` has its first UART. */
export const DEFAULT_UART = 0x900_0000n;

/** Cells in an address where the parent does not tell (Devicetree Specification 2.3.5). */
const DEFAULT_ADDRESS_CELLS = 2;

const text = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '' : new TextDecoder('latin1').decode(bytes).split('\0', 1)[0]!;

const strings = (bytes: Uint8Array | undefined): readonly string[] =>
  bytes === undefined ? [] : new TextDecoder('latin1').decode(bytes).split('\0');

/** The big-endian number in the first `cells` 32-bit cells; undefined where there are fewer. */
const number = (bytes: Uint8Array | undefined, cells: number): bigint | undefined => {
  if (bytes === undefined || bytes.length < 4 * cells) return undefined;
  return bytes.subarray(0, 4 * cells).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
};

/** The path that /chosen/stdout-path means: without what is behind the colon, and an alias replaced (3.6). */
const stdoutPath = (read: PropertyReader): string => {
  const name = text(read('/chosen', 'stdout-path')).split(':', 1)[0]!;
  return name.startsWith('/') || name === '' ? name : text(read('/aliases', name));
};

/**
 * Physical address of the PL011 that the machine's console is. Addresses on its bus are taken for physical ones.
 * @returns {@link DEFAULT_UART} where the tree names none
 */
export const consoleUart = (read: PropertyReader): bigint => {
  const path = stdoutPath(read);
  if (!strings(read(path, 'compatible')).includes('arm,pl011')) return DEFAULT_UART;
  const parent = path.slice(0, path.lastIndexOf('/')) || '/';
  const cells = Number(number(read(parent, '#address-cells'), 1) ?? DEFAULT_ADDRESS_CELLS);
  return number(read(path, 'reg'), cells) ?? DEFAULT_UART;
};

/**
 * The exception level that the machine's kernel was started at. Firmware that is called by HVC lies at EL2, and so the
 * kernel below it; where it is called by SMC, EL2 is the kernel's (devicetree/bindings/arm/psci.yaml of Linux: method).
 */
export const bootLevel = (read: PropertyReader): 1 | 2 => (text(read('/psci', 'method')) === 'smc' ? 2 : 1);

/** Version of the interrupt controller, which QEMU's board `virt` has at one place in each version. */
export const gicVersion = (read: PropertyReader): 2 | 3 =>
  strings(read('/intc@8000000', 'compatible')).includes('arm,gic-v3') ? 3 : 2;
