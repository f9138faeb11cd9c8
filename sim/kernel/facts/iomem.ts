/** /proc/iomem as the kernel that wrote it understands it. */
import { Range } from '../../../kexec/base/range.js';
import { U64_MAX } from '../../../kexec/base/u64.js';

/** A resource of /proc/iomem. */
export interface Resource {
  readonly range: Range;
  readonly name: string;
}

/** As r_show() of Linux' kernel/resource.c prints a line: indented by depth, both ends inclusive. */
const LINE = /^ *([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.*)$/;

/**
 * The resources of a memory map as the kernel knows them. This is not how kexec reads the file (kexec-iomem.ts): lines
 * that Linux cannot have written are left out, whatever the tool makes of them.
 */
export const parseResources = (text: string): readonly Resource[] => {
  const resources: Resource[] = [];
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const start = BigInt(`0x${match[1]}`);
    const last = BigInt(`0x${match[2]}`);
    if (start <= last && last <= U64_MAX) resources.push({ range: Range.inclusive(start, last), name: match[3]! });
  }
  return resources;
};
