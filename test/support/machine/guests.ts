/** The guests of test/data/guests, executed as `kexec -e` would, from their first instruction on. */
import { readFileSync } from 'node:fs';
import { Range } from '../../../kexec/base/range.js';
import { createCpus } from '../../../sim/cpu/cpu.js';
import { describeEsr } from '../../../sim/cpu/system/esr.js';
import { execute } from '../../../sim/kernel/execution/execute.js';
import { lookAtSegments } from '../../../sim/kernel/execution/loaded-kernel.js';
import { deadlineIn } from '../../../sim/kernel/machine/processors.js';
import { PLAIN_BOARD } from '../files/fdt-support.js';
import { smallTree } from '../files/kernel-files.js';

const IMAGES = JSON.parse(readFileSync('test/data/guests/guests.json', 'utf8')) as Readonly<Record<string, string>>;

/** Those that are executed alone; the others are booted on a whole machine. */
export const GUESTS = Object.keys(IMAGES).filter((name) => !name.startsWith('boot_'));

/** The bytes of a guest's Image. */
export const guestImage = (name: string): Uint8Array => Uint8Array.from(Buffer.from(IMAGES[name] ?? '', 'hex'));

const RAM = Range.sized(0x4000_0000n, 0x8000_0000n);
const ENTRY = RAM.start;
const TREE = 0x4200_0000n;

export interface GuestRun {
  readonly exitCode: number;
  /** All that is told of its end: without the rules, which come first. */
  readonly err: string;
  readonly elapsedMs: number;
}

/** @param interrupted whether the user wants an end */
export const runGuest = async (
  name: string,
  timeoutMs: number,
  interrupted: () => boolean = () => false,
): Promise<GuestRun> => {
  const data = guestImage(name);
  const tree = smallTree({ bootargs: 'console=ttyAMA0' });
  const kernel = lookAtSegments(ENTRY, [
    { memory: Range.sized(ENTRY, BigInt(data.length)), data },
    { memory: Range.sized(TREE, BigInt(tree.length)), data: tree },
  ]);
  const start = performance.now();
  let err = '';
  const { exitCode } = await execute({
    facts: {
      ram: [RAM],
      uart: 0x900_0000n,
      sinks: [],
      bootEl: 1,
      elIsKnown: true,
      uefi: new Map(),
      gic: 2,
      board: PLAIN_BOARD,
      quirks: [],
    },
    kernel,
    purgatory: new Uint8Array(),
    createCpus,
    prepare: (memory, cpu) => {
      memory.write(ENTRY, data);
      memory.write(TREE, tree);
      cpu.setX(0, TREE);
      cpu.setEl(1);
      cpu.pc = ENTRY;
      // The old kernel's vectors, where nobody can fetch them any more.
      cpu.setSystemRegister('VBAR_EL1', 0xffff_8000_0801_0000n);
      return { symbolAt: () => undefined };
    },
    describeEsr,
    until: 'halt',
    bounds: { maxInstructions: undefined, deadline: deadlineIn(timeoutMs), interrupted },
    console: () => {},
    out: () => {},
    err: (text) => void (err += text),
    step: undefined,
  });
  const told = err.replace(/^(?:The new kernel|ok |WRONG ).*\n/gm, '');
  return { exitCode, err: told, elapsedMs: performance.now() - start };
};
