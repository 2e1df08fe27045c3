/** What the appender's thread and the maintenance thread say to each other: plain data only. */
import type { MessagePort } from 'node:worker_threads';
import { LogError, StorageError } from '../errors.js';
import type { PreparedSegment, SegmentGeometry } from '../segment/writable-segment.js';
import { poisonedError } from './flusher.js';
import type { SharedState } from './shared-state.js';

/** Given to the thread when it starts. */
export interface ThreadData {
  readonly directory: string;
  readonly shared: SharedState;
  readonly port: MessagePort;
  /** Period of background flushes; `undefined` for none. */
  readonly flushIntervalMs: number | undefined;
}

/** A segment as the thread gets to know it. The memory stays mapped until the thread says `finished`. */
export interface SegmentDescription {
  readonly base: number;
  readonly path: string;
  readonly indexPath: string;
  readonly fd: number;
  readonly indexFd: number;
  readonly address: bigint;
  readonly sizeBytes: number;
  readonly indexAddress: bigint;
  readonly indexBytes: number;
  readonly named: boolean;
}

export type Request =
  | { readonly kind: 'segment'; readonly segment: SegmentDescription }
  | { readonly kind: 'prepare'; readonly stem: string; readonly geometry: SegmentGeometry }
  | {
      readonly kind: 'populate';
      readonly address: bigint;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'flush' }
  | { readonly kind: 'stop' };

export type Reply =
  | { readonly kind: 'prepared'; readonly segment: PreparedSegment }
  | { readonly kind: 'prepare-failed'; readonly failure: Failure }
  | { readonly kind: 'populated' }
  | { readonly kind: 'flushed'; readonly offset: number }
  | { readonly kind: 'flush-failed'; readonly failure: Failure }
  | { readonly kind: 'finished'; readonly base: number };

/** An error on its way between threads, where it would lose its class. */
export interface Failure {
  readonly message: string;
  readonly poisoned: boolean;
  readonly storage:
    | {
        readonly action: string;
        readonly path: string | undefined;
        readonly errno: string | undefined;
      }
    | undefined;
}

export function packFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const poisoned = error instanceof LogError && error.code === 'POISONED';
  if (!(error instanceof StorageError)) return { message, poisoned, storage: undefined };
  const { action, path, errno } = error;
  return { message, poisoned, storage: { action, path, errno } };
}

export function unpackFailure({ message, poisoned, storage }: Failure): Error {
  if (poisoned) return poisonedError();
  if (storage === undefined) return new LogError('STORAGE', message);
  return new StorageError(storage.action, storage.path, storage.errno);
}
