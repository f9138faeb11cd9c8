/** Fuzz targets: files that the simulated kernel reads, and calls that it answers. */
import { gzipSync } from 'node:zlib';
import { KexecError, SystemError } from '../../kexec/base/error.js';
import { silentLog } from '../../kexec/base/log.js';
import { elfNote, notesIn } from '../../kexec/elf/elf-note.js';
import { Vmcoreinfo, scanVmcoreinfo } from '../../kexec/running-kernel/vmcoreinfo.js';
import { callToJson, parseCalls } from '../../sim/kernel/calls/calls.js';
import { EM_AARCH64 } from '../../kexec/elf/elf.js';
import { formatCore, loadHeader, noteHeader } from '../../kexec/running-kernel/crashdump-elf.js';
import { Range } from '../../kexec/base/range.js';
import { readCpio } from '../../sim/commands/doctor/initrd.js';
import { lookAtCrashLoad } from '../../sim/kernel/execution/crash-load.js';
import { lookAtSegments } from '../../sim/kernel/execution/loaded-kernel.js';
import { countCpuList, kernelFacts } from '../../sim/kernel/facts/facts.js';
import { pageSizeOfKcore } from '../../sim/kernel/facts/page-sizes-arm64.js';
import { formatLines } from '../../sim/kernel/state/json.js';
import { printkLayout, printkMemory } from '../../sim/kernel/panic/printk-memory.js';
import { recordedLog } from '../../sim/kernel/panic/recorded-log.js';
import { parseRegisters } from '../../sim/kernel/panic/registers-file.js';
import { INITIAL_STATE, answerKexecLoad } from '../../sim/kernel/rules/kexec-load.js';
import { formatState, parseState } from '../../sim/kernel/state/state-json.js';
import { tarTree } from '../../sim/kernel/recording/tar-recording.js';
import { PROGRAM, cpioOf } from '../machine/initramfs.js';
import { arm64Image, deviceTree } from '../support/files/kernel-files.js';
import { paxRecord, sumHeader, tarOf } from '../support/files/tar-builder.js';
import type { FuzzTarget } from './fuzz-target.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const SEGMENT = '{"bufsz":"0x1000","mem":"0x60000000","memsz":"0x2000","file":"call0-segment0.bin"}';

const CALLS = `[
{"call":"kexec_load","entry":"0x60000000","flags":"0xb70000","segments":[${SEGMENT},{"bufsz":"0x0","mem":"0x0","memsz":"0x0","buf":"null"}],"result":0},
{"call":"kexec_load","entry":"0x0","flags":"0x1","nrSegments":"0x11","segmentsPtr":"bad","who":"nobody","segments":[],"result":-1},
{"call":"kexec_file_load","flags":"0x0","cmdline":"root=/dev/vda","cmdlineLen":14,"kernelFile":"call1-kernel.bin","initrdFile":null,"result":-38},
{"call":"reboot","magic1":"0xfee1dead","cmd":"0x45584543","result":0},
{"call":"write","path":"/proc/sys/kernel/kexec_load_disabled","data":"1","result":0}
]
`;

const REBOOT_CALLS = `[{"call":"sync","result":0},
{"call":"ioctl","request":"SIOCSIFFLAGS","interface":"eth0","flags":"0x1002","result":0},
{"call":"execve","path":"/sbin/shutdown","argv":["shutdown","-r","now"],"result":0}]
`;

const STATE = `{"version":1,"crash":"unknown","loadDisabled":false,"limitReboot":-1,"limitPanic":3,
"interfaces":[{"name":"eth0","up":false}],
"normal":{"entry":"0x60000000","flags":"0xb70000","segments":[
{"role":"kernel","mem":"0x60000000","memsz":"0x2000","bufsz":"0x1000","file":"segment-12-abcdef012345-n0.bin"},
{"mem":"0x70000000","memsz":"0x2000","bufsz":"0x0","file":null}]}}
`;

