/** How far something is that may take long. */
export interface Progress {
  /** What is being done, such as "reading vmlinuz"; of a run, where it is. */
  readonly what: string;
  readonly unit: 'bytes' | 'instructions' | 'calls';
  readonly done: number;
  /** Undefined where nobody knows. */
  readonly total?: number;
}

/** Is called from time to time during long work, with how far it is, and must return quickly. */
export type OnProgress = (progress: Progress) => void;

/** Between two tellings at most so many bytes are worked on. */
export const PROGRESS_BYTES = 32 << 20;
