/** The tool's text has one byte a character; the file system's and the terminal's is Unicode. */

export const toByteString = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

export const fromByteString = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');