const PRINTK = `SIZE(printk_ringbuffer)=88
OFFSET(printk_ringbuffer.desc_ring)=0
OFFSET(printk_ringbuffer.text_data_ring)=48
OFFSET(prb_desc_ring.count_bits)=0
OFFSET(prb_desc_ring.descs)=8
OFFSET(prb_desc_ring.infos)=16
OFFSET(prb_desc_ring.head_id)=24
OFFSET(prb_desc_ring.tail_id)=32
SIZE(prb_desc)=24
OFFSET(prb_desc.state_var)=0
OFFSET(prb_desc.text_blk_lpos)=8
OFFSET(prb_data_blk_lpos.begin)=0
OFFSET(prb_data_blk_lpos.next)=8
SIZE(printk_info)=88
OFFSET(printk_info.seq)=0
OFFSET(printk_info.ts_nsec)=8
OFFSET(printk_info.text_len)=16
OFFSET(prb_data_ring.size_bits)=0
OFFSET(prb_data_ring.data)=8
OFFSET(prb_data_ring.head_lpos)=16
OFFSET(prb_data_ring.tail_lpos)=24
`;

const IOMEM = `40000000-bfffffff : System RAM
  40210000-4157ffff : Kernel code
  a9a00000-b99fffff : Crash kernel
100000000-13fffffff : System RAM
`;

const NO_FACTS = { version: undefined, meminfo: undefined, iomem: undefined, lockdown: undefined };

/** An entry of every kind. */
const ARCHIVE = tarOf(
  { name: './proc/', type: '5' },
  { name: './proc/iomem', content: IOMEM },
  { name: 'long', type: 'L', content: `sys/${'x'.repeat(120)}` },
  { name: 'x', content: 'long' },
  { name: 'pax', type: 'x', content: paxRecord('path', 'sys/pax') + paxRecord('size', '3') },
  { name: 'x', content: 'pax' },
  { name: 'sys/link', type: '2', target: '../proc/iomem' },
  { name: 'sys/hard', type: '1', target: 'proc/iomem' },
  { name: 'sys/device', type: '3' },
);

const HEADER_AT = 0x5000_0000n;
const CRASH_TREE = deviceTree({
  '#address-cells': [2],
  '#size-cells': [2],
  chosen: {
    'linux,elfcorehdr': [0, Number(HEADER_AT), 0, 0x400],
    'linux,usable-memory-range': [0, 0x4000_0000, 0, 0x1000_0000, 0, 0x5000_0000, 0, 0x1000_0000],
    'linux,initrd-start': [0, 0x5100_0000],
    'linux,initrd-end': [0, 0x5100_0010],
  },
});
const CRASH_HEADER = formatCore(
  [noteHeader({ address: 0x4300_0000n, size: 0x1a8n }), loadHeader(0x4000_0000n, 0n, 0x1000_0000n)],
  0x400,
  EM_AARCH64,
);

const lookAtCrash = (tree: Uint8Array, header: Uint8Array): void => {
  const loaded = ([address, data]: readonly [bigint, Uint8Array]) => ({
    memory: Range.sized(address, BigInt(Math.max(data.length, 0x1000))),
    data,
  });
  const kernel = lookAtSegments(0x5200_0000n, [
    loaded([0x5200_0000n, arm64Image()]),
    loaded([0x5300_0000n, tree]),
    loaded([HEADER_AT, header]),
  ]);
  lookAtCrashLoad(kernel, [Range.sized(0x4000_0000n, 0x4000_0000n)]);
};

/** Reads all files of a recording that may be none. */
const readArchive = (input: Uint8Array): void => {
  const tree = tarTree(input, (reason) => KexecError.die(reason));
  const visit = (components: readonly string[]): void => {
    const asked = { call: 'visit', path: `/${components.join('/')}` };
    const kind = tree.lstat(components, asked)?.kind;
    if (kind === 'directory') for (const name of tree.list(components, asked)) visit([...components, name]);
    else if (kind === 'symlink') tree.readLink(components, asked);
    else if (kind === 'file') tree.readAt(components, 0, input.length, asked);
    else throw new SystemError('visit', asked.path, 0);
  };
  visit([]);
};

