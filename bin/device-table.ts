/** Writes docs/devices.md from the table of devices. */
import { writeFileSync } from 'node:fs';
import { DEVICE_MODELS, VIRTIO_MODELS } from '../sim/machine/boards/device-models.js';
import { deviceTable } from '../util/device-table.js';

writeFileSync('docs/devices.md', deviceTable(DEVICE_MODELS, VIRTIO_MODELS));
