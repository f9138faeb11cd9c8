/** Makes a command tell when it begins to change files and when it ends. Preloaded into the command. */
import { writeSync } from 'node:fs';
import { wrapChanges } from './changes.js';
import { BEGINS, ENDS, TELL_FD } from './told.js';

let begun = false;

wrapChanges((step) => {
  if (!begun) writeSync(TELL_FD, BEGINS);
  begun = true;
  return step();
});

process.on('exit', () => {
  if (begun) writeSync(TELL_FD, ENDS);
});
