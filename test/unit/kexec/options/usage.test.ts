import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { arm64 } from '../../../../kexec/arch/arm64/kexec-arm64.js';
import { ARM64_OPTIONS } from '../../../../kexec/arch/arm64/options-arm64.js';
import { RELEASES, compatFor, type Release } from '../../../../kexec/base/compat.js';
import { SIM_OPTIONS, optionsOf } from '../../../../kexec/options/options.js';
import { usageText, versionText } from '../../../../kexec/options/usage.js';
import { runToEnd } from '../../../support/run-support.js';

/** The texts were put together from the string literals of each release's C sources. */
const original = (release: Release): string => readFileSync(`test/data/usage/${release}.txt`, 'latin1');

describe.each(RELEASES)('%s', (release) => {
  const compat = compatFor(release);

  test('has the usage of the original', () => {
    expect(usageText(compat, arm64.formatUsages(compat), arm64.optionUsage(compat))).toBe(original(release));
  });

  test.each(optionsOf(compat, ARM64_OPTIONS).map(({ name }) => name))('tells of --%s', (name) => {
    expect(original(release)).toMatch(new RegExp(`--${name}(?![\\w-])`));
  });

  test('--help prints it, and then what is ours', async () => {
    const { code, out, err } = await runToEnd(['--help', `--sim-compat=${release}`]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.startsWith(original(release))).toBe(true);
    const ours = out.slice(original(release).length);
    for (const { name, variable } of SIM_OPTIONS) {
      expect(ours).toContain(`--${name}`);
      expect(ours).toContain(`[${variable}=`);
    }
  });

  test('a mistake prints it to stdout', async () => {
    expect(await runToEnd(['--wat'], { KEXEC_COMPAT: release })).toEqual({
      code: 1,
      out: original(release),
      err: "kexec: unrecognized option '--wat'\n",
    });
  });

  test('--version is one line', async () => {
    expect(await runToEnd(['-v'], { KEXEC_COMPAT: `${release}:zlib` })).toEqual({
      code: 0,
      out: `kexec-tools ${release}\n`,
      err: '',
    });
    expect(versionText(compat)).toBe(`kexec-tools ${release}\n`);
  });
});
