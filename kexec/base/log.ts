/** Where the tool's words go. The library's default keeps silent; the command connects it to stdout and stderr. */
export interface Log {
  /** Whether `-d` was given: {@link Log.dbg} is then worth calling. */
  readonly debug: boolean;
  /** Text for stdout, newline included. */
  out(text: string): void;
  /** Text for stderr, newline included. */
  err(text: string): void;
  /** Text for stderr when `debug` is set, else nothing (`dbgprintf`, kexec/kexec.h). */
  dbg(text: string): void;
}

/** A log that connects to two writers. */
export const createLog = (debug: boolean, out: (text: string) => void, err: (text: string) => void): Log => ({
  debug,
  out,
  err,
  dbg: debug ? err : () => {},
});

export const silentLog: Log = createLog(
  false,
  () => {},
  () => {},
);
