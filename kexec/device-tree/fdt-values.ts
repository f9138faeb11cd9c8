/** Values as device trees hold them (Devicetree Specification, section 2.2.4). */

/** Big-endian 32-bit numbers. */
export const cells32 = (...numbers: readonly number[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(numbers.length * 4));
  numbers.forEach((number, i) => view.setUint32(i * 4, number));
  return new Uint8Array(view.buffer);
};

/** Big-endian 64-bit numbers. */
export const cells64 = (...numbers: readonly bigint[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(numbers.length * 8));
  numbers.forEach((number, i) => view.setBigUint64(i * 8, number));
  return new Uint8Array(view.buffer);
};

/** A string of one byte per character, and the NUL that ends it. */
export const stringValue = (text: string): Uint8Array =>
  Uint8Array.from(`${text}\0`, (char) => char.charCodeAt(0) & 0xff);
