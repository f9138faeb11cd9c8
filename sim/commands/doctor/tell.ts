/** Pieces of what findings say: sizes of segments, lines of a configuration, what kexec's debug log tells. */
import { configSays } from '../../kernel/facts/kernel-config.js';

/** A line of the configuration, or that there is none. */
export const configEvidence = (config: string | undefined, name: string): string => {
  const line = new RegExp(`^(?:# )?CONFIG_${name}[= ].*$`, 'm').exec(config ?? '')?.[0];
  if (line !== undefined) return `config: ${line}`;
  return configSays(config, name) === false
    ? `config: CONFIG_${name} is not set`
    : `the recording does not tell CONFIG_${name}`;
};

export interface ToldSegment {
  readonly mem: bigint;
  readonly bufsz: bigint;
  readonly memsz: bigint;
}

/** The segments that kexec -d, or a refused kexec_load, lists. */
export const segmentsTold = (said: string): readonly ToldSegment[] => {
  const segments = new Map<string, ToldSegment>();
  const pattern = /^segment\[(\d{1,2})\]\.(bufsz|mem|memsz) {1,3}= (0x[0-9a-f]{1,16})$/gm;
  for (const [, index = '', field = '', number = ''] of said.matchAll(pattern)) {
    const before = segments.get(index) ?? { mem: 0n, bufsz: 0n, memsz: 0n };
    segments.set(index, { ...before, [field]: BigInt(number) });
  }
  return [...segments.values()];
};
