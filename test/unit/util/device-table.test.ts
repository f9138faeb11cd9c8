import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { DEVICE_MODELS, VIRTIO_MODELS } from '../../../sim/machine/boards/device-models.js';
import { deviceTable } from '../../../util/device-table.js';

test('docs/devices.md is what npm run devices writes', () => {
  expect(readFileSync('docs/devices.md', 'utf8')).toBe(deviceTable(DEVICE_MODELS, VIRTIO_MODELS));
});

test('no name stands for two devices', () => {
  const names = DEVICE_MODELS.flatMap(({ compatible }) => compatible);
  expect(new Set(names).size).toBe(names.length);
});

test('each device is told', () => {
  const text = deviceTable(
    [{ name: 'A', compatible: ['x,a', 'x,b'], manual: 'M', what: 'does | does not' }],
    [{ name: 'V', section: '5', what: 'w' }],
  );
  expect(text).toContain('| A | `x,a`, `x,b` | does \\| does not | M |');
  expect(text).toContain('| V | w | 5 |');
});
