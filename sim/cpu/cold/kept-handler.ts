/** Handlers as bytes, from which a later run has them back. */

import type { ByteReader } from '../wasm/reader.js';
import type { ByteWriter } from '../wasm/writer.js';

/** A handler, and which one it is. */
export interface KeptHandler {
  /** The key of the context; see {@link KeyedContext}. */
  readonly context: string;
  /** Its row, and the bits that its words have in common. */
  readonly shape: string;
  /** See {@link Handler}. */
  readonly ends: boolean;
  readonly body: Uint8Array;
}

/** Writes handlers as {@link readHandlers} reads them. */
export const writeHandlers = (writer: ByteWriter, handlers: readonly KeptHandler[]): void => {
  writer.u32(handlers.length);
  for (const { context, shape, ends, body } of handlers) {
    writer.name(context);
    writer.name(shape);
    writer.u32(ends ? 1 : 0);
    writer.u32(body.length);
    writer.append(body);
  }
};

/** @throws RangeError for bytes that are cut off */
export const readHandlers = (reader: ByteReader): readonly KeptHandler[] =>
  reader.list(() => {
    const [context, shape, ends] = [reader.name(), reader.name(), reader.u32() !== 0];
    return { context, shape, ends, body: reader.bytes(reader.u32()) };
  });
