import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ChunkWriter, readChunk } from '../../../../../sim/kernel/trace/chunk.js';
import { MachineError } from '../../../../../sim/machine/error.js';

const address = fc.bigInt(0n, 2n ** 64n - 1n);
const word = fc.option(fc.integer({ min: 0, max: 0xffff_ffff }), { nil: undefined });
const size = fc.constantFrom(1, 2, 4, 8, 16);
const access = { physAddr: fc.bigInt(0n, 2n ** 48n - 1n), sizeBytes: size, isWrite: fc.boolean() };

const detail = fc.oneof(
  fc.record({ kind: fc.constantFrom('branch', 'return'), to: address }),
  fc.record({
    kind: fc.constant('exception'),
    to: address,
    target: fc.constantFrom(0, 1, 2),
    vector: fc.constantFrom('synchronous', 'irq', 'fiq', 'serror'),
    esr: fc.bigInt(0n, 2n ** 32n - 1n),
    far: fc.option(address, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('register'),
    name: fc.constantFrom('SCTLR_EL1', 'TLBI VMALLE1', 'DAIF'),
    access: fc.constantFrom('read', 'write', 'operation'),
    value: address,
  }),
  fc.record({ kind: fc.constant('device'), ...access, value: address }),
  fc.record({ kind: fc.constant('memory'), virtAddr: address, ...access, value: fc.bigInt(0n, 2n ** 128n - 1n) }),
);

const events = fc.array(
  fc.tuple(
    fc.record({
      processor: fc.integer({ min: 0, max: 7 }),
      pc: fc.oneof(address, fc.constantFrom(0x4020_0000n, 0x4020_0004n)),
      word,
      more: fc.bigInt(0n, 2n ** 40n),
    }),
    detail,
  ),
);

test('what is written is read, whatever it is', () => {
  fc.assert(
    fc.property(events, (parts) => {
      const writer = new ChunkWriter();
      let instructions = 0n;
      const written = parts.map(([{ more, ...base }, what]) => {
        instructions += more;
        return { ...base, instructions, ...what };
      });
      for (const event of written) writer.add(event);
      expect([...readChunk(writer.bytes)]).toEqual(written);
      expect(writer.events).toBe(written.length);
    }),
  );
});

test('there is room for any event until it is full', () => {
  const writer = new ChunkWriter();
  const base = { processor: 7, instructions: 2n ** 53n, word: 0xffff_ffff, sizeBytes: 16, isWrite: true } as const;
  const all = 2n ** 64n - 1n;
  let pc = 0n;
  for (; !writer.isFull; pc = all ^ pc ^ 4n)
    writer.add({ ...base, kind: 'memory', pc, virtAddr: pc ^ all, physAddr: 2n ** 48n - 1n, value: 2n ** 128n - 1n });
  expect(writer.bytes.length).toBeLessThan(1 << 16);
  expect([...readChunk(writer.bytes)]).toHaveLength(writer.events);
});

test('bytes that are no events end by one error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        for (const event of readChunk(bytes)) expect(event.kind).toBeDefined();
      } catch (error) {
        expect(error).toBeInstanceOf(MachineError);
      }
    }),
  );
});
