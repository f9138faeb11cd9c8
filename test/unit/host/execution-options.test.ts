import { expect, test } from '@jest/globals';
import { SIM_OPTIONS } from '../../../kexec/options/options.js';
import { QUIRKS } from '../../../sim/machine/quirks.js';
import { executionBounds } from '../../../host/execution-options.js';

const bounds = (values: Readonly<Record<string, string>>) => executionBounds((name) => values[name]);

test('by default the kernel decides where the run ends, after five minutes at most', () => {
  expect(bounds({})).toEqual({
    until: undefined,
    maxInstructions: undefined,
    timeoutMs: undefined,
    unattendedTimeoutMs: 300_000,
    quirks: [],
  });
});

test('what is asked for', () => {
  const values = {
    'sim-until': 'halt',
    'sim-max-instructions': '5000',
    'sim-timeout': '0.5',
    'sim-quirk': 'cpu-on-once',
  };
  expect(bounds(values)).toEqual({
    until: 'halt',
    maxInstructions: 5000n,
    timeoutMs: 500,
    unattendedTimeoutMs: 300_000,
    quirks: ['cpu-on-once'],
  });
});

test.each([
  ['sim-until', 'end', 'kexec: KEXEC_UNTIL: "end" is not one of entry, halt, reboot, console:TEXT'],
  ['sim-max-instructions', '0', 'kexec: KEXEC_MAX_INSTRUCTIONS: "0" is not a number of instructions from 1 on'],
  ['sim-max-instructions', '1e3', 'kexec: KEXEC_MAX_INSTRUCTIONS: "1e3" is not a number of instructions from 1 on'],
  ['sim-timeout', 'soon', 'kexec: KEXEC_TIMEOUT: "soon" is not a number of seconds above 0, at most 1000000'],
  ['sim-timeout', '0', 'kexec: KEXEC_TIMEOUT: "0" is not a number of seconds above 0, at most 1000000'],
  ['sim-quirk', 'odd', 'kexec: KEXEC_QUIRK: "odd" is not one of psci-cpu0-only, cpu-on-below-1g, cpu-on-once'],
])('%s=%s is refused', (name, value, message) => {
  expect(() => bounds({ [name]: value })).toThrow(message);
});

test('the option has the names that there are', () => {
  expect(SIM_OPTIONS.find(({ name }) => name === 'sim-quirk')?.argument).toBe(Object.keys(QUIRKS).join('|'));
});
