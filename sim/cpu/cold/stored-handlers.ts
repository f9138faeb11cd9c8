/** Handlers of earlier runs, by what they are for. */

import type { Functions } from '../emit/functions.js';
import type { KeptHandler } from './kept-handler.js';

/** A handler that is in the table of functions. */
export interface AddedHandler {
  readonly ends: boolean;
  readonly index: number;
}

export class StoredHandlers {
  /** Whether their bodies were functions at all. */
  readonly isValid: boolean;
  readonly #handlers = new Map<string, AddedHandler>();

  /** All of them are one module; where that is none, there are no handlers. */
  constructor(handlers: readonly KeptHandler[], functions: Pick<Functions, 'addIfValid'>) {
    const indexes = functions.addIfValid(
      'handler',
      handlers.map(({ body }) => body),
    );
    this.isValid = indexes !== undefined;
    indexes?.forEach((index, i) => {
      const { context, shape, ends } = handlers[i]!;
      this.#handlers.set(nameOf(context, shape), { ends, index });
    });
  }

  find(context: string, shape: string): AddedHandler | undefined {
    return this.#handlers.get(nameOf(context, shape));
  }
}

const nameOf = (context: string, shape: string): string => `${context}\n${shape}`;
