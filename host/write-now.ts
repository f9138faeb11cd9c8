/** Output that is written before the program goes on. */
import { writeSync } from 'node:fs';

/**
 * Writes text, one byte a character; it has left when this returns. A pipe that is full is waited for.
 * @throws Node's errors
 */
export const writeNow = (fd: number, text: string): void => {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
};
