/**
 * What kexec says on arm64, as far as it takes to find its lines among others', and what of a line two runs need not
 * have in common.
 */

/** Functions that name themselves in their messages (`__func__`), in all releases that the log may be of. */
const FUNCTIONS = [
  'arch_process_options',
  'arm64_load_other_segments',
  'arm64_locate_kernel_segment',
  'arm64_process_image_header',
  'cells_size_fitted',
  'do_kexec_file_load',
  'dtb_add_range_property',
  'dtb_delete_property',
  'dtb_set_bootargs',
  'dtb_set_initrd',
  'dtb_set_property',
  'dump_reservemap',
  'elf_arm64_load',
  'elf_arm64_probe',
  'elf_exec_load',
  'get_cells_size',
  'get_crash_notes_per_cpu',
  'get_memory_ranges',
  'get_memory_ranges_dt',
  'get_memory_ranges_iomem',
  'get_memory_ranges_iomem_cb',
  'image_arm64_load',
  'image_arm64_probe',
  'load_crashdump_segments',
  'lzma_decompress_file',
  'machine_apply_elf_rel',
  'pez_arm64_load',
  'pez_arm64_probe',
  'pez_prepare',
  'read_1st_dtb',
  'read_proc_dtb',
  'read_sys_dtb',
  'set_phys_offset',
  'setup_2nd_dtb',
  'zImage_arm64_load',
  'zImage_arm64_probe',
].join('|');

/** How every other message for stderr begins. */
const STDERR = new RegExp(
  [
    `(?:kexec: )?(?:${FUNCTIONS})(?::LINE)?:`,
    'Try (?:gzip|LZMA|zstd) decompression\\.$',
    'kernel: POINTER kernel_size: ',
    '(?:System RAM ranges;|Reserved memory range|Coredump memory ranges)$',
    '[0-9a-f]{16}-[0-9a-f]{16} \\(\\d\\)$',
    'initrd: base [0-9a-f]+, size ',
    'dtb: base [0-9a-f]+, size ',
    'sym: \\S+ (?:info|value): ',
    'kexec_load: entry = ',
    'kexec_file_load: flags = 0x',
    'entry = 0x[0-9a-f]+ flags = 0x',
    'nr_segments = \\d+$',
    'segment\\[\\d+\\]\\.(?:buf|bufsz|mem|memsz) = ',
    '(?:page_offset|va_bits) : ',
    'kernel symbol \\S+ vaddr = ',
    'Cannot (?:get kernel|open [`/]|load |read |determine the file type|malloc \\d|parse |stat `|find a proper _stext)',
    "Can't (?:open \\(|get the symbol|read /proc)",
    "Warning, (?:can't get the VA_BITS|the range already)",
    'Warning: kernel segment limit',
    '(?:Elf|vmcoreinfo|Kernel text Elf) header: p_type = ',
    'kexec: (?:[\\w ]+ failed\\.|Error: |Empty ramdisk|Invalid 2nd|cannot |elfcorehdr |usable memory|find_purgatory_sink|Bad elf)',
    'kexec_load failed: ',
    'kexec_file_load(?:\\(unload\\))? failed',
    'kexec (?:unload )?failed: ',
    'syscall kexec_file_load not available\\.',
    'Could not (?:find a free area of memory|get memory layout|open )',
    'Overlapping memory segments at ',
    'Invalid memory segment ',
    'Memory for crashkernel is not reserved$',
    'Please reserve memory by passing',
    'Then try to loading kdump kernel$',
    'Kernel command line too long',
    'Modified cmdline:',
    '(?:Unsupported (?:kernel|machine) type|Wrong file type)',
    '(?:Bad section header\\(|Requires an ELF interpreter$|Invalid data |No RAM|snprintf failed: )',
    'ELF (?:Type|architecture|program headers|executable is|rel parse failed|Note corrupted)',
    'Failed to (?:open file |read /proc|copy decompressed|decompress file )',
    '(?:Read on|Close of) \\S+ ',
    'short file$',
    'No (?:kernel specified$|ELF |program header)',
    'Nothing has been loaded!$',
    'Please specify (?:memory range used|jump back entry)',
    '(?:There is kexec kernel loaded|load jump back kernel failed|--load-[a-z-]+ (?:can only be|not supported))',
    'to preserve the context of original kernel',
    'Base address: 0x[0-9a-f]+ is not page aligned$',
    'Undefined symbol: ',
    'Symbol: \\S+ (?:has|is|not) ',
    'Skipping segment mem: 0x',
    'Adding extra range: 0x',
    'Error: Number of crash memory ranges ',
    'get_crash_kernel_load_range\\(\\) failed\\.$',
    'unrecoverable error: ',
    'Not zstd compressed$',
    'original zstd size unknown!$',
    'ELFCOREHDR_SIZE ',
    'Path \\S+ does not exist, the kernel needs ',
  ]
    .map((start) => `^(?:${start})`)
    .join('|'),
);

