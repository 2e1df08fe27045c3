/** Files and named pipes as sources, also while they grow. */
import { InputError } from '../errors.js';
import { ByteSource } from './stream-source.js';
import { FollowedFile, type FollowedState } from './followed-file.js';
import type { InputFormat } from './formats/format.js';
import type { CaptureSource } from './source.js';

export interface FileSourceOptions {
  /** How events are written: `csv()`, `jsonLines()`, `flatBuffers()`. */
  readonly format: InputFormat;
  /**
   * Go on as the file grows, until the capture is ended (default false). What is written over from the
   * start (truncated), or replaced by another file of its name (rotated), is read from its start; a named
   * pipe waits for its next writer. An unfinished last line waits for its rest.
   */
  readonly follow?: boolean;
  /** Is told in a sentence when a followed file is truncated or replaced, or a pipe's writer has gone. */
  readonly onNotice?: (notice: string) => void;
}

/**
 * Events from a file, a named pipe or a device. Opening a pipe does not wait for its writer, so that a
 * capture of one that has none can be ended. Its report tells how often a followed file was `truncated` and
 * `replaced`, and a pipe `reopened`.
 *
 * With CSV, a file that takes the place of another may begin with a header, with its columns in another
 * order, or without one.
 */
export function fileSource<Event = unknown>(
  path: string,
  { format, follow = false, onNotice = () => {} }: FileSourceOptions,
): CaptureSource<Event> {
  const state: FollowedState = { truncated: 0, replaced: 0, reopened: 0 };
  return new ByteSource<Event>({
    name: path,
    format,
    open(signal) {
      try {
        return new FollowedFile(path, { follow, onNotice, signal, state }).chunks();
      } catch (error) {
        throw new InputError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
      }
    },
    details: () => (follow ? { ...state } : {}),
  });
}
