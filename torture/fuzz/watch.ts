/**
 * Remembers what is being run, so that an input that does not come to an end can be found: a thread looks
 * now and then, and writes it to a file. The supervisor then ends the process.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

const LOOK_EVERY_MS = 5000;
const COUNT = 0;
const LENGTH = 1;
const HEADER_BYTES = 8;

interface Watched {
  readonly memory: SharedArrayBuffer;
}

export class Watch {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #thread: Worker;

  constructor(maxBytes: number) {
    const memory = new SharedArrayBuffer(HEADER_BYTES + maxBytes);
    this.#words = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES);
    const watched: Watched = { memory };
    this.#thread = new Worker(new URL(import.meta.url), { workerData: watched });
    this.#thread.unref();
  }

  /** Where the input goes from now on, if it hangs. */
  writeTo(folder: string): void {
    this.#thread.postMessage(folder);
  }

  /** This is what is run from now on. */
  begin(input: Uint8Array): void {
    const words = this.#words;
    this.#bytes.set(input);
    words[LENGTH] = input.length;
    words[COUNT] = ((words[COUNT] as number) + 1) | 0;
  }

  async stop(): Promise<void> {
    await this.#thread.terminate();
  }
}

function look({ memory }: Watched): void {
  const words = new Int32Array(memory, 0, 2);
  let folder: string | undefined;
  parentPort?.on('message', (place: string) => (folder = place));
  let before = Atomics.load(words, COUNT);
  setInterval(() => {
    const now = Atomics.load(words, COUNT);
    const input = new Uint8Array(memory, HEADER_BYTES, words[LENGTH]).slice();
    if (now === before && folder !== undefined) writeFileSync(join(folder, 'last-input'), input);
    before = now;
  }, LOOK_EVERY_MS);
}

if (!isMainThread && workerData !== null && 'memory' in (workerData as object)) {
  look(workerData as Watched);
}
