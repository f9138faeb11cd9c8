/**
 * Starts a command, or says why it cannot: what must be said by a Node that is too old is written so that it
 * understands.
 */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { URL } from 'node:url';

/** The oldest release that the package runs on, as `engines` of package.json has it. */
const [MAJOR, MINOR] = [20, 19];

/** Whether a release of Node, such as "18.20.4", is too old. */
export const isTooOld = (version) => {
  const [major, minor] = version.split('.').map(Number);
  return major < MAJOR || (major === MAJOR && minor < MINOR);
};

/** @param name the command's, which its file in dist/commands/ has */
export const launch = (name) => {
  const { node } = process.versions;
  if (isTooOld(node)) return refuse(name, `Node ${node} is too old: it takes ${MAJOR}.${MINOR} or later`);
  const file = new URL(`../dist/commands/${name}.js`, import.meta.url);
  return existsSync(file) ? import(file.href) : refuse(name, 'it is not built yet: make build does that');
};

const refuse = (name, reason) => {
  process.stderr.write(`${name}: ${reason}\n`);
  process.exitCode = 1;
};