export const targets: readonly FuzzTarget[] = [
  {
    name: 'sim-calls',
    seeds: () => [encode(CALLS), encode(REBOOT_CALLS), encode('[]')],
    run: (input) => {
      formatLines(parseCalls(decode(input), 'calls.json').map(callToJson), 'calls.json');
    },
  },
  {
    name: 'sim-state',
    seeds: () => [encode(STATE)],
    run: (input) => {
      formatState(parseState(decode(input), 'state.json'));
    },
  },
  {
    name: 'sim-iomem',
    seeds: () => [encode(IOMEM)],
    run: (input) => {
      const facts = kernelFacts({ ...NO_FACTS, iomem: decode(input) }, 4096n);
      const mem = facts.crashRegion?.start ?? 0n;
      answerKexecLoad(facts, INITIAL_STATE, {
        entry: mem,
        flags: 1n,
        nrSegments: 1n,
        segments: [{ mem, memsz: 0x1000n, bufsz: 0n, source: { kind: 'zeros' } }],
      });
    },
  },
  {
    name: 'sim-meminfo',
    seeds: () => [
      encode('MemTotal:        1771196 kB\nMemFree:         1745396 kB\n'),
      encode('Linux version 6.12.107+deb13 (x)\n'),
      encode('0-3,8\n'),
    ],
    run: (input) => {
      const text = decode(input);
      kernelFacts({ ...NO_FACTS, meminfo: text, version: text, lockdown: text }, 65536n);
      countCpuList(text);
      pageSizeOfKcore(text);
    },
  },
  {
    name: 'sim-crash-tree',
    seeds: () => [CRASH_TREE],
    run: (input) => lookAtCrash(input, CRASH_HEADER),
  },
  {
    name: 'sim-crash-header',
    seeds: () => [CRASH_HEADER],
    run: (input) => lookAtCrash(CRASH_TREE, input),
  },
  {
    name: 'sim-initrd',
    seeds: () => [new Uint8Array(cpioOf([{ name: 'init', mode: PROGRAM, data: encode('cp /proc/vmcore /mnt') }]))],
    run: (input) => {
      readCpio(input);
    },
  },
  {
    name: 'sim-registers',
    seeds: () => [encode('pc=0xffff800008010000 x0: 1f # there\nlr : ffff800008010004\tpid=42\n')],
    run: (input) => {
      parseRegisters(decode(input), 'registers');
    },
  },
  {
    // A log is made as a kernel says that its structures are, and read as it says that.
    name: 'sim-printk',
    seeds: () => [encode(PRINTK)],
    run: (input) => {
      const values = new Map<string, string>();
      scanVmcoreinfo(input, values, silentLog);
      const layout = printkLayout(new Vmcoreinfo(values));
      if ('missing' in layout) return;
      const places = { descs: 0n, infos: 0n, text: 0n };
      printkMemory(layout, places, [{ level: 6, nanoseconds: 1n, text: 'Bye!' }]);
    },
  },
  {
    name: 'sim-notes',
    seeds: () => [elfNote({ name: 'VMCOREINFO', type: 0, desc: encode(PRINTK) })],
    run: (input) => {
      for (const { desc } of notesIn(input)) recordedLog(decode(desc));
    },
  },
  {
    name: 'sim-tar',
    seeds: () => [ARCHIVE, gzipSync(ARCHIVE), tarOf()].map((bytes) => new Uint8Array(bytes)),
    run: readArchive,
  },
  {
    // Behind the checksums, which no mutation gets past.
    name: 'sim-tar-headers',
    seeds: () => [new Uint8Array(ARCHIVE)],
    run: (input) => {
      const archive = new Uint8Array(input);
      for (let at = 0; at + 512 <= archive.length; at += 512) {
        const block = archive.subarray(at, at + 512);
        if (block.some((byte) => byte !== 0)) sumHeader(block);
      }
      readArchive(archive);
    },
  },
];
