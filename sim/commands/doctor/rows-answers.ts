/** Findings about the kernel's answers: what it refuses whatever the kernel is that is to be loaded. */
import { Errno, strerror } from '../../../kexec/base/error.js';
import type { Row } from './finding.js';
import { formatSize } from '../common/text.js';
import { refusedFor } from './seen.js';
import { configEvidence, segmentsTold } from './tell.js';
import { isAtLeast, kernelRelease } from '../../kernel/facts/generations.js';
import { configSays } from '../../kernel/facts/kernel-config.js';

const EPERM = strerror(Errno.EPERM);

const LOCKDOWN = '/sys/kernel/security/lockdown';

export const ANSWER_ROWS: readonly Row[] = [
  {
    id: 'no-kexec-load',
    severity: 'error',
    when: 'the kernel is built without CONFIG_KEXEC, and so has no kexec_load',
    example: 'kexec_load answers ENOSYS: this kernel is built without CONFIG_KEXEC.',
    fixes: ['run a kernel with CONFIG_KEXEC=y (on arm64 it needs CONFIG_PM_SLEEP_SMP, too)'],
    isOfOneWay: true,
    look: (seen) => {
      if (refusedFor(seen, strerror(Errno.ENOSYS))?.call !== 'kexec_load') return undefined;
      return {
        sentence: 'kexec_load answers ENOSYS: this kernel is built without CONFIG_KEXEC.',
        evidence: [configEvidence(seen.files.kernelConfig(), 'KEXEC')],
      };
    },
    log: {
      pattern: /kexec_load failed: Function not implemented/,
      sentence: 'kexec_load answers ENOSYS: that kernel is built without CONFIG_KEXEC.',
      ask: 'zcat /proc/config.gz | grep KEXEC, or grep KEXEC /boot/config-$(uname -r)',
    },
  },
  {
    id: 'no-file-load',
    severity: 'error',
    when: '-s asks for kexec_file_load, and the kernel is built without CONFIG_KEXEC_FILE',
    example: '-s asks for kexec_file_load, which this kernel does not have.',
    fixes: ['leave out -s, or give -c', 'run a kernel with CONFIG_KEXEC_FILE=y'],
    isOfOneWay: true,
    look: (seen) => {
      const { chosen, files } = seen;
      const missing = refusedFor(seen, strerror(Errno.ENOSYS))?.call === 'kexec_file_load';
      if (!missing && (chosen.exitCode === 0 || !/syscall kexec_file_load not available\./.test(chosen.said)))
        return undefined;
      const config = files.kernelConfig();
      if (configSays(config, 'KEXEC_FILE') === true) return undefined;
      return {
        sentence: '-s asks for kexec_file_load, which this kernel does not have.',
        evidence: [configEvidence(config, 'KEXEC_FILE')],
      };
    },
    log: {
      pattern: /syscall kexec_file_load not available\./,
      sentence: 'kexec_file_load is not there, or does not take that kernel (ENOSYS, EINVAL, ENOEXEC or EOPNOTSUPP).',
      ask: 'the rest of the log with -d, and what dmesg says of it',
    },
  },
  {
    id: 'debug-flag',
    severity: 'error',
    when: '-d makes kexec_file_load ask the kernel for its own messages, which Linux before 6.7 refuses',
    example: "With -d, kexec_file_load asks for the kernel's messages, which 6.1.0 does not know: it answers EINVAL.",
    fixes: ['leave out -d'],
    isOfOneWay: true,
    look: ({ chosen, files, wanted }) => {
      const version = files.readText('/proc/version');
      const isAsked = wanted.given.includes('debug') && wanted.compat.fileDebugFlag;
      const isRefused =
        chosen.exitCode !== 0 &&
        /syscall kexec_file_load not available\.|kexec_file_load failed: Invalid/.test(chosen.said);
      if (!isAsked || !isRefused || isAtLeast(version, 6, 7)) return undefined;
      if (configSays(files.kernelConfig(), 'KEXEC_FILE') !== true) return undefined;
      const release = kernelRelease(version) ?? 'a kernel before 6.7';
      return {
        sentence: `With -d, kexec_file_load asks for the kernel's messages, which ${release} does not know: it answers EINVAL.`,
        evidence: ['/proc/version'],
      };
    },
  },
  {
    id: 'load-disabled',
    severity: 'error',
    when: 'loading is switched off until the next boot by the sysctl kexec_load_disabled',
    example: 'kexec_file_load answers EPERM: kexec_load_disabled is 1, and stays so until the next boot.',
    fixes: [
      "boot without what sets it: kernel.kexec_load_disabled in /etc/sysctl.d, NixOS' security.protectKernelImage",
      'load a kernel before it is set',
    ],
    look: (seen) => {
      const refusal = refusedFor(seen, EPERM);
      if (refusal === undefined || !seen.state.loadDisabled) return undefined;
      return {
        sentence: `${refusal.call} answers EPERM: kexec_load_disabled is 1, and stays so until the next boot.`,
        evidence: ['/proc/sys/kernel/kexec_load_disabled: 1'],
      };
    },
  },
  {
    id: 'load-limit',
    severity: 'error',
    when: 'as many loads have been made as kexec_load_limit_reboot or kexec_load_limit_panic allowed',
    example: 'kexec_load answers EPERM: kexec_load_limit_panic is 0, no further load is allowed.',
    fixes: ['boot anew: the limits can only be lowered'],
    look: (seen) => {
      const refusal = refusedFor(seen, EPERM);
      const { state, wanted } = seen;
      const [name, left] = wanted.onCrash ? ['panic', state.limitPanic] : ['reboot', state.limitReboot];
      if (refusal === undefined || left !== 0) return undefined;
      return {
        sentence: `${refusal.call} answers EPERM: kexec_load_limit_${name} is 0, no further load is allowed.`,
        evidence: [`/proc/sys/kernel/kexec_load_limit_${name}: 0`],
      };
    },
  },
  {
    id: 'locked-down',
    severity: 'error',
    when: 'the kernel is locked down, and takes signed kernels only, by kexec_file_load',
    example:
      'kexec_load answers EPERM: the kernel is locked down, and takes signed kernels only, by kexec_file_load (-s).',
    fixes: [
      'load a kernel that is signed by a key that this one trusts, with -s',
      'switch Secure Boot off, or boot without lockdown=',
    ],
    isOfOneWay: true,
    look: (seen) => {
      const refusal = refusedFor(seen, EPERM);
      if (refusal === undefined || !seen.facts.lockedDown) return undefined;
      const what =
        refusal.call === 'kexec_load'
          ? 'takes signed kernels only, by kexec_file_load (-s)'
          : 'this kernel has no signature';
      return {
        sentence: `${refusal.call} answers EPERM: the kernel is locked down, and ${what}.`,
        evidence: [
          `${LOCKDOWN}: ${seen.files.readText(LOCKDOWN)?.trim() ?? ''}`,
          ...seen.chosen.kernelLog.filter((line) => line.startsWith('Lockdown')).map((line) => `dmesg: ${line}`),
        ],
      };
    },
    log: {
      pattern: /Lockdown: kexec: kexec of unsigned images is restricted/,
      sentence: 'That kernel is locked down, and takes signed kernels only, by kexec_file_load (-s).',
      ask: 'cat /sys/kernel/security/lockdown, mokutil --sb-state',
    },
  },
  {
    id: 'signature-wanted',
    severity: 'error',
    when: 'kexec_file_load takes signed kernels only (CONFIG_KEXEC_SIG_FORCE), and this one is not signed, or by nobody known',
    example: 'kexec_file_load answers ENODATA: this kernel wants signatures, and the file has none.',
    fixes: ['load a signed kernel', 'use kexec_load (-c), which asks for no signature'],
    isOfOneWay: true,
    look: (seen) => {
      const refusal = refusedFor(seen, ...[Errno.ENODATA, Errno.ELIBBAD, Errno.EKEYREJECTED].map(strerror));
      if (refusal?.call !== 'kexec_file_load') return undefined;
      const has = refusal.reason === strerror(Errno.EKEYREJECTED) ? 'none that it could verify' : 'none';
      return {
        sentence: `kexec_file_load answers ${refusal.reason}: this kernel wants signatures, and the file has ${has}.`,
        evidence: [
          configEvidence(seen.files.kernelConfig(), 'KEXEC_SIG_FORCE'),
          ...seen.chosen.kernelLog.filter((line) => line.includes('signature')).map((line) => `dmesg: ${line}`),
        ],
      };
    },
    log: {
      pattern: /kexec_file_load failed: (?:Required key not available|No data available|Key was rejected by service)/,
      sentence: 'That kernel wants a signature by a key that it trusts, and the file has none.',
      ask: 'zcat /proc/config.gz | grep KEXEC_SIG, and what dmesg says of it',
    },
  },
  {
    id: 'not-permitted',
    severity: 'error',
    when: 'a call answers EPERM, and nothing that is recorded tells why',
    example: 'kexec_load answers EPERM, and nothing that is recorded tells why.',
    fixes: [
      'run kexec as root',
      'look at /proc/sys/kernel/kexec_load_disabled, /sys/kernel/security/lockdown and dmesg there',
    ],
    isLastResort: true,
    isOfOneWay: true,
    look: (seen) => {
      const refusal = refusedFor(seen, EPERM);
      return (
        refusal && { sentence: `${refusal.call} answers EPERM, and nothing that is recorded tells why.`, evidence: [] }
      );
    },
    log: {
      pattern: /kexec(?:_file)?_load failed: Operation not permitted/,
      sentence:
        'The call answers EPERM: root is missing, kexec_load_disabled is 1, a load limit is used up, or lockdown is on.',
      ask: 'cat /proc/sys/kernel/kexec_load_* /sys/kernel/security/lockdown; dmesg | grep -i -e lockdown -e kexec; id -u',
    },
  },
  {
    id: 'cpus-cannot-stop',
    severity: 'error',
    when: 'there are processors that the kernel could not switch off (spin-table, no CPU hotplug, protected KVM): it refuses all loads but those for a panic',
    example: 'kexec_load answers EBUSY: the processors 0-3 are started by spin-table, and cannot be switched off.',
    fixes: [
      'use firmware with PSCI, such as TF-A, and a device tree with enable-method = "psci"',
      'boot with nr_cpus=1 (maxcpus=1 does not help: the others stay possible)',
    ],
    look: (seen) => {
      const refusal = refusedFor(seen, strerror(Errno.EBUSY));
      const stuck = seen.facts.stuckCpus?.();
      if (refusal === undefined || stuck === undefined) return undefined;
      const possible = seen.files.readText('/sys/devices/system/cpu/possible')?.trim() ?? '';
      const [, method] = /= "([^"]*)"/.exec(stuck.evidence[0] ?? '') ?? [];
      const why = {
        method: `the processors ${possible} are started by ${method ?? 'no known method'}, and cannot be switched off`,
        'no hotplug': `the processors ${possible} cannot be switched off: the kernel is built without CONFIG_HOTPLUG_CPU`,
        'protected KVM': 'protected KVM holds EL2, and does not give it up',
        lost: 'a processor did not come up right, and still runs in the kernel',
      }[stuck.why];
      const fixes = {
        method: undefined,
        'no hotplug': ['run a kernel with CONFIG_HOTPLUG_CPU=y', 'boot with nr_cpus=1'],
        'protected KVM': ['boot without kvm-arm.mode=protected'],
        lost: ['boot with nr_cpus=1, or without the processor that fails'],
      }[stuck.why];
      return {
        sentence: `${refusal.call} answers EBUSY: ${why}.`,
        evidence: [
          ...stuck.evidence,
          ...seen.chosen.kernelLog.filter((line) => line.includes('stuck')).map((line) => `dmesg: ${line}`),
        ],
        ...(fixes && { fixes }),
      };
    },
    log: {
      pattern: /CPUs are stuck in the kernel|kexec(?:_file)?_load failed: Device or resource busy/,
      sentence:
        'The call answers EBUSY: there are processors that the kernel could not switch off; or another load is under way.',
      ask: 'dmesg | grep -i stuck; cat /sys/devices/system/cpu/possible; cat /proc/device-tree/cpus/cpu*/enable-method',
    },
  },
  {
    id: 'half-of-ram',
    severity: 'error',
    when: 'what is to be loaded has more pages than half of the RAM, which the kernel refuses',
    example: 'kexec_load answers EINVAL: 1.2 GiB are to be loaded, more than half of 2.0 GiB of RAM.',
    fixes: ['load a smaller initrd'],
    look: (seen) => {
      const refusal = refusedFor(seen, strerror(Errno.EINVAL));
      if (refusal === undefined) return undefined;
      const bytes = segmentsTold(seen.chosen.said).reduce((sum, { memsz }) => sum + memsz, 0n);
      const { totalRamPages, pageSize } = seen.facts;
      const ram = totalRamPages * pageSize;
      const wanted =
        bytes > 0n ? bytes : BigInt((seen.wanted.initrdBytes ?? 0) + (seen.wanted.kernelFile?.length ?? 0));
      if (wanted <= ram / 2n) return undefined;
      return {
        sentence: `${refusal.call} answers EINVAL: ${formatSize(wanted)} are to be loaded, more than half of ${formatSize(ram)} of RAM.`,
        evidence: [`/proc/meminfo: MemTotal ${ram >> 10n} kB`],
      };
    },
  },
];
