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
export const stringValue = (text: string): Uint8Array => {
  // By index: command lines may have megabytes, and a string's iterator makes a string of each character.
  const bytes = new Uint8Array(text.length + 1);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
};
