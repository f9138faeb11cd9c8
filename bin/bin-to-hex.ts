/** The `bin-to-hex` command: bytes on stdin become a TypeScript module on stdout. */
import { KexecError } from '../kexec/base/error.js';
import { binToHex } from '../util/bin-to-hex.js';

const HELP = `Usage: bin-to-hex NAME < object > file.ts
Writes a TypeScript module that exports the bytes of standard input as the Uint8Array NAME.
`;

/** Far more than any object that belongs into a source file; standard input may be endless. */
const MAX_BYTES = 16 << 20;

const readInput = async (): Promise<Uint8Array> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw KexecError.die(`bin-to-hex: more than ${MAX_BYTES} bytes on standard input`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

/** What goes to standard output. @throws KexecError when the command line or the input is not usable */
const run = async (args: readonly string[]): Promise<string> => {
  const [name, ...others] = args;
  if (name === '--help' || name === '-h') return HELP;
  if (name === undefined) throw KexecError.die('bin-to-hex: NAME is missing; see bin-to-hex --help');
  if (others.length > 0) throw KexecError.die('bin-to-hex: only one NAME, please; see bin-to-hex --help');
  if (process.stdin.isTTY) throw KexecError.die('bin-to-hex: standard input is a terminal; see bin-to-hex --help');
  return binToHex(name, await readInput());
};

const textOf = (error: unknown): string => {
  if (error instanceof KexecError) return error.text;
  return `bin-to-hex: ${error instanceof Error ? error.message : String(error)}\n`;
};

const fail = (error: unknown): void => {
  process.exitCode = 1;
  // Input that nobody will read must not keep the process alive.
  process.stdin.destroy();
  process.stderr.write(textOf(error));
};

process.stdout.on('error', fail);
try {
  process.stdout.write(await run(process.argv.slice(2)));
} catch (error) {
  fail(error);
}
