/** Between the round, which appends, and those who read. */
import type { Outcome } from './outcomes.js';

export type ToReaders =
  | { readonly kind: 'begin'; readonly log: string; readonly seed: number; readonly scans: boolean }
  /** The log has been closed, and ends there. */
  | { readonly kind: 'end'; readonly end: number }
  | { readonly kind: 'stop' };

export type FromReaders =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'done';
      readonly counts: Partial<Record<Outcome, number>>;
      readonly failure: string | undefined;
    };
