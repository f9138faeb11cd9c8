import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { silentLog } from '../../../../../kexec/base/log.js';
import { Vmcoreinfo, scanVmcoreinfo } from '../../../../../kexec/running-kernel/vmcoreinfo.js';
import { crashFacts } from '../../../../../sim/kernel/panic/crash-facts.js';
import {
  type LogRecord,
  type PrintkLayout,
  printkLayout,
  printkMemory,
} from '../../../../../sim/kernel/panic/printk-memory.js';
import { recordedMachine } from '../../../../../sim/kernel/recorded-system.js';
import { vmcoreDmesg } from '../../../../../vmcore-dmesg/vmcore-dmesg.js';
import { coreOf } from '../../../../support/files/core-builder.js';
import { ARM64_CORE } from '../../../../support/files/elf-builder.js';
import { memorySystem } from '../../../../support/files/memory-system.js';
import { useTempDir } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();

/** What the kernel of a recorded machine tells of itself. */
const vmcoreinfoOf = (machine: string): Vmcoreinfo => {
  const { vmcoreinfo } = crashFacts(recordedMachine({ machine, state: temp.make('state'), env: {} }));
  const values = new Map<string, string>();
  scanVmcoreinfo(vmcoreinfo!, values, silentLog);
  return new Vmcoreinfo(values);
};

const layoutOf = (vmcoreinfo: Vmcoreinfo): PrintkLayout => {
  const layout = printkLayout(vmcoreinfo);
  if ('missing' in layout) throw new Error(layout.missing);
  return layout;
};

const RING = 0xffff_8000_0900_0000n;
const PLACES = { descs: 0xffff_8000_0a00_0000n, infos: 0xffff_8000_0b00_0000n, text: 0xffff_8000_0c00_0000n };
const TEXT_BYTES = 1 << 17;

/** What vmcore-dmesg reads of the log. */
const dmesg = (vmcoreinfo: Vmcoreinfo, records: readonly LogRecord[]): string => {
  const { ring, descs, infos, text } = printkMemory(layoutOf(vmcoreinfo), PLACES, records);
  const pointer = new Uint8Array(8);
  new DataView(pointer.buffer).setBigUint64(0, RING, true);
  const whole = new Uint8Array(TEXT_BYTES);
  whole.set(text);
  const core = coreOf({
    kind: ARM64_CORE,
    info: Object.fromEntries(vmcoreinfo.values),
    segments: (
      [
        [vmcoreinfo.symbol('prb')!, pointer],
        [RING, ring],
        [PLACES.descs, descs],
        [PLACES.infos, infos],
        [PLACES.text, whole],
      ] as const
    ).map(([vaddr, data]) => ({ type: 1, vaddr, data })),
  });
  return [...vmcoreDmesg(memorySystem({ core }), 'core')].join('');
};

const records = (lines: readonly string[]): readonly LogRecord[] =>
  lines.map((text, i) => ({ level: 6, nanoseconds: BigInt(i) * 1_500_000n, text }));

const shown = (lines: readonly string[], first = 0): string =>
  lines.map((text, i) => `[    0.${String((first + i) * 1500).padStart(6, '0')}] ${text}\n`).join('');

describe('the ring buffer of printk', () => {
  const machines = ['virt-2g', 'virt-8g', 'virt-el2-4g', 'virt-file-2g'] as const;

  test.each(machines)('as the kernel of %s tells of it, is read by vmcore-dmesg', (machine) => {
    const lines = ['Booting Linux', 'x', '', 'seven..', 'eight...', 'Bye!'];
    expect(dmesg(vmcoreinfoOf(machine), records(lines))).toBe(shown(lines));
  });

  test('holds whatever is put in', () => {
    const vmcoreinfo = vmcoreinfoOf('virt-2g');
    const lines = fc.array(fc.stringMatching(/^[ -[\]-~]{0,80}$/), { minLength: 1, maxLength: 40 });
    fc.assert(fc.property(lines, (texts) => expect(dmesg(vmcoreinfo, records(texts))).toBe(shown(texts))));
  });

  test('loses the oldest where there are too many', () => {
    const lines = Array.from({ length: 660 }, (_, i) => `line ${i} `.padEnd(240, '.'));
    const log = dmesg(vmcoreinfoOf('virt-2g'), records(lines));
    const count = log.trimEnd().split('\n').length;
    expect(count).toBe(Math.floor((TEXT_BYTES - 1) / 248));
    const first = lines.length - count;
    expect(log.endsWith(shown(lines.slice(-1), lines.length - 1).slice(-250))).toBe(true);
    expect(log.startsWith(shown(lines.slice(first, first + 1), first).slice(0, 20))).toBe(true);
  });

  test.each([
    ['SIZE(prb_desc)', undefined],
    ['OFFSET(printk_info.text_len)', undefined],
    ['OFFSET(printk_info.text_len)', '88'],
    ['OFFSET(prb_data_ring.data)', '9999999999'],
    ['SIZE(printk_info)', '0'],
  ])('is not made up where %s is %s', (key, value) => {
    const values = new Map(vmcoreinfoOf('virt-2g').values);
    if (value === undefined) values.delete(key);
    else values.set(key, value);
    expect(printkLayout(new Vmcoreinfo(values))).toEqual({ missing: key });
  });
});
