/** Starts a command, or says that Node is too old for it; written so that an old one understands it. */
import process from 'node:process';

/** The oldest release that the package runs on, as `engines` of package.json has it. */
const [MAJOR, MINOR] = [20, 19];

/** Whether a release of Node, such as "18.20.4", is too old. */
export const isTooOld = (version) => {
  const [major, minor] = version.split('.').map(Number);
  return major < MAJOR || (major === MAJOR && minor < MINOR);
};

/** @param name the command's, which its file in dist/commands/ has */
export const launch = (name) => {
  if (!isTooOld(process.versions.node)) return import(`../dist/commands/${name}.js`);
  process.stderr.write(`${name}: Node ${process.versions.node} is too old: it takes ${MAJOR}.${MINOR} or later\n`);
  process.exitCode = 1;
};
