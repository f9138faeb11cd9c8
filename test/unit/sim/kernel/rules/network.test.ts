import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IFF_UP } from '../../../../../kexec/ifdown.js';
import { Range } from '../../../../../kexec/base/range.js';
import { recordedMachine } from '../../../../../sim/kernel/recorded-system.js';
import { readCallFile, replay } from '../../../../../sim/kernel/replay.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();

/** /sys/class/net of a machine: flags and number of each interface. */
const NET = {
  'sys/class/net/eth1/flags': '0x1002\n',
  'sys/class/net/eth1/ifindex': '3\n',
  'sys/class/net/eth0/flags': '0x1003\n',
  'sys/class/net/eth0/ifindex': '2\n',
  'sys/class/net/lo/flags': '0x9\n',
  'sys/class/net/lo/ifindex': '1\n',
  'sys/class/net/odd/flags': 'rubbish\n',
  'sys/class/net/odd/ifindex': '10\n',
  'sys/class/net/bonding_masters': 'bond0\n',
};

const makeMachine = (): string => {
  const machine = temp.make('machine');
  writeTree(machine, { ...SMALL_MACHINE, ...NET });
  return machine;
};

const open = ({
  machine = makeMachine(),
  state = temp.make('state'),
  record,
}: { machine?: string; state?: string; record?: string } = {}) => recordedMachine({ machine, state, record, env: {} });

const isUp = (system: ReturnType<typeof open>, name: string): boolean => (system.interfaceFlags(name) & IFF_UP) !== 0;

describe('network interfaces of a recorded machine', () => {
  test('are the directories of /sys/class/net, by number', () => {
    expect(open().interfaceNames()).toEqual(['lo', 'eth0', 'eth1', 'odd']);
    expect(recordedMachine({ state: temp.make('state'), env: {} }).interfaceNames()).toEqual([]);
  });

  test('are up or down as recorded', () => {
    const system = open();
    expect(['lo', 'eth0', 'eth1'].map((name) => system.interfaceFlags(name))).toEqual([0x9, 0x1003, 0x1002]);
    for (const name of ['odd', 'nope', 'bonding_masters']) {
      expect(() => system.interfaceFlags(name)).toThrow(`ioctl ${name}: No such device`);
    }
  });

  test('stay down from one command to the next, until the machine is rebooted', async () => {
    const [machine, state] = [makeMachine(), temp.make('state')];
    expect(await open({ machine, state }).setInterfaceFlags('eth0', 0x1002)).toBe(0);
    expect(isUp(open({ machine, state }), 'eth0')).toBe(false);
    expect(await open({ machine, state }).setInterfaceFlags('eth0', 0x1003)).toBe(0);
    expect(isUp(open({ machine, state }), 'eth0')).toBe(true);

    const system = open({ machine, state });
    await system.setInterfaceFlags('eth0', 0);
    const segments = [{ data: new Uint8Array(10), memory: Range.sized(0x6000_0000n, 0x1000n), buf: 0n }];
    expect(await system.kexecLoad({ entry: 0x6000_0000n, flags: 0n, segments })).toBe(0);
    expect(isUp(system, 'eth0')).toBe(false);
    expect(await system.rebootKexec()).toEqual({ kind: 'over', exitCode: 0 });
    expect(isUp(system, 'eth0')).toBe(true);
  });

  test('that are not there cannot be changed', async () => {
    expect(await open().setInterfaceFlags('eth9', 0)).toBe(-19);
  });
});

describe('calls that go with a reboot', () => {
  test('a shutdown with nothing loaded is told, and is no success', async () => {
    let err = '';
    const nothing = (): void => {};
    const execution = {
      until: undefined,
      maxInstructions: undefined,
      timeoutMs: undefined,
      console: nothing,
      out: nothing,
      err: (text: string) => void (err += text),
      step: undefined,
      purgatory: () => new Uint8Array(),
      execute: () => Promise.reject(new Error('nothing is loaded')),
    };
    const system = recordedMachine({ machine: makeMachine(), state: temp.make('state'), env: {}, execution });
    expect(await system.execv('/sbin/shutdown', ['shutdown', '-r', 'now'])).toEqual({ kind: 'over', exitCode: 1 });
    expect(err).toBe(
      'kexec-ts: no kernel is executed (Invalid argument): the machine starts from its firmware, which is not simulated\n',
    );
  });

  test('a sync is recorded with what follows it, or not at all', async () => {
    const record = temp.make('record');
    open({ record }).sync();
    expect(existsSync(join(record, 'calls.json'))).toBe(false);
  });

  test('are recorded, and replayed', async () => {
    const record = temp.make('record');
    const system = open({ record });
    system.sync();
    await system.setInterfaceFlags('eth0', 0x1002);
    await system.setInterfaceFlags('odd', 0);
    expect(await system.execv('/bin/shutdown', ['shutdown'])).toEqual({ kind: 'refused', errno: -2 });
    expect(await system.execv('/sbin/shutdown', ['shutdown', '-r', 'now'])).toEqual({ kind: 'over', exitCode: 0 });
    const text = readFileSync(join(record, 'calls.json'), 'utf8');
    expect(text.split('\n')).toEqual([
      '[',
      '{"call":"sync","result":0},',
      '{"call":"ioctl","request":"SIOCSIFFLAGS","interface":"eth0","flags":"0x1002","result":0},',
      '{"call":"ioctl","request":"SIOCSIFFLAGS","interface":"odd","flags":"0x0","result":-19},',
      '{"call":"execve","path":"/bin/shutdown","argv":["shutdown"],"result":-2},',
      '{"call":"execve","path":"/sbin/shutdown","argv":["shutdown","-r","now"],"result":0}',
      ']',
      '',
    ]);

    const target = open();
    const again: object[] = [];
    for await (const result of replay(target.kernel, readCallFile(record))) again.push(result);
    const files = { kexec_loaded: '0', kexec_crash_loaded: '0' };
    expect(again).toEqual((JSON.parse(text) as object[]).map((call) => ({ ...call, ...files })));
    expect(isUp(target, 'eth0')).toBe(false);
  });
});
