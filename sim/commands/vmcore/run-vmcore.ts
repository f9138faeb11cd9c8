/** `kexec-sim vmcore`: a dump of a machine that boot, resume or panic has saved. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { withSave } from '../../kernel/saving/open-save.js';
import { checkReplaceable } from '../../kernel/saving/replace-file.js';
import { readSession } from '../../kernel/saving/saved-session.js';
import { dumpOf } from '../../kernel/vmcore/dump.js';
import { MachineError } from '../../machine/error.js';
import { PhysicalMemory } from '../../machine/memory.js';
import type { SubcommandContext } from '../common/context.js';
import { formatJson } from '../common/text.js';
import { reportOn, writeDump } from './write-dump.js';

export interface VmcoreArguments {
  readonly out: string;
  readonly from: string;
  readonly elfcorehdr: string | undefined;
  readonly compress: boolean;
  readonly json: boolean;
}

/** @throws KexecError where there can be no dump of the machine, or it cannot be written */
export const runVmcore = async (
  { out, from, elfcorehdr, compress, json }: VmcoreArguments,
  context: SubcommandContext,
): Promise<void> => {
  const address = elfcorehdr === undefined ? undefined : parseAddress(elfcorehdr);
  checkReplaceable(out);
  const refuse = (why: string): KexecError =>
    KexecError.die(`Cannot make a vmcore of ${from}: ${why}`, { subject: from });
  const memory = attempt(MachineError, () => memoryOf(from));
  if (memory instanceof MachineError) throw refuse(memory.reason);
  const dump = dumpOf({ memory, elfcorehdr: address, refuse });
  const written = await writeDump(dump, out, compress ? 'kdump-compressed' : 'elf', context.progress);
  const { text, values } = reportOn(written);
  context.out(json ? formatJson(values) : text);
};

/** The RAM of a saved machine. @throws KexecError, MachineError */
const memoryOf = (file: string): PhysicalMemory =>
  withSave(file, ({ description, tree, pieces }) => {
    const memory = new PhysicalMemory(readSession(description, tree).setup.ram);
    for (const { kind, address, bytes } of pieces) if (kind === 'ram') memory.write(address, bytes);
    return memory;
  });

const parseAddress = (text: string): bigint => {
  if (/^0x[0-9a-f]{1,16}$/i.test(text)) return BigInt(text);
  throw KexecError.die(`--elfcorehdr: "${text}" is not an address such as 0x7fe00000`, { subject: text });
};
