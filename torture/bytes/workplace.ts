/** A log in a folder that is damaged, looked at and restored, again and again. */
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Files } from './second-reader.js';

export class Workplace {
  readonly log: string;
  readonly #image: Files;

  constructor(log: string, image: Files) {
    this.log = log;
    this.#image = image;
    mkdirSync(log);
    this.restore();
  }

  /** Overwrites a byte in place. */
  poke(name: string, at: number, byte: number): void {
    const fd = openSync(join(this.log, name), 'r+');
    writeSync(fd, Uint8Array.of(byte), 0, 1, at);
    closeSync(fd);
  }

  /** Makes the files those of a damaged log, in place. */
  put(files: Files): void {
    for (const name of this.#image.keys()) {
      const file = files.get(name);
      if (file === undefined) rmSync(join(this.log, name), { recursive: true, force: true });
      else if (file !== this.#image.get(name)) writeFileSync(join(this.log, name), file);
    }
    for (const [name, file] of files) {
      if (!this.#image.has(name)) writeFileSync(join(this.log, name), file);
    }
  }

  /** The log as it was before all damage. */
  restore(): void {
    for (const name of readdirSync(this.log)) {
      const isOwn = this.#image.has(name) && lstatSync(join(this.log, name)).isFile();
      if (!isOwn) rmSync(join(this.log, name), { recursive: true });
    }
    for (const [name, bytes] of this.#image) rewrite(join(this.log, name), bytes);
  }

  /** The files as they are, without LOCK, which everybody who opens the log rewrites. */
  contents(): Map<string, Buffer> {
    const names = readdirSync(this.log, { recursive: true, encoding: 'utf8' });
    const files = names.filter(
      (name) => name !== 'LOCK' && lstatSync(join(this.log, name)).isFile(),
    );
    return new Map(files.map((name) => [name, readFileSync(join(this.log, name))]));
  }
}

function rewrite(path: string, bytes: Buffer): void {
  const fd = openSync(path, 'a+');
  closeSync(fd);
  const now = readFileSync(path);
  if (now.equals(bytes)) return;
  const writable = openSync(path, 'r+');
  ftruncateSync(writable, bytes.length);
  writeSync(writable, bytes, 0, bytes.length, 0);
  closeSync(writable);
}
