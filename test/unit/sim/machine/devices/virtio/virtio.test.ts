import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { VirtioBlock } from '../../../../../../sim/machine/devices/virtio/block.js';
import { VirtioConsole } from '../../../../../../sim/machine/devices/virtio/console.js';
import { type DiskImage, OverlayDisk } from '../../../../../../sim/machine/devices/virtio/disk.js';
import { VirtioEntropy } from '../../../../../../sim/machine/devices/virtio/entropy.js';
import { MachineError } from '../../../../../../sim/machine/error.js';
import { savedOf } from '../../../../../support/machine/device-access.js';
import { DATA, QUEUE, VirtioDriver, dataAt } from '../../../../../support/machine/virtio-driver.js';

const image = (sectors: number): DiskImage & { readonly bytes: Uint8Array } => {
  const bytes = Uint8Array.from({ length: 512 * sectors }, (_, i) => (i >> 9) + 1);
  return { bytes, sizeBytes: bytes.length, read: (offset, sizeBytes) => bytes.slice(offset, offset + sizeBytes) };
};

const [READ, WRITE, FLUSH, ID] = [0, 1, 4, 8] as const;

/** A driver of a disk; `request` answers the status, and what was read. */
const openDisk = (sectors = 8, version: 1 | 2 = 2) => {
  const disk = image(sectors);
  const block = new VirtioBlock(new OverlayDisk(disk), 'disk0');
  const driver = new VirtioDriver(block, version);
  driver.start(1);
  const request = (type: number, sector: bigint, sizeBytes: number, data?: Uint8Array) => {
    const { ram } = driver;
    ram.view.setUint32(DATA, type, true);
    ram.view.setBigUint64(DATA + 8, sector, true);
    if (data !== undefined) ram.bytes.set(data, DATA + 0x1000);
    ram.bytes[DATA + 0x100] = 0xff;
    driver.descriptor(0, 0, { sizeBytes: 16, next: sizeBytes === 0 ? 2 : 1 });
    driver.descriptor(0, 1, { at: dataAt(0x1000), sizeBytes, write: data === undefined, next: 2 });
    driver.descriptor(0, 2, { at: dataAt(0x100), sizeBytes: 1, write: true });
    driver.offer(0, 0);
    driver.notify(0);
    return { status: ram.bytes[DATA + 0x100], data: ram.bytes.slice(DATA + 0x1000, DATA + 0x1000 + sizeBytes) };
  };
  return { driver, disk, block, request };
};

describe('an empty slot', () => {
  test.each([1, 2] as const)('says its version, %i, and nothing else', (version) => {
    const { slot } = new VirtioDriver(undefined, version);
    expect([slot.read(0), slot.read(4), slot.read(8), slot.read(0xc)]).toEqual([0x7472_6976, version, 0, 0x554d_4551]);
    slot.write(0x70, 1);
    expect([slot.read(0x70), slot.read(0x100), slot.read(0, 1)]).toEqual([0, 0, 0x76]);
  });
});

describe('the transport', () => {
  test('offers features, of which the driver must take the one of the version', () => {
    const { slot } = new VirtioDriver(new VirtioEntropy(1n));
    slot.write(0x14, 1);
    expect(slot.read(0x10)).toBe(1);
    slot.write(0x70, 11);
    expect(slot.read(0x70)).toBe(3);
    slot.write(0x24, 1);
    slot.write(0x20, 3);
    slot.write(0x70, 11);
    expect(slot.read(0x70)).toBe(3);
    slot.write(0x20, 1);
    slot.write(0x70, 11);
    expect(slot.read(0x70)).toBe(11);
  });

  test('has as many queues as the device', () => {
    const { slot } = new VirtioDriver(new VirtioConsole(() => {}));
    const sizes = [0, 1, 2].map((queue) => {
      slot.write(0x30, queue);
      return slot.read(0x34);
    });
    expect(sizes).toEqual([256, 256, 0]);
  });

  test('has no shared memory', () => {
    const { slot } = new VirtioDriver(new VirtioEntropy(1n));
    expect([slot.read(0xb0), slot.read(0xb4)]).toEqual([0xffff_ffff, 0xffff_ffff]);
  });

  test('forgets everything at a reset', () => {
    const { driver, request } = openDisk();
    request(READ, 0n, 512);
    driver.slot.write(0x70, 0);
    expect([driver.slot.read(0x44), driver.slot.read(0x60), driver.slot.line]).toEqual([0, 0, false]);
  });
});

