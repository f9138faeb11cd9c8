import { expect, test } from '@jest/globals';
import { ByteSink } from '../../../../../sim/machine/devices/byte-sink.js';
import { EmptyEcam, EmptyFwCfg } from '../../../../../sim/machine/devices/empty.js';
import { Driver } from '../../../../support/machine/device-access.js';

test('an empty bus reads as all ones', () => {
  const bus = new Driver(new EmptyEcam(0x1000_0000));
  bus.write(0x8000, 1);
  expect([bus.read(0), bus.read(0, 2), bus.read(0xfff_ffff, 1)]).toEqual([0xffff_ffff, 0xffff, 0xff]);
});

test('fw_cfg has no signature', () => {
  const config = new Driver(new EmptyFwCfg(0x18));
  config.write(8, 0, 2);
  expect([config.read(0), config.read(0, 1)]).toEqual([0, 0]);
});

test('a sink takes bytes at its one register', () => {
  const sent: number[] = [];
  const sink = new Driver(new ByteSink((byte) => sent.push(byte)));
  sink.write(0, 0x41, 1);
  sink.write(0, 0x142);
  sink.write(1, 0x43, 1);
  expect([sent, sink.read(0)]).toEqual([[0x41, 0x42], 0]);
});
