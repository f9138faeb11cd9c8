/** A machine for tests of gdb's protocol: two processors with three registers, and 64 KiB of RAM at 0x1000. */
import type {
  Feature,
  GdbTarget,
  Resumption,
  Space,
  StopPoint,
  TargetStop,
  ThreadDescription,
} from '../../../sim/gdb/target.js';

const RAM = { start: 0x1000n, end: 0x1_1000n };

export class FakeGdbTarget implements GdbTarget {
  readonly architecture = 'aarch64';
  readonly features: readonly Feature[] = [
    {
      name: 'core',
      registers: [
        { name: 'x0', bits: 64, type: 'int' },
        { name: 'pc', bits: 64, type: 'code_ptr' },
      ],
    },
    { name: 'system', registers: [{ name: 'FIXED', bits: 32, type: 'int', group: 'system' }] },
  ];
  readonly generalFeatures = 1;
  readonly threads: readonly ThreadDescription[] = [
    { name: 'cpu0', state: 'runs' },
    { name: 'cpu1', state: 'is <off>' },
  ];
  current = 1;
  canReverse = false;
  readonly ram = [RAM];
  /** What it was asked for. */
  readonly calls: unknown[] = [];
  readonly registers = [
    [1n, 0x1000n, 7n],
    [2n, 0x2000n, 7n],
  ];
  readonly bytes = new Uint8Array(Number(RAM.end - RAM.start));
  #stop: ((stop: TargetStop) => void) | undefined;

  readRegister(thread: number, register: number): bigint | undefined {
    return this.registers[thread - 1]?.[register];
  }

  writeRegister(thread: number, register: number, value: bigint): string | undefined {
    const values = this.registers[thread - 1];
    if (values === undefined || register === 2) return 'it is fixed';
    values[register] = value;
    return undefined;
  }

  readMemory(_thread: number, space: Space, address: bigint, sizeBytes: number): Uint8Array {
    this.calls.push(['read', space, address, sizeBytes]);
    if (address < RAM.start || address >= RAM.end) return new Uint8Array();
    return this.bytes.subarray(Number(address - RAM.start)).subarray(0, sizeBytes);
  }

  writeMemory(_thread: number, _space: Space, address: bigint, bytes: Uint8Array): boolean {
    if (address < RAM.start || address + BigInt(bytes.length) > RAM.end) return false;
    this.bytes.set(bytes, Number(address - RAM.start));
    return true;
  }

  addStop(kind: StopPoint, address: bigint, sizeBytes: bigint): boolean {
    this.calls.push(['add', kind, address, sizeBytes]);
    return address !== 0xf00n;
  }

  removeStop(kind: StopPoint, address: bigint, sizeBytes: bigint): void {
    this.calls.push(['remove', kind, address, sizeBytes]);
  }

  resume(resumption: Resumption): Promise<TargetStop> {
    this.calls.push(resumption);
    return new Promise((resolve) => (this.#stop = resolve));
  }

  /** Has what runs stop. */
  async stopWith(stop: TargetStop): Promise<void> {
    this.#stop?.(stop);
    await Promise.resolve();
    await Promise.resolve();
  }

  interrupt(): void {
    this.calls.push('interrupt');
  }

  async attach(): Promise<void> {
    this.calls.push('attach');
  }

  detach(): void {
    this.calls.push('detach');
  }

  kill(): void {
    this.calls.push('kill');
  }

  leave(): void {
    this.calls.push('leave');
  }

  monitor(command: string): string {
    return `you said ${command}\n`;
  }
}
