/** What the memory of a recorded machine's kernel holds, as far as anything tells: the rest of it is zero. */
import { Range } from '../../../kexec/base/range.js';
import { alignDown, u64 } from '../../../kexec/base/u64.js';
import { silentLog } from '../../../kexec/base/log.js';
import { elfNote } from '../../../kexec/elf/elf-note.js';
import type { NoteMemory } from '../../../kexec/running-kernel/crashdump.js';
import { Vmcoreinfo, scanVmcoreinfo } from '../../../kexec/running-kernel/vmcoreinfo.js';
import type { PhysicalMemory } from '../../machine/memory.js';
import type { CrashFacts } from './crash-facts.js';
import type { Resource } from '../facts/iomem.js';
import type { Uts } from './uts.js';
import type { KernelAddresses } from '../way-out/kernel-addresses.js';
import { type LogRecord, type PrintkLayout, printkLayout, printkMemory, printkSizes } from './printk-memory.js';

/** The memory of a kernel that dies. */
export class OldMemory {
  readonly vmcoreinfo: Vmcoreinfo | undefined;
  readonly #memory: PhysicalMemory;
  readonly #facts: CrashFacts;
  readonly #addresses: KernelAddresses;
  readonly #resources: readonly Resource[];

  constructor(memory: PhysicalMemory, facts: CrashFacts, addresses: KernelAddresses, resources: readonly Resource[]) {
    this.#memory = memory;
    this.#facts = facts;
    this.#addresses = addresses;
    this.#resources = resources;
    if (facts.vmcoreinfo === undefined) return;
    const values = new Map<string, string>();
    scanVmcoreinfo(facts.vmcoreinfo, values, silentLog);
    this.vmcoreinfo = new Vmcoreinfo(values);
  }

  /**
   * crash_save_cpu(): a note, at the place that /sys tells, with nothing behind it (final_note()).
   * @returns where it is; undefined where nothing tells, or it has no room
   */
  storeNote(cpu: number, note: Uint8Array): NoteMemory | undefined {
    const place = this.#facts.notesOf(cpu);
    return place !== undefined && this.#store(place, note) ? place : undefined;
  }

  /**
   * crash_save_vmcoreinfo() (kernel/crash_core.c; kernel/vmcore_info.c since 6.9): what the kernel has told of itself,
   * and the time.
   * @returns where it is; undefined where nothing tells
   */
  storeVmcoreinfo(seconds: bigint): NoteMemory | undefined {
    const { vmcoreinfoAt, vmcoreinfo } = this.#facts;
    if (vmcoreinfoAt === undefined || vmcoreinfo === undefined) return undefined;
    const crashTime = Uint8Array.from(`CRASHTIME=${seconds}\n`, (character) => character.charCodeAt(0));
    const text = new Uint8Array(vmcoreinfo.length + crashTime.length);
    text.set(vmcoreinfo);
    text.set(crashTime, vmcoreinfo.length);
    return this.#store(vmcoreinfoAt, elfNote({ name: 'VMCOREINFO', type: 0, desc: text })) ? vmcoreinfoAt : undefined;
  }

  #store({ address, size }: NoteMemory, note: Uint8Array): boolean {
    if (BigInt(note.length) > size || size > MAX_NOTE || !this.#memory.isRam(address, size)) return false;
    this.#memory.clear(address, Number(size));
    this.#memory.write(address, note);
    return true;
  }

  /**
   * The kernel's log, where its VMCOREINFO tells.
   * @returns what is missing for that; undefined where it is there
   */
  storeLog(records: readonly LogRecord[]): string | undefined {
    const { vmcoreinfo } = this;
    if (vmcoreinfo === undefined) return 'there is no VMCOREINFO';
    const layout = printkLayout(vmcoreinfo);
    if ('missing' in layout) return `VMCOREINFO has no ${layout.missing} that could be`;
    const pointer = this.#symbol('prb');
    const ring = this.#symbol('printk_rb_static');
    if (pointer === undefined || ring === undefined) return 'no SYMBOL(prb) and SYMBOL(printk_rb_static) lead to RAM';
    const places = this.#roomFor(layout);
    if (places === undefined) return "the kernel's data in /proc/iomem has no room for it";
    const virtual = {
      descs: this.#addresses.image(places.descs),
      infos: this.#addresses.image(places.infos),
      text: this.#addresses.image(places.text),
    };
    const { ring: struct, descs, infos, text } = printkMemory(layout, virtual, records);
    this.#memory.write64(pointer, this.#addresses.image(ring));
    this.#memory.write(ring, struct);
    this.#memory.write(places.descs, descs);
    this.#memory.write(places.infos, infos);
    this.#memory.write(places.text, text);
    return undefined;
  }

