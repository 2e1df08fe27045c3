/** Between the program and the processes that run rounds for it. */
import type { Counts } from './campaign.js';

/** What such a process is told when it starts. */
export interface Job {
  readonly campaign: string;
  readonly seed: number;
  /** Empty, and its own. */
  readonly folder: string;
}

export type ToWorker = { readonly kind: 'run'; readonly round: number } | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly round: number; readonly counts: Counts }
  | {
      readonly kind: 'failed';
      readonly round: number;
      readonly counts: Counts;
      readonly error: string;
    };
