/** All limits that a user may come upon: what, how much, and how to change it. */
import { LONGEST_LINE } from '../debug-log/parse.js';
import { MOST_DIFFERENCES, MOST_LINES, MOST_OTHERS } from '../debug-log/report.js';
import { MAX_TIMEOUT, UNATTENDED_TIMEOUT_MS } from '../host/execution-options.js';
import { ZSTD_MS_A_MIB, ZSTD_START_MS } from '../host/platform-node.js';
import { MAX_LIMIT } from '../host/run-command.js';
import { DEFAULT_DECOMPRESS_LIMIT } from '../kexec/compression/read-context.js';
import { MAX_IMAGE_BYTES } from '../kexec/elf/kexec-elf-rel.js';
import { MAX_NOTE_BYTES } from '../kexec/running-kernel/core-reader.js';
import { LEAST_MEMORY, MAX_TEXT, MOST_MEMORY } from '../sim/commands/boot/options.js';
import { DEFAULT_TIMEOUT_MS } from '../sim/commands/boot/session.js';
import { MAX_OUTPUT_BYTES, MAX_REGISTERS_BYTES } from '../sim/commands/cpu.js';
import { MAX_LOG_BYTES, MAX_LOG_LINES } from '../sim/commands/common/read-log.js';
import { MAX_UNPACKED_INITRD } from '../sim/commands/doctor/initrd.js';
import { MAX_HEADERS_BYTES, MAX_NOTES_BYTES, MOST_PIECES } from '../sim/commands/inspect/open-core.js';
import { MAX_IMAGE_FILE_BYTES } from '../sim/commands/symbols/run-symbols.js';
import { MOST_FRAMES, MOST_RESOURCES } from '../sim/kernel/inspect/machine-commands.js';
import { MAX_KERNEL_BYTES } from '../sim/kernel/inspect/kernel-view.js';
import { MOST_FOUND, MOST_UNITS } from '../sim/kernel/inspect/memory-commands.js';
import { MOST_TABLES } from '../sim/kernel/inspect/page-dump.js';
import { MOST_DIGESTED } from '../sim/commands/disks/file-disk.js';
import { MAX_EXECUTABLE_BYTES } from '../sim/commands/extract-purgatory.js';
import { MAX_COMMAND_LINE, MAX_TREE } from '../sim/kernel/boot/load-boot.js';
import { MAX_PACKET } from '../sim/gdb/packets.js';
import { MOST_MONITOR_LINES } from '../sim/kernel/debug/monitor.js';
import { MAX_BREAKPOINTS, MAX_WATCHED_BYTES, MAX_WATCHPOINTS } from '../sim/kernel/debug/stop-points.js';
import { MAX_CALLS_BYTES } from '../sim/kernel/calls/record.js';
import { MAX_ENTRIES } from '../sim/kernel/facts/board-arm64.js';
import { MOST_EVENTS, MOST_UNDO_BYTES } from '../sim/kernel/history/history.js';
import { MAX_TRACE_BYTES, MOST_TRACE_BYTES } from '../sim/kernel/trace/wanted.js';
import { MAX_TRACE_HEAD } from '../sim/kernel/trace/trace-file.js';
import { MAX_TRACE_FILE } from '../sim/commands/trace.js';
import { MAX_PROCESSORS } from '../sim/kernel/machine/whole-machine.js';
import { MAX_REGISTERS_TEXT } from '../sim/kernel/panic/registers-file.js';
import { LARGEST_FILE } from '../sim/kernel/recording/host-files.js';
import { PIPE_PATIENCE_MS } from '../sim/kernel/recording/input-files.js';
import { MAX_BYTES_OF, MAX_CONFIG, MAX_LINKS, MAX_RECORDED_BYTES } from '../sim/kernel/recording/machine-files.js';
import { MAX_BYTES as MAX_ARCHIVE_BYTES, MAX_NODES } from '../sim/kernel/recording/tar-recording.js';
import { MAX_LOG_LINES as MAX_GUEST_LOG_LINES } from '../sim/kernel/run/guest-report.js';
import { MAX_WAITING } from '../sim/kernel/run/typed-input.js';
import { MAX_BYTES as MAX_KERNEL_LOG_BYTES } from '../sim/kernel/state/kernel-log.js';
import { EMPTY_LOCK_MS } from '../sim/kernel/state/lock.js';
import { MAX_STATE_BYTES } from '../sim/kernel/state/state.js';
import { MOST_BANNER_BYTES } from '../sim/kernel/facts/generations.js';
import { MOST_TREES } from '../sim/kernel/vmcore/crash-tree.js';
import { MAX_NOTES, MAX_NOTE_SEGMENT } from '../sim/kernel/vmcore/notes.js';
import { MOST_TIMES_RAM } from '../sim/kernel/vmcore/proc-vmcore.js';
import { MAX_DEVICES } from '../sim/machine/boards/make-devices.js';
import { MAX_ALL_BYTES, MAX_FILE_BYTES } from '../sim/kernel/translations/translation-file.js';
import { MAX_KEPT_BYTES } from '../sim/cpu/translations.js';
import { LINEAR_BYTES } from '../sim/machine/memory.js';
import { MAX_OUTPUT } from '../vmcore-dmesg/vmcore-dmesg.js';

