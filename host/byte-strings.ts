/** Between the tool's text, which has one byte a character, and the host's, which is Unicode. */

export const toByteString = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

export const fromByteString = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');
