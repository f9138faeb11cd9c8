/** `kexec-sim machines`: the machines that come with the package. */
import { systemRamBytes } from '../kernel/facts/facts.js';
import { kernelRelease } from '../kernel/facts/generations.js';
import { parseResources } from '../kernel/facts/iomem.js';
import { DEFAULT_MACHINE, bundledMachines } from '../kernel/recording/machines.js';
import { recordedMachine } from '../kernel/recorded-system.js';
import type { SubcommandContext, CommonArgv } from './common/context.js';
import { formatAddress, formatJson, formatSize, formatTable } from './common/text.js';

const describeMachine = (name: string, env: SubcommandContext['env']) => {
  const { files, kernel, nrCpus } = recordedMachine({ machine: name, env });
  return {
    name,
    release: kernelRelease(files.readText('/proc/version')),
    ramBytes: systemRamBytes(parseResources(files.readText('/proc/iomem') ?? '')),
    cpus: nrCpus,
    crashRegion: kernel.facts.crashRegion,
  };
};

/** Adds the subcommand to kexec-sim. */
export const addMachinesCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'machines',
    'List the bundled machines',
    (command) => command,
    ({ json }) => {
      const machines = bundledMachines().map((name) => describeMachine(name, context.env));
      if (json) {
        context.out(
          formatJson(
            machines.map(({ name, release, ramBytes, cpus, crashRegion: crash }) => ({
              name,
              default: name === DEFAULT_MACHINE,
              kernel: release ?? null,
              ramBytes: Number(ramBytes),
              cpus,
              crashKernel:
                crash === undefined
                  ? null
                  : { start: formatAddress(crash.start), last: formatAddress(crash.last), bytes: Number(crash.size) },
            })),
          ),
        );
        return;
      }
      const rows = machines.map(({ name, release, ramBytes, cpus, crashRegion: crash }) => [
        name,
        release ?? '-',
        formatSize(ramBytes),
        `${cpus}`,
        crash === undefined ? '-' : `${formatSize(crash.size)} at ${formatAddress(crash.start)}`,
      ]);
      context.out(
        formatTable([['NAME', 'KERNEL', 'RAM', 'CPUS', 'CRASH KERNEL'], ...rows]) +
          `\n${DEFAULT_MACHINE} is the machine where KEXEC_MACHINE and --machine name none.\n`,
      );
    },
  );
