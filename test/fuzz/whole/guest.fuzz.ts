/** Fuzz targets: guests, that is random programs with exceptions, page tables and devices. */
import { INSTRUCTIONS } from '../../../sim/cpu/isa/index.js';
import { type Pattern, parsePattern } from '../../../sim/cpu/language/pattern.js';
import { attemptAsync } from '../../../kexec/base/attempt.js';
import { restoreMachine, saveMachine } from '../../../sim/kernel/machine/saved-machine.js';
import { MachineError } from '../../../sim/machine/error.js';
import { type SavedGuest, openMachine } from '../../support/machine/saved-guest.js';
import type { AsyncFuzzTarget } from '../fuzz-target.js';

const CODE = 0x4020_0000n;
const VECTORS = 0x4021_0000n;
const TABLES = 0x4022_0000n;
const PAGE = 4096n;
const MOST_INSTRUCTIONS = 3000n;
const WORD = 4;

/** Where a guest may do what others cannot: these come more often than their share of the table. */
const SYSTEM_PATTERNS = INSTRUCTIONS.filter(({ name }) =>
  /^(?:MSR|MRS|SYS|ERET|SVC|HVC|SMC|BRK|DC|IC|AT|TLBI|WFI|WFE|ISB|DSB)/.test(name),
).map(({ pattern }) => parsePattern(pattern));
const PATTERNS = INSTRUCTIONS.map(({ pattern }) => parsePattern(pattern));

const like = ({ mask, value }: Pattern, random: number): number => ((random & ~mask) | value) >>> 0;

/** A word near a row of the table, near one of the system's, or any. */
const wordOf = (bytes: DataView, at: number): number => {
  const random = bytes.getUint32(at, true);
  const choice = bytes.getUint16(at + WORD, true);
  if (choice % 8 === 0) return random;
  const patterns = choice % 8 < 4 ? SYSTEM_PATTERNS : PATTERNS;
  return like(patterns[(choice >>> 3) % patterns.length]!, random);
};

const STEP = 6;

/** The registers that make a guest more than a stopped one, from the input's first bytes. */
const prepare = ({ whole }: SavedGuest, header: DataView): void => {
  const [cpu] = whole.cpus;
  const flags = header.getUint8(0);
  cpu.setEl(1);
  cpu.pc = CODE;
  cpu.sp = CODE + 0x1_0000n;
  // Addresses of RAM, of devices and of nothing.
  const addresses = [CODE, TABLES, 0x900_0000n, 0x800_0000n, 0xa00_0000n, 0n, -1n, VECTORS];
  for (let i = 0; i < 31; i++)
    cpu.setX(i, BigInt.asUintN(64, addresses[(i + flags) % addresses.length]! + BigInt(i & 8)));
  cpu.setSystemRegister('VBAR_EL1', (flags & 1) === 0 ? VECTORS : 0x1000n);
  cpu.setSystemRegister('TTBR0_EL1', (flags & 2) === 0 ? TABLES : BigInt(header.getUint32(1, true)) * PAGE);
  cpu.setSystemRegister('TCR_EL1', 0x2_0080_3510n + BigInt(flags & 0x3c));
  if ((flags & 4) !== 0) cpu.setSystemRegister('SCTLR_EL1', 0x30d0_1805n);
};

/** An identity map of 1 GiB blocks, some of whose bits are the input's; and tables that lead to themselves. */
const writeTables = ({ whole: { board } }: SavedGuest, header: DataView): void => {
  const twist = BigInt(header.getUint32(5, true));
  for (let i = 0n; i < 4n; i++)
    board.memory.write64(TABLES + 8n * i, (i << 30n) | 0x701n | ((twist >> (8n * i)) & 0x3n));
  board.memory.write64(TABLES + 32n, TABLES | 3n);
};

const HEADER = 16;

let guest: { readonly machine: SavedGuest; readonly initial: unknown } | undefined;

/** One for all inputs: each takes 4 GiB of addresses. */
const theGuest = () => {
  if (guest === undefined) {
    const machine = openMachine(4);
    guest = { machine, initial: saveMachine(machine.whole) };
  }
  return guest;
};

export const targets: readonly AsyncFuzzTarget[] = [
  {
    name: 'guest',
    seeds: () => {
      // Before memory is measured.
      theGuest();
      return [0, 1, 2, 5, 7].map((flags) =>
        Uint8Array.from({ length: 600 }, (_, i) => (i === 0 ? flags : (i * i * 31 + flags * 7) & 0xff)),
      );
    },
    run: async (input) => {
      const bytes = new Uint8Array(Math.max(input.length, HEADER));
      bytes.set(input);
      const view = new DataView(bytes.buffer);
      const { machine, initial } = theGuest();
      const { board, cpus, processors } = machine.whole;
      restoreMachine(machine.whole, initial);
      board.memory.clear(CODE, 0x4_0000);
      writeTables(machine, view);
      for (let at = HEADER, n = 0n; at + STEP <= bytes.length && n < 0x4000n; at += STEP, n++) {
        const word = Uint8Array.of(0, 0, 0, 0);
        new DataView(word.buffer).setUint32(0, wordOf(view, at), true);
        board.memory.write(CODE + 4n * n, word);
        // The vectors hold the same program from other places on.
        if (n < 0x200n) board.memory.write(VECTORS + 4n * n, word);
      }
      prepare(machine, view);
      for (const cpu of cpus) cpu.invalidate();
      await attemptAsync(MachineError, () =>
        processors.run(() => ({}), {
          maxInstructions: processors.instructions + MOST_INSTRUCTIONS,
          deadline: Infinity,
          interrupted: () => false,
        }),
      );
    },
  },
];