  /** init_uts_ns: what the kernel is called. @returns whether VMCOREINFO tells where it is */
  storeUts({ nodename, release, version }: Uts, machine: string): boolean {
    const namespace = this.#symbol('init_uts_ns');
    const offset = this.vmcoreinfo?.offsetOf('uts_namespace.name');
    if (namespace === undefined || offset === undefined || offset > MAX_NOTE) return false;
    const fields = ['Linux', nodename, release, version, machine, '(none)'];
    const bytes = new Uint8Array(UTS_BYTES * fields.length);
    const encoder = new TextEncoder();
    fields.forEach((field, i) => bytes.set(encoder.encode(field).subarray(0, UTS_BYTES - 1), UTS_BYTES * i));
    if (!this.#memory.isRam(namespace + offset, BigInt(bytes.length))) return false;
    this.#memory.write(namespace + offset, bytes);
    return true;
  }

  /** Physical address of a variable of the kernel; undefined where VMCOREINFO does not tell, or leads elsewhere. */
  #symbol(name: string): bigint | undefined {
    const virtual = this.vmcoreinfo?.symbol(name);
    const physical = virtual === undefined ? undefined : u64(virtual - this.#addresses.image(0n));
    return physical !== undefined && this.#memory.isRam(physical, MAX_STRUCT) ? physical : undefined;
  }

  /**
   * Where the arrays are that the ring buffer points to, nobody tells: they are put into the largest part of the
   * kernel's data that no symbol is in, at its end.
   */
  #roomFor(
    layout: PrintkLayout,
  ): { readonly descs: bigint; readonly infos: bigint; readonly text: bigint } | undefined {
    const sizes = printkSizes(layout);
    const [descs, infos, text] = [sizes.descs, sizes.infos, sizes.text].map((size) => BigInt(size)) as [
      bigint,
      bigint,
      bigint,
    ];
    const gap = this.#largestGap();
    if (gap === undefined || gap.size < descs + infos + text + PAGE) return undefined;
    const textAt = alignDown(gap.end - text, PAGE);
    const infosAt = alignDown(textAt - infos, 8n);
    return { descs: alignDown(infosAt - descs, 8n), infos: infosAt, text: textAt };
  }

  #largestGap(): Range | undefined {
    const data = this.#resources.find(({ name }) => name === 'Kernel data')?.range;
    if (data === undefined || !this.#memory.isRam(data.start, data.size)) return undefined;
    const taken = [...(this.vmcoreinfo?.values.keys() ?? [])]
      .flatMap((key) => /^SYMBOL\((\w{1,128})\)$/.exec(key)?.[1] ?? [])
      .flatMap((name) => this.#symbol(name) ?? [])
      .filter((physical) => data.contains(physical))
      .toSorted((a, b) => (a < b ? -1 : 1));
    const edges = [data.start, ...taken, data.end];
    return edges
      .slice(1)
      .flatMap((end, i) => (end > edges[i]! ? [Range.between(edges[i]!, end)] : []))
      .reduce<Range | undefined>((most, gap) => (most === undefined || gap.size > most.size ? gap : most), undefined);
  }
}

const PAGE = 4096n;
/** Larger than any structure that is looked for or written at a symbol. */
const MAX_STRUCT = 4096n;
/** A page of 64 KiB, and the note's header: larger is no note. */
const MAX_NOTE = 0x1_1000n;
/** __NEW_UTS_LEN and its end. */
const UTS_BYTES = 65;
