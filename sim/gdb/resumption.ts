/** What gdb asks for when it has the machine run on: vCont, and the older packets. */
import type { Resumption } from './target.js';
import { parseHex } from './text.js';

type ThreadId = number | 'all' | 'any';

/** A thread, as packets name it. @returns undefined for what is none */
export const parseThread = (text: string): ThreadId | undefined => {
  if (text === '-1') return 'all';
  const id = parseHex(text);
  if (id === undefined || id > 0xffffn) return undefined;
  return id === 0n ? 'any' : Number(id);
};

interface Action {
  readonly kind: 's' | 'c' | 't';
  readonly thread: ThreadId;
}

/** `s:1`, `c`, `C05:2`, and `t` for a thread that is to stay where it is. */
const parseAction = (text: string): Action | undefined => {
  const [what = '', id, ...rest] = text.split(':');
  const [, kind] = /^([cst]|[CS][0-9a-fA-F]{2})$/.exec(what) ?? [];
  const thread = id === undefined ? 'all' : parseThread(id);
  if (kind === undefined || thread === undefined || rest.length > 0) return undefined;
  return { kind: kind.charAt(0).toLowerCase() as Action['kind'], thread };
};

/**
 * `;s:1;c` behind vCont: of the actions for a thread, the first counts; a thread without one stays where it is.
 * @returns undefined for what is no such text, or would have nothing run
 */
export const parseVCont = (text: string, threads: number, current: number): Resumption | undefined => {
  const actions = text.split(';').slice(1).map(parseAction);
  if (!text.startsWith(';') || actions.some((action) => action === undefined)) return undefined;
  const all = Array.from({ length: threads }, (_, i) => i + 1);
  const actionOf = (thread: number): Action | undefined =>
    actions.find(
      (action) =>
        action?.thread === 'all' || action?.thread === thread || (action?.thread === 'any' && thread === current),
    );
  const running = all.filter((thread) => (actionOf(thread)?.kind ?? 't') !== 't');
  if (running.length === 0) return undefined;
  const stepping = running.filter((thread) => actionOf(thread)?.kind === 's');
  return {
    backwards: false,
    // One processor is stepped at a time.
    step: stepping.includes(current) ? current : stepping[0],
    among: running.length === threads ? undefined : running,
  };
};

/** `s`, `c`, `bs`, `bc` for the thread that was chosen by Hc: `s` has that thread carry out one instruction. */
export const resumptionOf = (kind: 's' | 'c' | 'bs' | 'bc', thread: number): Resumption => ({
  backwards: kind.startsWith('b'),
  step: kind.endsWith('s') ? thread : undefined,
  among: undefined,
});
