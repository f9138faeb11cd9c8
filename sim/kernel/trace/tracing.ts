/** A run is traced, and the trace is a file when it is over. */
import type { CpuModel } from '../../cpu/state/model.js';
import { replaceFile } from '../saving/replace-file.js';
import { Tracer, type TracedMachine } from './tracer.js';
import { writeTrace } from './trace-file.js';
import type { TraceRequest } from '../execution-settings.js';
import { wantedOf } from './wanted.js';

/** What an address is called; undefined for one that has no name. */
export type NameOf = (cpu: CpuModel, virtAddr: bigint) => string | undefined;

export class Tracing {
  readonly #tracer: Tracer;

  constructor(
    private readonly machine: TracedMachine,
    private readonly request: TraceRequest,
  ) {
    this.#tracer = new Tracer(machine, wantedOf(request));
  }

  /** Writes the file, and says so. @throws KexecError when the host cannot write it */
  finish(nameOf: NameOf): string {
    const { board, processors } = this.machine;
    const { file, what } = this.request;
    const { events, dropped, addresses, chunks } = this.#tracer;
    const names = new Map<bigint, string>();
    for (const address of addresses) {
      const name = nameOf(processors.current, address);
      if (name !== undefined) names.set(address, name);
    }
    replaceFile(file, (write) => writeTrace({ what, events, dropped, devices: board.devices, names }, chunks, write));
    const lost = dropped === 0 ? '' : `; ${dropped} before them found no room`;
    return `the trace is in ${file}: ${events} events${lost}`;
  }
}
