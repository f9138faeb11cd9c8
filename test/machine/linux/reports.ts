/** What is kept and told of two consoles that are compared. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { cacheDirectory } from '../../support/cache.js';
import { say } from '../../support/run-main.js';
import type { Difference } from './consoles.js';

/** More lines say nothing new. */
const MOST_DIFFERENCES = 24;

export type Texts = Readonly<Record<'qemu' | 'ours', string>>;

/** @param folder of the cache */
export const keepTexts = (folder: string, name: string, texts: Texts): void => {
  for (const [who, text] of Object.entries(texts)) {
    fs.writeFileSync(path.join(cacheDirectory(folder), `${name}.${who}.txt`), text, 'latin1');
  }
};

export const tellDifferences = (folder: string, name: string, differences: readonly Difference[]): void => {
  for (const { who, number, line } of differences.slice(0, MOST_DIFFERENCES)) say(`    ${who} ${number}: ${line}`);
  const more = differences.length - MOST_DIFFERENCES;
  if (more > 0) say(`    and ${more} more; see .cache/${folder}/${name}.*.txt`);
};
