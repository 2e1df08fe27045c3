/** What a scan and its workers say to each other: plain data only. */
import type { OffsetRange } from '../errors.js';
import type { ReaderDescription } from '../read/description.js';
import type { Extent } from './layout.js';
import type { PackedError } from './packed-error.js';
import type { Share } from './process-share.js';

/** A part of the scanned range, whole frames of it except at the ends of the range. */
export interface Piece extends OffsetRange {
  /** Its place among the pieces, from 0. */
  readonly index: number;
  /** About how many bytes of frames it has. */
  readonly bytes: number;
}

/** Damage that a scan has stepped over: these offsets could not be read. */
export interface SkippedDamage extends OffsetRange {
  /** File that holds the damage. */
  readonly path: string;
  /** Byte position in that file. */
  readonly position: number;
  readonly message: string;
}

/** Where the function is. */
export interface FunctionName {
  /** URL of its module. */
  readonly module: string;
  /** Name of the export. */
  readonly name: string;
}

export interface PieceTask {
  readonly log: ReaderDescription;
  /** A thread opens the log anew when this changes. */
  readonly generation: string;
  readonly function: FunctionName;
  readonly args: unknown;
  readonly piece: Piece;
  /** Where the piece lies. */
  readonly extents: readonly Extent[];
  readonly skipsDamage: boolean;
  /** Which part of the piece; set by processors. */
  readonly share?: Share;
  /** Tell the kernel that what has been read is not needed again soon. */
  readonly leavesCold: boolean;
  /** Where the thread notes its mappings. */
  readonly ledger: SharedArrayBuffer;
  /** Keeps the thread from being terminated at the wrong time. */
  readonly guard: SharedArrayBuffer;
}

export type PieceReply =
  | { readonly kind: 'done'; readonly value: unknown; readonly damage: readonly SkippedDamage[] }
  | {
      readonly kind: 'failed';
      readonly error: PackedError;
      /** Where the cursor stood; `undefined` if there was none yet. */
      readonly offset: number | undefined;
    };

/** A task as far as the scan knows it; the pool adds what its threads share. */
export type PlainTask = Omit<PieceTask, 'ledger' | 'guard'>;