/** The same for stdout, which is buffered: its lines come before or after those of stderr. */
const STDOUT = new RegExp(
  '^(?:console memory (?:read from|is at) |we read only \\d|uImage(?:: The data CRC| arch | os | type | header claims| uses)|' +
    "Header checksum of the uImage|Image size doesn't match the header$|Error during decompression |Error: Bad gzipped data$|" +
    'PE header offset is not|Not a PE file$|ERR: (?:optional header|can not )|Can not recognize the kernel format|' +
    'Unable to (?:find|read) .*printing from purgatory)',
);

export type Stream = 'stdout' | 'stderr';

/**
 * @returns the stream that kexec writes such a line to, {@link normalise}d; undefined when it is not known as kexec's
 */
export const streamOf = (normal: string): Stream | undefined => {
  if (STDERR.test(normal)) return 'stderr';
  return STDOUT.test(normal) ? 'stdout' : undefined;
};

/** `__LINE__` in a message, as in "arch_process_options:178: initrd: (null)". */
const SOURCE_LINE = /^((?:kexec: )?[a-z]\w*):(\d+):(?= )/;

/**
 * The messages that print it, by what they are about: the fields of `MessageLines` in kexec/arch/arm64/compat-arm64.ts.
 */
const NUMBERED = [
  ['commandLine', /^arch_process_options:(\d+): command_line:/],
  ['initrd', /^arch_process_options:(\d+): initrd:/],
  ['dtb', /^arch_process_options:(\d+): dtb:/],
  ['console', /^arch_process_options:(\d+): console:/],
  ['purgatorySink', /^arm64_load_other_segments:(\d+): purgatory sink: /],
] as const;

export type NumberedMessage = (typeof NUMBERED)[number][0];

/** @returns which message of those that print their line in the source this is, and the line */
export const sourceLine = (text: string): { readonly message: NumberedMessage; readonly line: number } | undefined => {
  for (const [message, pattern] of NUMBERED) {
    const match = pattern.exec(text);
    if (match !== null) return { message, line: Number(match[1]) };
  }
  return undefined;
};

/** What people write behind a number, as in "segment[0].mem   = 0x40080000  #the kernel". */
const REMARK = /^((?:segment\[\d+\]\.\w+ = \S+|kexec_load: entry = \S+ flags = 0x[0-9a-f]+)) \D.*$/;

/** Where the user keeps the files, in the messages that name them; files of the machine stay what they are. */
const DIRECTORY =
  /^((?:arch_process_options:LINE: (?:initrd|dtb): |lzma_decompress_file: (?:read on |Close of )|Cannot (?:open `|load |determine the file type of )))(?!\/(?:proc|sys|dev)\/)\S*\/(?=[^\s/])/;

/** Names of the user's files. */
const NAMED =
  /^(arch_process_options:LINE: (?:initrd|dtb): |Cannot (?:load |determine the file type of ))(?!\((?:null|ignored)\)$).+$/;

/** A line as {@link normalise} makes it, whatever the user's files are called. */
export const withoutFileNames = (normal: string): string => normal.replace(NAMED, '$1FILE');

/** White space does not survive pasting. */
const withSingleSpaces = (text: string): string => text.replace(/\s+/g, ' ').trim();

/**
 * A line without what a run makes up or a build decides: addresses in the tool's own memory, its file descriptors,
 * lines of its source; and without the directories of the user's files.
 * @param text without anything in front of the message
 */
export const normalise = (text: string): string =>
  withSingleSpaces(text)
    .replace(REMARK, '$1')
    .replace(SOURCE_LINE, '$1:LINE:')
    .replace(DIRECTORY, '$1')
    .replace(/^(do_kexec_file_load: .* fd )\d+$/, '$1N')
    // They move with every boot (KASLR).
    .replace(/^(kernel symbol \S+ vaddr = )[0-9a-f]+$/, '$1ADDRESS')
    .replace(/^(kernel: |segment\[\d+\]\.buf = )(?:0x[0-9a-f]+|\(nil\))/, '$1POINTER');
