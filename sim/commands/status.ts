/** `kexec-sim status`: what is loaded on the machine. */
import { IFF_UP } from '../../kexec/ifdown.js';
import { kernelRelease } from '../kernel/facts/generations.js';
import { signaturePolicy } from '../kernel/facts/policies.js';
import type { RecordedMachine } from '../kernel/recorded-machine.js';
import type { ImageSlot } from '../kernel/rules/kexec-load.js';
import { interfaceFlags } from '../kernel/rules/network.js';
import type { SimulatedKernel } from '../kernel/simulated-kernel.js';
import { type SubcommandContext, type CommonArgv, openMachine } from './common/context.js';
import { formatAddress, formatJson, formatSize, formatTable } from './common/text.js';

const slotToJson = (slot: ImageSlot) => {
  if (slot === undefined) return { loaded: false };
  if (slot === 'unknown') return { loaded: true, contents: 'unknown' };
  return {
    loaded: true,
    entry: formatAddress(slot.entry),
    flags: formatAddress(slot.flags),
    segments: slot.segments.length,
    bytes: Number(slot.segments.reduce((sum, { bufsz }) => sum + bufsz, 0n)),
    memoryBytes: Number(slot.segments.reduce((sum, { memsz }) => sum + memsz, 0n)),
  };
};

const slotToText = (slot: ImageSlot): string => {
  if (slot === undefined) return 'not loaded';
  if (slot === 'unknown') return 'loaded before the machine was recorded; contents unknown';
  const memory = slot.segments.reduce((sum, { memsz }) => sum + memsz, 0n);
  const bytes = slot.segments.reduce((sum, { bufsz }) => sum + bufsz, 0n);
  const count = slot.segments.length;
  return [
    `loaded: entry ${formatAddress(slot.entry)}`,
    `${count} segment${count === 1 ? '' : 's'}`,
    `${formatSize(bytes)} of data in ${formatSize(memory)} of memory`,
  ].join(', ');
};

interface InterfaceStatus {
  readonly name: string;
  /** undefined when the recording does not tell. */
  readonly up: boolean | undefined;
}

const interfacesOf = ({ interfaces, state }: SimulatedKernel): readonly InterfaceStatus[] =>
  interfaces.map(({ name }) => {
    const flags = interfaceFlags(interfaces, state, name);
    return { name, up: flags === undefined ? undefined : (flags & IFF_UP) !== 0 };
  });

const interfaceToText = ({ name, up }: InterfaceStatus): string =>
  `${name} ${up === undefined ? 'in an unknown state' : up ? 'up' : 'down'}`;

/** What keeps the machine's kernel from loading, or may. */
const refusalsOf = ({ kernel, files }: RecordedMachine): readonly string[] => {
  const { facts, state } = kernel;
  const signatures = signaturePolicy(files, facts.lockedDown);
  const stuck = facts.stuckCpus?.();
  return [
    ...(facts.hasKexecLoad ? [] : ['kexec_load is not there (CONFIG_KEXEC)']),
    ...(state.loadDisabled ? ['kexec_load_disabled is 1'] : []),
    ...(state.limitReboot < 0 ? [] : [`kexec_load_limit_reboot is ${state.limitReboot}`]),
    ...(state.limitPanic < 0 ? [] : [`kexec_load_limit_panic is ${state.limitPanic}`]),
    ...(facts.lockedDown ? ['the kernel is locked down'] : []),
    ...(signatures?.enforced === true ? ['kexec_file_load wants signatures'] : []),
    ...(stuck === undefined ? [] : [`processors cannot be stopped (${stuck.evidence.join(', ')})`]),
    ...(facts.handover === undefined ? [] : ['kexec_file_load keeps to the scratch areas of kernel handover']),
  ];
};

/** Adds the subcommand to kexec-sim. */
export const addStatusCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'status',
    'Show what is loaded on the machine',
    (command) => command,
    (args) => {
      const machine = openMachine(args, context);
      const state = machine.kernel.state;
      const interfaces = interfacesOf(machine.kernel);
      const refusals = refusalsOf(machine);
      const release = kernelRelease(machine.files.readText('/proc/version'));
      if (args.json) {
        context.out(
          formatJson({
            machine: machine.name,
            kernel: release ?? null,
            answersAs: machine.kernel.facts.generation,
            state: machine.stateDirectory,
            normal: slotToJson(state.normal),
            crash: slotToJson(state.crash),
            refusals,
            ...(interfaces.length > 0 && { interfaces: interfaces.map(({ name, up }) => ({ name, up: up ?? null })) }),
          }),
        );
        return;
      }
      context.out(
        formatTable([
          [
            'machine',
            `${machine.name} (Linux ${release ?? 'of unknown release'}, answers as ${machine.kernel.facts.generation})`,
          ],
          ['state', machine.stateDirectory],
          ['normal', slotToText(state.normal)],
          ['crash', slotToText(state.crash)],
          ...refusals.map((text, i) => [i === 0 ? 'refusals' : '', text]),
          ...(interfaces.length > 0 ? [['network', interfaces.map(interfaceToText).join(', ')]] : []),
        ]),
      );
    },
  );
