/**
 * Bytes of a file, of those that take its place, of a pipe and its writers one after the other. Nothing here
 * waits where it could not be called off: files and pipes are opened without blocking.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  read,
  statSync,
  watch,
  type FSWatcher,
  type Stats,
} from 'node:fs';
import { Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { isatty, ReadStream } from 'node:tty';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { RESTART, type Chunk } from './byte-stream.js';

const readFrom = promisify(read);

const READ_BYTES = 1024 * 1024;
/** Where nothing tells of changes, or not of all of them, they are looked for. */
const POLL_MS = 250;
/** Reads from devices and whatever else cannot be waited for. */
const DEVICE_POLL_MS = 20;
const DEVICE_BYTES = 64 * 1024;

/** What has happened to a followed file. */
export interface FollowedState {
  truncated: number;
  replaced: number;
  reopened: number;
}

interface Following {
  readonly follow: boolean;
  readonly onNotice: (notice: string) => void;
  /** Ends it, whatever it waits for. */
  readonly signal: AbortSignal;
  readonly state: FollowedState;
}

export class FollowedFile {
  readonly #path: string;
  readonly #following: Following;
  #fd: number;
  #stats: Stats;
  #isBegun = false;

  /** @throws as `openSync` of node:fs; a directory is an error, too */
  constructor(path: string, following: Following) {
    this.#path = path;
    this.#following = following;
    this.#fd = openQuietly(path);
    this.#stats = fstatSync(this.#fd);
    if (!this.#stats.isDirectory()) {
      following.signal.addEventListener('abort', () => this.#closeUnread(), { once: true });
      return;
    }
    closeSync(this.#fd);
    throw Object.assign(new Error(`${path} is a directory`), { code: 'EISDIR' });
  }

  chunks(): AsyncIterable<Chunk> {
    if (this.#stats.isFIFO()) return this.#pipe();
    return this.#stats.isFile() ? this.#regular() : this.#device();
  }

  /** Once it is read, the reading closes it. */
  #closeUnread(): void {
    if (!this.#isBegun) closeSync(this.#fd);
    this.#isBegun = true;
  }

  // --- Regular files ---

  async *#regular(): AsyncGenerator<Chunk> {
    this.#isBegun = true;
    const { follow, signal } = this.#following;
    const change = follow ? new Change(this.#path, signal) : undefined;
    let position = 0;
    try {
      for (;;) {
        const chunk = await this.#read(position);
        if (chunk.length > 0) {
          position += chunk.length;
          yield chunk;
        } else if (change === undefined || signal.aborted) return;
        else if (this.#isTruncated(position)) {
          position = 0;
          yield RESTART;
        } else {
          const successor = this.#successor();
          if (successor === undefined) await change.next();
          else {
            // What was written before the file was put aside.
            yield* this.#rest(position);
            this.#replaceBy(successor);
            position = 0;
            yield RESTART;
          }
        }
      }
    } finally {
      change?.close();
      closeSync(this.#fd);
    }
  }

  /** An empty chunk at the end. */
  async #read(position: number): Promise<Buffer> {
    const { size } = fstatSync(this.#fd);
    // Files of /proc have no size until they are read.
    const wanted = size > position ? Math.min(size - position, READ_BYTES) : 4096;
    const buffer = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await readFrom(this.#fd, buffer, 0, wanted, position);
    return buffer.subarray(0, bytesRead);
  }

  async *#rest(from: number): AsyncGenerator<Chunk> {
    for (let position = from; ;) {
      const chunk = await this.#read(position);
      if (chunk.length === 0) return;
      position += chunk.length;
      yield chunk;
    }
  }

  #isTruncated(position: number): boolean {
    const { size } = fstatSync(this.#fd);
    if (size >= position) return false;
    this.#following.state.truncated++;
    this.#following.onNotice(`${this.#path} was truncated; reading it from its start`);
    return true;
  }

  /** The file that has the name now, if it is another one. Between one and the next there may be none. */
  #successor(): number | undefined {
    const now = statSync(this.#path, { throwIfNoEntry: false });
    if (now === undefined) return undefined;
    if (now.ino === this.#stats.ino && now.dev === this.#stats.dev) return undefined;
    try {
      return openQuietly(this.#path);
    } catch (error) {
      // Gone again since the look.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #replaceBy(successor: number): void {
    closeSync(this.#fd);
    this.#fd = successor;
    this.#stats = fstatSync(successor);
    this.#following.state.replaced++;
    this.#following.onNotice(`${this.#path} was replaced; reading the new file`);
  }

  // --- Pipes and devices ---

  async *#pipe(): AsyncGenerator<Chunk> {
    this.#isBegun = true;
    const { follow, signal, state, onNotice } = this.#following;
    // As long as this is open, a writer that comes between two others has a reader.
    const keeper = follow ? openQuietly(this.#path) : undefined;
    try {
      for (;;) {
        // The socket closes the descriptor.
        yield* streamed(new Socket({ fd: this.#fd, readable: true, writable: false }), signal);
        if (!follow || signal.aborted) return;
        this.#fd = openQuietly(this.#path);
        state.reopened++;
        onNotice(`the writer of ${this.#path} has gone; waiting for the next`);
        yield RESTART;
      }
    } finally {
      if (keeper !== undefined) closeSync(keeper);
    }
  }

  async *#device(): AsyncGenerator<Chunk> {
    this.#isBegun = true;
    const { follow, signal } = this.#following;
    const fd = this.#fd;
    if (isatty(fd)) {
      yield* streamed(new ReadStream(fd), signal);
      return;
    }
    try {
      while (!signal.aborted) {
        const buffer = Buffer.allocUnsafe(DEVICE_BYTES);
        const length = await readDevice(fd, buffer);
        if (length > 0) yield buffer.subarray(0, length);
        else if (length === 0 && !follow) return;
        else await wait(DEVICE_POLL_MS, signal);
      }
    } finally {
      closeSync(fd);
    }
  }
}

/** Opens for reading; does not wait for the writer of a pipe. */
function openQuietly(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** To its end, or until the signal. */
async function* streamed(stream: Readable, signal: AbortSignal): AsyncGenerator<Chunk> {
  const onAbort = (): void => void stream.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.destroy();
  }
}

/** -1: nothing has come yet. */
async function readDevice(fd: number, buffer: Buffer): Promise<number> {
  try {
    // Not at a position: it has none.
    return (await readFrom(fd, buffer, 0, buffer.length, null)).bytesRead;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return -1;
    throw error;
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}

/** Tells that something may have happened to a file, or to its name. */
class Change {
  readonly #signal: AbortSignal;
  #watcher: FSWatcher | undefined;
  /** There was a change, and nobody waited for it. */
  #hasChanged = false;
  #wake: () => void = () => {};

  constructor(path: string, signal: AbortSignal) {
    this.#signal = signal;
    const name = basename(path);
    try {
      // Of its directory, which also knows when another file takes the name.
      this.#watcher = watch(dirname(path), (_, changed) => {
        if (changed === null || changed === name) this.#notice();
      });
      this.#watcher.on('error', () => this.close());
    } catch {
      // Too many watches, or none on this file system: there is the poll.
    }
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Returns after a change, after a while, or at the signal. */
  async next(): Promise<void> {
    if (!this.#hasChanged) {
      const woken = new AbortController();
      const onEnd = (): void => woken.abort();
      this.#wake = onEnd;
      this.#signal.addEventListener('abort', onEnd, { once: true });
      if (!this.#signal.aborted) await wait(POLL_MS, woken.signal);
      this.#signal.removeEventListener('abort', onEnd);
    }
    this.#hasChanged = false;
  }

  #notice(): void {
    this.#hasChanged = true;
    this.#wake();
  }
}
