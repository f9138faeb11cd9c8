/** Fuzz targets: traces, as files and piece by piece. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { describeEsr } from '../../../sim/cpu/system/esr.js';
import { ChunkWriter, readChunk } from '../../../sim/kernel/trace/chunk.js';
import type { TraceEvent } from '../../../sim/kernel/trace/events.js';
import { formatEvent } from '../../../sim/kernel/trace/format-trace.js';
import { type TraceHead, readTrace, writeTrace } from '../../../sim/kernel/trace/trace-file.js';
import { MachineError } from '../../../sim/machine/error.js';
import type { FuzzTarget } from '../fuzz-target.js';

const refuse = (why: string): KexecError => KexecError.die(`file ${why}`);

const HEAD: TraceHead = {
  ...{ what: 'devices,registers', events: 4, dropped: 1 },
  devices: [{ name: 'PL011', start: 0x900_0000n, end: 0x900_1000n }],
  names: new Map([[0x4020_0000n, 'purgatory+0x0']]),
};

const chunk = (): Uint8Array => {
  const writer = new ChunkWriter();
  const base = { processor: 1, instructions: 5n, pc: 0x4020_0000n, word: 0xd503_201f };
  const access = { physAddr: 0x900_0018n, sizeBytes: 4, isWrite: true, value: 7n };
  writer.add({ ...base, kind: 'branch', to: 0x4020_0100n });
  writer.add({ ...base, kind: 'exception', to: 0n, target: 1, vector: 'synchronous', esr: 0x5600_0000n, far: 3n });
  writer.add({ ...base, kind: 'register', name: 'SCTLR_EL1', access: 'write', value: 0x30d0_0800n });
  writer.add({ ...base, kind: 'device', ...access });
  writer.add({ ...base, kind: 'memory', virtAddr: 0xffff_8000_0000_0000n, ...access });
  return writer.bytes;
};

/** As `kexec-sim trace` prints them. @throws KexecError */
const print = (events: () => Iterable<TraceEvent>, head: TraceHead): void => {
  const wording = { describeEsr, disassemble: String };
  const result = attempt(MachineError, () => {
    for (const event of events()) formatEvent(event, head, wording);
  });
  if (result instanceof MachineError) throw refuse(result.message);
};

export const targets: readonly FuzzTarget[] = [
  {
    name: 'trace-file',
    seeds: () => {
      const pieces: Uint8Array[] = [];
      writeTrace(HEAD, [chunk(), chunk()], (bytes) => pieces.push(bytes.slice()));
      return [Buffer.concat(pieces)];
    },
    run: (input) => {
      const trace = readTrace(input, refuse);
      print(() => trace.all(), trace);
    },
  },
  { name: 'trace-events', seeds: () => [chunk()], run: (input) => print(() => readChunk(input), HEAD) },
];
