/** A fuzz target: executables that a purgatory is taken out of. */
import { extractPurgatory } from '../../kexec/elf/extract-purgatory.js';
import { purgatory } from '../../kexec/arch/arm64/purgatory.js';
import { ARM64_EXECUTABLE, buildElf, symbolSections, type BuiltSection } from '../support/files/elf-builder.js';
import type { FuzzTarget } from './fuzz-target.js';

const SHT_PROGBITS = 1;

const rodata: BuiltSection = { name: '.rodata', type: SHT_PROGBITS, data: purgatory, addr: 0x1000 };
const size: BuiltSection = { name: '.data', type: SHT_PROGBITS, data: Uint8Array.of(0, 0x10, 0, 0, 0, 0, 0, 0) };

export const targets: readonly FuzzTarget[] = [
  {
    name: 'extract-purgatory',
    seeds: () => [
      buildElf(ARM64_EXECUTABLE, [rodata]),
      buildElf(ARM64_EXECUTABLE, [
        rodata,
        size,
        ...symbolSections(
          ARM64_EXECUTABLE,
          [
            { name: 'purgatory', section: 1, value: 0x1000, size: purgatory.length },
            { name: 'purgatory_size', section: 2, value: 0, size: 8 },
          ],
          4,
        ),
      ]),
    ],
    run: (input) => {
      extractPurgatory(input, 'fuzz');
    },
  },
];