describe.each([1, 2] as const)('a disk, by version %i', (version) => {
  test('tells its size', () => {
    const { driver } = openDisk(8, version);
    expect([driver.slot.read(0x100), driver.slot.read(0x104), driver.slot.read(0x108 + 12)]).toEqual([8, 0, 512]);
    expect([driver.slot.read(0x102, 2), driver.slot.read(0x118)]).toEqual([0, 0xffff_ffff]);
  });

  test('reads and writes, and leaves the image as it was', () => {
    const { driver, disk, request } = openDisk(8, version);
    expect(request(READ, 2n, 1024)).toEqual({ status: 0, data: disk.bytes.slice(1024, 2048) });
    expect(driver.used(0)).toEqual([[0, 1025]]);
    expect(request(WRITE, 3n, 512, new Uint8Array(512).fill(0xaa)).status).toBe(0);
    const { data } = request(READ, 2n, 1536);
    expect([data[0], data[512], data[1024]]).toEqual([3, 0xaa, 5]);
    expect(disk.bytes[3 * 512]).toBe(4);
    expect(request(FLUSH, 0n, 0).status).toBe(0);
  });

  test('interrupts until it is acknowledged, unless the driver does not want it', () => {
    const { driver, request } = openDisk(8, version);
    request(READ, 0n, 512);
    expect([driver.slot.line, driver.slot.read(0x60)]).toEqual([true, 1]);
    driver.slot.write(0x64, 1);
    expect([driver.slot.line, driver.slot.read(0x60)]).toEqual([false, 0]);
    driver.refuseInterrupts(0);
    request(READ, 0n, 512);
    expect(driver.slot.line).toBe(false);
  });
});

test.each<[string, number, bigint, number, number]>([
  ['beyond the end', READ, 8n, 512, 1],
  ['across the end', READ, 7n, 1024, 1],
  ['round all sectors', READ, 0xffff_ffff_ffff_ffffn, 512, 1],
  ['not of whole sectors', READ, 0n, 100, 1],
  ['of an unknown type', 99, 0n, 512, 2],
])('a request %s is answered so', (_, type, sector, sizeBytes, status) => {
  const { driver, request } = openDisk();
  expect(request(type, sector, sizeBytes).status).toBe(status);
  expect(driver.slot.read(0x70)).toBe(15);
});

test('a disk has a name', () => {
  const { data } = openDisk().request(ID, 0n, 20);
  expect(Buffer.from(data).toString('latin1')).toBe('disk0'.padEnd(20, '\0'));
});

test('a disk goes on from what was saved', () => {
  const { driver, disk, request } = openDisk();
  request(WRITE, 1n, 512, new Uint8Array(512).fill(0x77));
  const saved = savedOf(driver.slot.device);
  const overlay = new OverlayDisk(disk);
  const other = new VirtioDriver(new VirtioBlock(overlay), 2, driver.ram);
  other.slot.device.restore(saved);
  expect([other.slot.line, other.slot.read(0x44), other.slot.read(0x70)]).toEqual([true, 1, 15]);
  expect(savedOf(other.slot.device)).toEqual(saved);
  expect(() => other.slot.device.restore({ ...(saved as object), queues: [] })).toThrow(MachineError);
});

test('what was written to a disk is written to another one', () => {
  const first = new OverlayDisk(image(17));
  first.write(5000, new Uint8Array(600).fill(0x77));
  first.write(8700, Uint8Array.of(1));
  const second = new OverlayDisk(image(17));
  for (const block of first.written()) second.putBack(block);
  expect(second.read(0, 17 * 512)).toEqual(first.read(0, 17 * 512));
  expect([...second.written()]).toEqual([...first.written()]);
  for (const index of [3, -1, 0.5, NaN]) {
    expect(() => second.putBack({ index, bytes: new Uint8Array(4096) })).toThrow(MachineError);
  }
  expect(() => second.putBack({ index: 0, bytes: new Uint8Array(512) })).toThrow(MachineError);
});

