/** The help and the version of kexec-tools. */
import type { Compat } from '../base/compat.js';

/** The first line of the help, and all of `--version`. */
export const versionText = (compat: Compat): string => `kexec-tools ${compat.release}\n`;

/** What usage() of kexec/kexec.c prints. */
export const usageText = (
  compat: Compat,
  formats: readonly { readonly name: string; readonly usage: string }[],
  archUsage: string,
): string => {
  const when = (condition: boolean, ...lines: readonly string[]): readonly string[] => (condition ? lines : []);
  const lines: readonly string[] = [
    'Usage: kexec [OPTION]... [kernel]',
    'Directly reboot into a new kernel',
    '',
    ' -h, --help           Print this help.',
    ' -v, --version        Print the version of kexec.',
    ' -f, --force          Force an immediate kexec,',
    "                      don't call shutdown.",
    ' -i, --no-checks      Fast reboot, no memory integrity checks.',
    " -x, --no-ifdown      Don't bring down network interfaces.",
    " -y, --no-sync        Don't sync filesystems before kexec.",
    ' -l, --load           Load the new kernel into the',
    '                      current kernel.',
    ' -p, --load-panic     Load the new kernel for use on panic.',
    ' -u, --unload         Unload the current kexec target kernel.',
    '                      If capture kernel is being unloaded',
    '                      specify -p with -u.',
    ' -e, --exec           Execute a currently loaded kernel.',
    ...when(
      compat.hasLiveUpdate,
      '     --exec-live-update Execute a currently loaded xen image after',
      'storing the state required to live update.',
    ),
    ' -t, --type=TYPE      Specify the new kernel is of this type.',
    '     --mem-min=<addr> Specify the lowest memory address to',
    '                      load code into.',
    '     --mem-max=<addr> Specify the highest memory address to',
    '                      load code into.',
    '     --reuseinitrd    Reuse initrd from first boot.',
    '     --print-ckr-size Print crash kernel region size.',
    '     --load-preserve-context Load the new kernel and preserve',
    '                      context of current kernel during kexec.',
    '     --load-jump-back-helper Load a helper image to jump back',
    '                      to original kernel.',
    ...when(
      compat.hasLiveUpdate,
      '     --load-live-update Load the new kernel to overwrite the',
      '                      running kernel.',
    ),
    '     --entry=<addr>   Specify jump back address.',
    "                      (0 means it's not jump back or",
    '                      preserve context)',
    '                      to original kernel.',
    ' -s, --kexec-file-syscall Use file based syscall for kexec operation',
    ' -c, --kexec-syscall  Use the kexec_load syscall for for compatibility',
    `                      with systems that don't support -s${compat.fileLoadByDefault ? '' : ' (default)'}`,
    ' -a, --kexec-syscall-auto  Use file based syscall for kexec and fall',
    '                      back to the compatibility syscall when file based',
    '                      syscall is not supported or the kernel did not',
    `                      understand the image${compat.fileLoadByDefault ? ' (default)' : ''}`,
    ...when(
      compat.hasHotplug,
      ' --hotplug            Do in-kernel update of kexec segments on CPU/Memory',
      '                      hot add/remove events, avoiding the need to reload',
      '                      kdump kernel on online/offline events.',
    ),
    ...when(
      compat.hasCmaAndDtbFlags,
      " --no-cma             Don't use CMA for placing kexec payloads.",
      " --force-dtb          Carry over the current boot's device tree blob (x86",
      '                      only, this is forced on ARM64 and PPC).',
    ),
    ' -d, --debug          Enable debugging to help spot a failure.',
    ...(compat.statusIgnoresLoad
      ? [' -S, --status         Return 0 if the type (by default crash) is loaded.']
      : [
          ' -S, --status         Return 1 if the type (by default crash) is loaded,',
          '                      0 if not.',
        ]),
    '',
    'Supported kernel file types and options: ',
  ];
  return [
    versionText(compat),
    lines.map((line) => `${line}\n`).join(''),
    ...formats.map(({ name, usage }) => `${name}\n${usage}`),
    'Architecture options: \n',
    archUsage,
    '\n',
  ].join('');
};
