/** The text of docs/devices.md, made from the table of devices. */
import type { DEVICE_MODELS, VIRTIO_MODELS } from '../sim/machine/boards/device-models.js';
import { markdownRow } from './markdown-row.js';

type Models = readonly Pick<(typeof DEVICE_MODELS)[number], 'name' | 'compatible' | 'manual' | 'what'>[];

/** What a board's device tree may have, and what becomes of it, as a Markdown text. */
export const deviceTable = (models: Models, virtio: typeof VIRTIO_MODELS): string => `# Devices

Written by \`npm run devices\` from \`sim/machine/boards/device-models.ts\`: do not edit.

A board has the devices that its device tree has, where the tree puts them, if a row here has one of their names
(\`compatible\`). An access to any other gets an external abort.

${table(
  ['device', 'compatible', 'what', 'after'],
  models.map(({ name, compatible, what, manual }) => [
    name,
    compatible.map((one) => `\`${one}\``).join(', '),
    what,
    manual,
  ]),
)}
## In a virtio slot

Sections are those of Virtual I/O Device 1.2.

${table(
  ['device', 'what', 'section'],
  virtio.map(({ name, what, section }) => [name, what, section]),
)}`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `${markdownRow(...cells)}\n`).join('');