export interface Limit {
  readonly what: string;
  readonly most: string;
  /** The option that changes it; undefined for none. */
  readonly option?: string;
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB'] as const;

const bytes = (size: number | bigint): string => {
  let [scaled, unit] = [Number(size), 0];
  for (; scaled % 1024 === 0 && unit < UNITS.length - 1; unit++) scaled /= 1024;
  return `${scaled} ${UNITS[unit]!}`;
};

const seconds = (ms: number): string => `${ms / 1000} s`;

/** By what they are about. */
export const LIMITS: Readonly<Record<string, readonly Limit[]>> = {
  'Files that are named on the command line': [
    { what: 'a kernel, an initrd, a device tree, a purgatory', most: bytes(LARGEST_FILE) },
    {
      what: `what a compressed kernel holds (the option takes up to ${bytes(MAX_LIMIT)})`,
      most: bytes(DEFAULT_DECOMPRESS_LIMIT),
      option: '`--sim-decompress-limit`',
    },
    {
      what: 'processor time for a zstd file',
      most: `${seconds(ZSTD_START_MS)}, and ${seconds(ZSTD_MS_A_MIB)} for each MiB that it may hold`,
    },
    { what: 'a purgatory in memory', most: bytes(MAX_IMAGE_BYTES) },
    { what: 'the headers of a core file for `kexec-sim inspect`', most: bytes(MAX_HEADERS_BYTES) },
    { what: 'the notes of one', most: bytes(MAX_NOTES_BYTES) },
    { what: 'pieces of memory in one', most: `${MOST_PIECES}` },
    { what: 'a kernel for `kexec-sim symbols`', most: bytes(MAX_IMAGE_FILE_BYTES) },
    { what: 'a pipe that says nothing', most: seconds(PIPE_PATIENCE_MS) },
    { what: 'a log for `kexec-sim diff` and `doctor`', most: `${bytes(MAX_LOG_BYTES)}, ${MAX_LOG_LINES} lines` },
    { what: "a line of such a log that can be kexec's", most: bytes(LONGEST_LINE) },
    { what: 'what an initrd unpacks to that `kexec-sim doctor` looks into', most: bytes(MAX_UNPACKED_INITRD) },
    { what: '`kexec-sim cpu --registers`', most: bytes(MAX_REGISTERS_BYTES) },
    { what: '`kexec-sim panic --registers`', most: bytes(MAX_REGISTERS_TEXT) },
    { what: '`kexec-sim cpu --load`', most: "the machine's RAM" },
    { what: 'an executable for `kexec-sim extract-purgatory`', most: bytes(MAX_EXECUTABLE_BYTES) },
    { what: 'a list of recorded calls', most: bytes(MAX_CALLS_BYTES) },
    { what: 'a disk whose content is compared when a machine goes on', most: bytes(MOST_DIGESTED) },
    { what: 'a note of a core file for `vmcore-dmesg`', most: bytes(MAX_NOTE_BYTES) },
  ],
  Recordings: [
    ...Object.entries(MAX_BYTES_OF).map(([file, size]) => ({ what: `\`${file}\``, most: bytes(size) })),
    { what: 'any other file, as far as it is read at once', most: bytes(MAX_RECORDED_BYTES) },
    { what: '`/proc/config.gz`, packed or not', most: bytes(MAX_CONFIG) },
    { what: 'a tar file, packed or not', most: `${bytes(MAX_ARCHIVE_BYTES)}, ${MAX_NODES} entries` },
    { what: 'links in one path', most: `${MAX_LINKS}` },
    { what: 'files of a device tree', most: `${MAX_ENTRIES}` },
  ],
  'What is kept of a simulated kernel': [
    { what: '`state.json`', most: bytes(MAX_STATE_BYTES) },
    { what: "the kernel's log, whose oldest lines go", most: bytes(MAX_KERNEL_LOG_BYTES) },
    { what: 'a lock that names no process', most: seconds(EMPTY_LOCK_MS) },
  ],
  'What is kept of what processors translated': [
    { what: "a kernel's file, and the translations in it", most: `${bytes(MAX_FILE_BYTES)}, ${bytes(MAX_KEPT_BYTES)}` },
    { what: 'all files, of which the oldest go', most: bytes(MAX_ALL_BYTES), option: '`KEXEC_TRANSLATIONS=off`' },
  ],
  Machines: [
    { what: 'RAM in use', most: bytes(LINEAR_BYTES + (1 << 16)) },
    {
      what: `RAM of an invented machine (at least ${bytes(LEAST_MEMORY)})`,
      most: bytes(MOST_MEMORY),
      option: '`--memory`',
    },
    { what: 'processors', most: `${MAX_PROCESSORS}`, option: '`--cpus`, up to that' },
    { what: 'devices of a board', most: `${MAX_DEVICES}` },
    { what: 'the device tree of a booted kernel', most: bytes(MAX_TREE) },
    { what: 'the command line of a booted kernel', most: `${MAX_COMMAND_LINE} characters` },
    { what: 'what is typed and not yet read by the machine', most: bytes(MAX_WAITING) },
    {
      what: 'a trace, of which the oldest events are dropped',
      most: bytes(MOST_TRACE_BYTES),
      option: `\`size=MiB\` of \`--sim-trace\` and \`--trace\`, up to ${bytes(MAX_TRACE_BYTES)}`,
    },
    { what: 'the file of a trace that is read', most: bytes(MAX_TRACE_FILE) },
    { what: 'what a trace has beside its events', most: bytes(MAX_TRACE_HEAD) },
    { what: "pages that a machine's past is kept in, for a debugger that goes back", most: bytes(MOST_UNDO_BYTES) },
    { what: "what was typed in a machine's past, and pauses of one that waits for it", most: `${MOST_EVENTS}` },
  ],
  Runs: [
    {
      what: `\`kexec -e\` that nobody watches (the option takes up to ${MAX_TIMEOUT} s)`,
      most: seconds(UNATTENDED_TIMEOUT_MS),
      option: '`--sim-timeout`',
    },
    {
      what: '`kexec-sim boot`, `resume` and `panic`, the same',
      most: seconds(DEFAULT_TIMEOUT_MS),
      option: '`--timeout`',
    },
    { what: 'the text of `--until console:TEXT`', most: `${MAX_TEXT} characters` },
  ],
  gdb: [
    { what: 'a packet', most: bytes(MAX_PACKET) },
    { what: 'breakpoints', most: `${MAX_BREAKPOINTS}` },
    { what: 'watchpoints', most: `${MAX_WATCHPOINTS}, of ${bytes(MAX_WATCHED_BYTES)} each` },
    { what: 'an answer to `monitor` of gdb', most: `${MOST_MONITOR_LINES} lines` },
  ],
  Dumps: [
    { what: 'a segment of notes, and all of them', most: `${bytes(MAX_NOTE_SEGMENT)}, ${bytes(MAX_NOTES)}` },
    { what: "what program headers tell of, by the machine's RAM", most: `${MOST_TIMES_RAM} times as much` },
    { what: "a kernel's banner, the rest of which is not read", most: bytes(MOST_BANNER_BYTES) },
    { what: "device trees in the machine's memory", most: `${MOST_TREES}` },
  ],
  'What is shown': [
    { what: '`output` of `kexec-sim cpu --json`', most: bytes(MAX_OUTPUT_BYTES) },
    {
      what: '`kexec-sim diff`',
      most: `${MOST_DIFFERENCES} differences, ${MOST_LINES} lines of each, ${MOST_OTHERS} lines of others`,
      option: '`--json` shows all',
    },
    { what: "the log in a stopped kernel's memory", most: `${MAX_GUEST_LOG_LINES} lines` },
    { what: '`vmcore-dmesg`, as the original', most: bytes(MAX_OUTPUT) },
  ],
  'A machine that is inspected': [
    { what: "a kernel's Image in memory", most: bytes(MAX_KERNEL_BYTES) },
    { what: 'numbers or instructions that one command shows', most: `${MOST_UNITS}` },
    { what: 'places that a search tells', most: `${MOST_FOUND}` },
    { what: 'translation tables that one dump reads', most: `${MOST_TABLES}` },
    { what: 'calls that `bt` shows', most: `${MOST_FRAMES}` },
    { what: 'resources of the kernel that `iomem` shows', most: `${MOST_RESOURCES}` },
  ],
};
