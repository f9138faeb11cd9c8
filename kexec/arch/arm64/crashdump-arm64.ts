/** What arm64 does for a crash kernel (kexec/arch/arm64/crashdump-arm64.c). */
import { crashCreateElf64Headers } from '../../running-kernel/crashdump-elf.js';
import { EM_AARCH64 } from '../../elf/elf.js';
import { KexecError } from '../../base/error.js';
import { hex, hex16 } from '../../base/format.js';
import {
  CRASH_KERNEL,
  KERNEL_CODE,
  KERNEL_DATA,
  PROC_IOMEM,
  SYSTEM_RAM,
  readIomem,
  type IomemLine,
} from '../../running-kernel/kexec-iomem.js';
import type { Log } from '../../base/log.js';
import { MemRegions, formatMemoryRanges } from '../../memory/mem-regions.js';
import { Range } from '../../base/range.js';
import { getKernelSym } from '../../running-kernel/symbols.js';
import type { System } from '../../base/system.js';
import type { Placement } from '../../memory/placement.js';
import { U64_MAX, u64 } from '../../base/u64.js';
import type { Arm64Compat } from './compat-arm64.js';
import type { PhysOffset } from './phys-offset.js';
import type { Compat } from '../../base/compat.js';

/** What a crash dump's header takes. */
interface CrashLoad {
  readonly physOffset: PhysOffset;
  readonly compat: Compat;
  /** Whether the running kernel is to be come back to. */
  readonly preservesContext: boolean;
}

/**
 * What the memory map says about a crash kernel and about the running one (kexec/arch/arm64/crashdump-arm64.c).
 * The map is read when it is first needed, and again while no crash kernel region was found, as the original does:
 * each time, the log shows the symbols that are looked up on the way.
 */
export class CrashMemory {
  #reserved: Range[] = [];
  readonly #systemMemory: MemRegions;
  #kernPaddrStart = 0n;
  #kernSize = 0n;

  constructor(
    private readonly system: System,
    private readonly compat: Arm64Compat,
    private readonly log: Log,
  ) {
    this.#systemMemory = new MemRegions(compat.maxCoredumpRanges);
  }

  /**
   * Memory set aside for a crash kernel, in the map's order, as far as it has been read (usablemem_rgns). The last
   * one is the one that is loaded to.
   */
  get reserved(): readonly Range[] {
    return this.#reserved;
  }

  /** Reads the map unless a region is known. @returns whether there is one @throws KexecError */
  isReserved(): boolean {
    this.readOnce();
    const [first] = this.#reserved;
    if (this.compat.crashRegionsAre === 'variable') return first !== undefined && first.start !== first.last;
    return first !== undefined;
  }

  /** get_crash_kernel_load_range(). @throws KexecError */
  loadRange(): Range | undefined {
    this.readOnce();
    const range = this.#reserved.at(-1);
    return this.compat.crashRegionsAre === 'variable' && range?.last === 0n ? undefined : range;
  }

  private readOnce(): void {
    if (this.#reserved.length > 0) return;
    for (const line of readIomem(this.system)) {
      if (!this.note(line)) break;
    }
  }

  /** iomem_range_callback(). @returns false to stop reading */
  private note({ range, name }: IomemLine): boolean {
    if (name.startsWith(CRASH_KERNEL)) return this.noteCrashKernel(range);
    if (name.startsWith(SYSTEM_RAM)) return this.#systemMemory.add(range);
    if (name.startsWith(KERNEL_CODE)) this.#kernPaddrStart = this.kernelStart(range);
    else if (name.startsWith(KERNEL_DATA)) this.#kernSize = u64(range.end - this.#kernPaddrStart);
    return true;
  }

  private noteCrashKernel(range: Range): boolean {
    const { maxCrashRegions, crashRegionsAre, warnsOfRepeatedCrashRegion } = this.compat;
    if (warnsOfRepeatedCrashRegion) {
      // The original compares with its whole array, where an unused place has address 0.
      const starts = Array.from({ length: maxCrashRegions }, (_, i) => this.#reserved[i]?.start ?? 0n);
      if (starts.includes(range.start)) {
        this.log.err(
          `Warning, the range already exists in usablemem_rgns, base=${hex(range.start)}, length=${hex(range.size)}\n`,
        );
        return true;
      }
    }
    if (this.#reserved.length < maxCrashRegions) {
      this.#reserved.push(range);
      return true;
    }
    if (crashRegionsAre === 'variable') return false;
    // The original reallocates an array that was never allocated, and is stopped by the C library.
    throw KexecError.die(
      `${PROC_IOMEM}: more than ${maxCrashRegions} Crash kernel regions; a crash kernel can use a high and a low one`,
      { subject: PROC_IOMEM },
    );
  }

  /** Where _text is: "Kernel code" starts there, or at _stext when it is as long as from there to __init_begin. */
  private kernelStart(code: Range): bigint {
    if (!this.compat.comparesStext) return code.start;
    const [text, stext, textEnd] = ['_text', '_stext', '__init_begin'].map((symbol) =>
      getKernelSym(this.system, this.log, symbol),
    ) as [bigint, bigint, bigint];
    return u64(textEnd - stext) === code.size ? u64(code.start - (stext - text)) : code.start;
  }

  /** crash_get_memory_ranges(). */
  private coredumpRanges(): void {
    this.readOnce();
    if (this.#reserved.length === 0)
      throw KexecError.failed('No crash kernel region', { subject: PROC_IOMEM, text: '' });
    this.log.dbg(
      formatMemoryRanges(
        'Reserved memory range',
        this.#reserved.map((range) => ({ range, type: 0 })),
      ),
    );
    for (const range of this.#reserved) {
      if (!this.#systemMemory.exclude(range)) {
        throw KexecError.failed('Error: Number of crash memory ranges excedeed the max limit', {
          subject: PROC_IOMEM,
        });
      }
    }
    this.#systemMemory.sort();
    this.log.dbg(formatMemoryRanges('Coredump memory ranges', this.#systemMemory.regions));
  }

  /**
   * Makes the ELF header of the coming /proc/vmcore and adds it as a segment (load_crashdump_segments()).
   * @returns where it was put
   * @throws KexecError
   */
  loadSegments(placement: Placement, { physOffset, compat, preservesContext }: CrashLoad): Range {
    this.coredumpRanges();
    const kernVaddrStart = getKernelSym(this.system, this.log, '_text') || U64_MAX;
    const pageOffset = physOffset.crashPageOffset(kernVaddrStart);
    this.log.dbg(`load_crashdump_segments: page_offset:   ${hex16(pageOffset)}\n`);
    const header = crashCreateElf64Headers({
      machine: EM_AARCH64,
      system: this.system,
      log: this.log,
      leftoverErrno: compat.leftoverErrno,
      preservesContext,
      kernVaddrStart,
      kernPaddrStart: this.#kernPaddrStart,
      kernSize: this.#kernSize,
      ranges: this.#systemMemory.regions,
      physToVirt: (address) => u64(address - physOffset.value + pageOffset),
    });
    const region = this.#reserved.at(-1)!;
    const size = BigInt(header.length);
    const base = placement.addBuffer({
      data: header,
      memsz: size,
      align: 0n,
      min: region.start,
      max: region.last,
      from: 'top',
    });
    const elfcorehdr = Range.sized(base, size);
    this.log.dbg(`load_crashdump_segments: elfcorehdr 0x${hex(elfcorehdr.start)}-0x${hex(elfcorehdr.last)}\n`);
    return elfcorehdr;
  }
}