describe('a driver that lays down nonsense needs a reset', () => {
  const broken = (lay: (driver: VirtioDriver) => void): void => {
    const { driver, request } = openDisk();
    lay(driver);
    driver.notify(0);
    expect([driver.slot.read(0x70), driver.slot.read(0x60), driver.slot.line]).toEqual([0x4f, 2, true]);
    driver.notify(0);
    expect(driver.slot.read(0x70)).toBe(0x4f);
    driver.start(1);
    driver.setAvailable(0, 0);
    expect(driver.slot.read(0x70)).toBe(15);
    expect(request(READ, 0n, 512).status).toBeDefined();
  };

  test.each<[string, (driver: VirtioDriver) => void]>([
    ['a chain that goes round', (driver) => (driver.descriptor(0, 0, { sizeBytes: 16, next: 0 }), driver.offer(0, 0))],
    ['a head outside of the table', (driver) => driver.offer(0, QUEUE)],
    [
      'a next outside of the table',
      (driver) => (driver.descriptor(0, 0, { sizeBytes: 16, next: 300 }), driver.offer(0, 0)),
    ],
    ['a buffer outside of RAM', (driver) => (driver.descriptor(0, 0, { at: 0n, sizeBytes: 16 }), driver.offer(0, 0))],
    [
      'a buffer round the end of all addresses',
      (driver) => (driver.descriptor(0, 0, { at: 0xffff_ffff_ffff_fff0n, sizeBytes: 32 }), driver.offer(0, 0)),
    ],
    ['a buffer of no bytes', (driver) => (driver.descriptor(0, 0, { sizeBytes: 0 }), driver.offer(0, 0))],
    ['an indirect descriptor', (driver) => (driver.descriptor(0, 0, { sizeBytes: 16, flags: 4 }), driver.offer(0, 0))],
    [
      'a buffer to read behind one to write',
      (driver) => {
        driver.descriptor(0, 0, { sizeBytes: 16, write: true, next: 1 });
        driver.descriptor(0, 1, { sizeBytes: 16 });
        driver.offer(0, 0);
      },
    ],
    ['no room for a status', (driver) => (driver.descriptor(0, 0, { sizeBytes: 16 }), driver.offer(0, 0))],
    ['more than there are descriptors', (driver) => driver.setAvailable(0, QUEUE + 1)],
  ])('%s', (_, lay) => {
    broken(lay);
  });

  test('rings outside of RAM', () => {
    const { driver } = openDisk();
    driver.slot.write(0x44, 0);
    driver.slot.write(0x94, 0xffff_ffff);
    driver.slot.write(0x44, 1);
    driver.notify(0);
    expect(driver.slot.read(0x70)).toBe(0x4f);
  });

  test('or nothing happens, whatever it writes', () => {
    const access = fc.tuple(fc.constantFrom(...Array.from({ length: 0x40 }, (_, i) => 4 * i)), fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(
        fc.array(access, { maxLength: 40 }),
        fc.uint8Array({ minLength: 256, maxLength: 256 }),
        (all, ring) => {
          const { driver } = openDisk();
          driver.ram.bytes.set(ring, 0x1000);
          for (const [offset, value] of all) driver.slot.write(offset, value);
          driver.notify(0);
        },
      ),
    );
  });
});

describe('the console', () => {
  test('sends', () => {
    const sent: number[] = [];
    const driver = new VirtioDriver(new VirtioConsole((byte) => sent.push(byte)));
    driver.start(2);
    driver.ram.bytes.set([0x68, 0x69], DATA);
    driver.descriptor(1, 0, { sizeBytes: 1, next: 1 });
    driver.descriptor(1, 1, { at: dataAt(1), sizeBytes: 1 });
    driver.offer(1, 0);
    driver.notify(1);
    expect([sent, driver.used(1), driver.slot.line]).toEqual([[0x68, 0x69], [[0, 0]], true]);
  });

  test('receives where the driver has laid down buffers', () => {
    const device = new VirtioConsole(() => {});
    const driver = new VirtioDriver(device);
    expect(device.canReceive).toBe(false);
    driver.start(2);
    expect(device.canReceive).toBe(false);
    driver.descriptor(0, 3, { sizeBytes: 64, write: true });
    driver.offer(0, 3);
    driver.notify(0);
    expect([device.canReceive, driver.slot.line]).toEqual([true, false]);
    device.receive(0x7a);
    device.receive(0x7b);
    expect([driver.used(0), driver.ram.bytes[DATA], driver.slot.line]).toEqual([[[3, 1]], 0x7a, true]);
    expect(device.canReceive).toBe(false);
  });
});

test('entropy is the same in every run, and goes on from what was saved', () => {
  const take = (driver: VirtioDriver): string => {
    driver.descriptor(0, 0, { sizeBytes: 32, write: true });
    driver.offer(0, 0);
    driver.notify(0);
    return Buffer.from(driver.ram.bytes.slice(DATA, DATA + 32)).toString('hex');
  };
  const open = (seed: bigint): VirtioDriver => {
    const driver = new VirtioDriver(new VirtioEntropy(seed));
    driver.start(1);
    return driver;
  };
  const first = open(1n);
  const [a, saved, b] = [take(first), savedOf(first.slot.device), take(first)];
  expect(take(open(1n))).toBe(a);
  expect(take(open(2n))).not.toBe(a);
  expect(new Set(a.match(/../g)).size).toBeGreaterThan(20);
  const resumed = new VirtioDriver(new VirtioEntropy(3n));
  resumed.start(1);
  take(resumed);
  resumed.slot.device.restore(saved);
  expect(take(resumed)).toBe(b);
});
