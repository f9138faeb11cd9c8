/** Fuzz targets: core files with logs of every form. */
import { compatFor } from '../../kexec/base/compat.js';
import { KexecError } from '../../kexec/base/error.js';
import { coreOf as inspectedCore } from '../../sim/commands/inspect/open-core.js';
import { runInspection } from '../../sim/kernel/inspect/commands.js';
import { Inspector } from '../../sim/kernel/inspect/inspector.js';
import { KernelView } from '../../sim/kernel/inspect/kernel-view.js';
import { MemoryView } from '../../sim/kernel/inspect/memory-view.js';
import { vmcoreDmesg } from '../../vmcore-dmesg/vmcore-dmesg.js';
import { characterLog, coreOf, recordLog, ringbufferLog } from '../support/files/core-builder.js';
import { ARM64_CORE } from '../support/files/elf-builder.js';
import { memorySystem } from '../support/files/memory-system.js';
import type { FuzzTarget } from './fuzz-target.js';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

const NARROW = { ...ARM64_CORE, wide: false, littleEndian: false };
const TEXTS = ['one', 'two\nlines', '', '\x01\xff', 'x'.repeat(100)].map((text) => ({ text }));

/** A broken log of records may repeat itself for gigabytes. */
const ENOUGH = 2 ** 20;

/** Commands of an inspection that read what a core file leads to. */
const COMMANDS = ['reg', 'bt', 'log', 'pt', 'vtop ffff800008010000', 'rd ffff800008010000 4', 'search 1', 'ptov 1000'];

export const targets: readonly FuzzTarget[] = [
  {
    name: 'inspected-core',
    seeds: () => [coreOf(ringbufferLog(TEXTS, { kind: ARM64_CORE, countBits: 3, sizeBits: 8 }))],
    run: (input) => {
      const { machine, kernels, texts } = inspectedCore('core', input.length, (offset, length) =>
        input.slice(offset, offset + length),
      );
      const [processor] = machine.processors;
      if (processor === undefined) return;
      const view = new MemoryView(machine, processor);
      const [kernel] = kernels.flatMap((place) => KernelView.at(view, place) ?? []);
      const inspector = new Inspector(view, kernel, () => ({ text: '' }), texts);
      for (const command of COMMANDS) {
        let lines = 0;
        try {
          for (const line of runInspection(inspector, command)) if ((lines += line.length) > ENOUGH) break;
        } catch (error) {
          if (!(error instanceof KexecError)) throw error;
        }
      }
    },
  },
  {
    name: 'vmcore',
    seeds: () =>
      [ARM64_CORE, NARROW].flatMap((kind) => [
        coreOf(characterLog(ascii('<6>one\n<4>two\n'), { kind, end: 20 })),
        coreOf(recordLog(TEXTS, { kind, size: 256 })),
        coreOf(ringbufferLog(TEXTS, { kind, countBits: 3, sizeBits: 8 })),
      ]),
    run: (input) => {
      for (const release of ['2.0.20', '2.0.32'] as const) {
        let length = 0;
        try {
          for (const text of vmcoreDmesg(memorySystem({ vmcore: input }), 'vmcore', { compat: compatFor(release) })) {
            length += text.length;
            if (length > ENOUGH) break;
          }
        } catch (error) {
          if (!(error instanceof KexecError)) throw error;
        }
      }
    },
  },
];
