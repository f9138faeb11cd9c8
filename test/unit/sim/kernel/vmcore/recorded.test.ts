import { describe, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { KexecError } from '../../../../../kexec/base/error.js';
import { dumpOf } from '../../../../../sim/kernel/vmcore/dump.js';
import { DATA } from '../../../../machine/vmcore/cases.js';
import { recordedMemory } from '../../../../machine/vmcore/recorded-memory.js';

const RECORDED = readdirSync(DATA).filter((name) => name.endsWith('.memory.json.gz'));

describe("the dump of a real kernel's memory", () => {
  test.each(RECORDED)('has the headers, notes and size of the real /proc/vmcore: %s', (name) => {
    const { memory, head, size } = recordedMemory(join(DATA, name));
    const dump = dumpOf({ memory, refuse: (why) => KexecError.die(why) });
    expect(Buffer.concat([dump.headers, dump.notes]).equals(head)).toBe(true);
    expect(dump.sizeBytes).toBe(size);
    expect(dump.captureKernel).toMatchObject({ found: true, pageSize: 4096n });
    expect(name).toContain(`cpus${dump.processors}`);
  });
});
