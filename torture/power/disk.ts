/**
 * A disk as power cuts see it, below a log that lives in memory: what is certainly on it, and what may
 * be or may not. It listens to the calls that the library makes.
 *
 * Of every file it knows the bytes as of its last sync, taken when the sync began; of every directory the
 * entries as of its last sync, and what has been done to it since, in order. Stores through mappings make
 * no call, so files are read when a moment is taken down.
 */
import * as fs from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { CallFailure, type SystemCall } from '../hooks.js';

/** One entry of one directory that comes, is replaced, or goes. */
export interface Effect {
  readonly directory: string;
  readonly name: string;
  readonly file: number;
  readonly comes: boolean;
}

/** What one call does to directories: all of it or nothing. */
export type NameChange = readonly Effect[];

export interface FileMoment {
  readonly id: number;
  /** Its newest name. */
  readonly name: string;
  /** It was there when the disk was first looked at. */
  readonly isOld: boolean;
  readonly synced: Buffer;
  /** Contents that it has had since, some of them: the system may have written any page at any time. */
  readonly between: readonly Buffer[];
  readonly current: Buffer;
}

/** What a power cut could meet. */
export interface DiskMoment {
  readonly files: ReadonlyMap<number, FileMoment>;
  /** By directory, relative to the disk's root, and name. Directories have the number `DIRECTORY`. */
  readonly entries: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly changes: readonly NameChange[];
}

export const DIRECTORY = -1;
const ROOT = '';
const PAGE_BYTES = 4096;
/** Contents between two syncs that are remembered. */
const BETWEEN = 2;

interface DiskFile {
  readonly id: number;
  readonly fd: number;
  readonly inode: number;
  name: string;
  isOld: boolean;
  synced: Buffer;
  between: Buffer[];
  /** Pages that a failed sync has left behind: the system counts them as written until they change. */
  readonly forgotten: Map<number, Buffer>;
}

type Target = { readonly file: DiskFile } | { readonly directory: string };

export class Disk {
  readonly root: string;
  readonly #files = new Map<number, DiskFile>();
  readonly #byInode = new Map<number, DiskFile>();
  readonly #entries = new Map<string, Map<string, number>>();
  /** The same as they are now. */
  readonly #now = new Map<string, Map<string, number>>();
  #changes: Effect[][] = [];
  readonly #open = new Map<number, Target>();
  #nextId = 0;
  /** Fails the sync of a file that comes after so many others. */
  failSyncIn = Infinity;
  failedSyncs = 0;

  /** Everything that lies in `root` now is on the disk. */
  constructor(root: string) {
    this.root = root;
    this.#adopt(ROOT);
  }

  /** Goes between the library and the system. `moment` is called where a cut is of interest. */
  handle(call: SystemCall, proceed: () => unknown, moment: (what: string) => void): unknown {
    const isOfInterest = INTERESTING.has(call.name);
    if (isOfInterest) moment(`before ${call.name}`);
    const result = this.#handle(call, proceed);
    // Not behind a C function: what is done there would change the errno that it has left.
    if (isOfInterest && call.kind === 'fs') moment(`after ${call.name}`);
    return result;
  }

  /** Descriptors that the library holds now, with what they belong to. */
  openDescriptors(): { fd: number; name: string }[] {
    return [...this.#open].map(([fd, target]) => {
      return { fd, name: 'file' in target ? target.file.name : target.directory };
    });
  }

  /** For descriptors that somebody else has closed. */
  forgetDescriptor(fd: number): void {
    this.#open.delete(fd);
  }

  /** Changes bytes of a file on the disk itself. */
  damage(path: string, position: number, bytes: Uint8Array): void {
    const fd = fs.openSync(path, 'r+');
    fs.writeSync(fd, bytes, 0, bytes.length, position);
    const file = this.#byInode.get(fs.fstatSync(fd).ino) as DiskFile;
    fs.closeSync(fd);
    file.synced = read(file);
  }

  take(): DiskMoment {
    const files = new Map<number, FileMoment>();
    for (const file of this.#reachable()) {
      const current = read(file);
      const { id, name, isOld, synced, between } = file;
      files.set(id, { id, name, isOld, synced, between: [...between], current });
      if (!current.equals(synced)) this.#remember(file, current);
    }
    const entries = new Map([...this.#entries].map(([key, names]) => [key, new Map(names)]));
    return { files, entries, changes: this.#changes.map((change) => [...change]) };
  }

  close(): void {
    for (const { fd } of this.#files.values()) fs.closeSync(fd);
    this.#files.clear();
  }

  #remember(file: DiskFile, content: Buffer): void {
    if (file.between.some((known) => known.equals(content))) return;
    file.between.push(content);
    // The oldest and the newest tell most.
    if (file.between.length > BETWEEN) file.between.splice(file.between.length - 2, 1);
  }

  #adopt(directory: string): void {
    const names = new Map<string, number>();
    this.#entries.set(directory, names);
    for (const entry of fs.readdirSync(join(this.root, directory), { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        names.set(entry.name, DIRECTORY);
        this.#adopt(path);
      } else {
        const file = this.#meet(path);
        file.synced = read(file);
        file.isOld = true;
        names.set(entry.name, file.id);
      }
    }
    this.#now.set(directory, new Map(names));
  }

  #meet(path: string): DiskFile {
    const fd = fs.openSync(join(this.root, path), 'r');
    const inode = fs.fstatSync(fd).ino;
    const known = this.#byInode.get(inode);
    if (known !== undefined) {
      fs.closeSync(fd);
      return known;
    }
    const file: DiskFile = {
      id: this.#nextId++,
      fd,
      inode,
      name: path,
      isOld: false,
      synced: Buffer.alloc(0),
      between: [],
      forgotten: new Map(),
    };
    this.#files.set(file.id, file);
    this.#byInode.set(inode, file);
    return file;
  }

  /** Files that an image can have; of the others nothing is known any more. */
  #reachable(): DiskFile[] {
    const ids = new Set<number>();
    for (const names of [...this.#entries.values(), ...this.#now.values()]) {
      for (const id of names.values()) ids.add(id);
    }
    for (const change of this.#changes) for (const { file } of change) ids.add(file);
    for (const [id, file] of this.#files) {
      if (ids.has(id)) continue;
      this.#files.delete(id);
      this.#byInode.delete(file.inode);
      fs.closeSync(file.fd);
    }
    return [...this.#files.values()];
  }

  #handle({ name, args }: SystemCall, proceed: () => unknown): unknown {
    switch (name) {
      case 'openSync':
        return this.#onOpen(args[0] as string, proceed() as number);
      case 'closeSync':
        this.#open.delete(args[0] as number);
        return proceed();
      case 'fsyncSync':
      case 'fdatasyncSync':
        return this.#onSync(args[0] as number, proceed);
      case 'writeSync':
        return this.#onWrite(args, proceed);
      case 'renameSync':
        return this.#onRename(this.#inside(args[0]), this.#inside(args[1]), proceed);
      case 'linkSync':
        return this.#onLink(this.#inside(args[0]), this.#inside(args[1]), proceed);
      case 'unlinkSync':
        return this.#onUnlink(this.#inside(args[0]), proceed);
      case 'mkdirSync':
        return this.#onMkdir(this.#inside(args[0]), proceed);
      default:
        return proceed();
    }
  }

  #inside(path: unknown): string {
    return relative(this.root, path as string);
  }

  #onOpen(absolute: string, fd: number): number {
    const path = this.#inside(absolute);
    if (path.startsWith('..')) return fd;
    if (this.#now.has(path)) {
      this.#open.set(fd, { directory: path });
      return fd;
    }
    const file = this.#meet(path);
    this.#open.set(fd, { file });
    if (this.#idOf(path) !== file.id) this.#change([effect(path, file.id, true)]);
    return fd;
  }

  #onSync(fd: number, proceed: () => unknown): unknown {
    const target = this.#open.get(fd);
    if (target === undefined) throw new Error(`A sync of descriptor ${fd}, which is not known`);
    if ('directory' in target) {
      const result = proceed();
      this.#syncDirectory(target.directory);
      return result;
    }
    const { file } = target;
    const begun = read(file);
    if (this.failSyncIn-- <= 0) {
      this.failSyncIn = Infinity;
      this.failedSyncs++;
      forget(file, begun);
      throw new CallFailure('EIO');
    }
    const result = proceed();
    file.synced = withoutForgotten(file, begun);
    file.between = [];
    return result;
  }

  #onWrite(args: readonly unknown[], proceed: () => unknown): unknown {
    const [fd, , , length, position] = args as [number, unknown, number, number, number | null];
    const target = this.#open.get(fd);
    const isPlaced = typeof position === 'number';
    if (target !== undefined && 'file' in target && isPlaced) {
      const last = Math.floor((position + length - 1) / PAGE_BYTES);
      for (let page = Math.floor(position / PAGE_BYTES); page <= last; page++) {
        target.file.forgotten.delete(page);
      }
    }
    return proceed();
  }

  #onRename(from: string, to: string, proceed: () => unknown): unknown {
    const id = this.#idOf(from);
    const result = proceed();
    if (id === undefined) throw new Error(`A rename of ${from}, which is not known`);
    this.#change([effect(to, id, true), effect(from, id, false)]);
    const file = this.#files.get(id);
    if (file !== undefined) file.name = to;
    return result;
  }

  #onLink(from: string, to: string, proceed: () => unknown): unknown {
    const result = proceed();
    this.#change([effect(to, this.#idOf(from) as number, true)]);
    return result;
  }

  #onUnlink(path: string, proceed: () => unknown): unknown {
    const result = proceed();
    this.#change([effect(path, this.#idOf(path) as number, false)]);
    return result;
  }

  #onMkdir(path: string, proceed: () => unknown): unknown {
    const result = proceed();
    if (this.#now.has(path)) return result;
    this.#now.set(path, new Map());
    this.#entries.set(path, new Map());
    this.#change([effect(path, DIRECTORY, true)]);
    return result;
  }

  #idOf(path: string): number | undefined {
    return this.#now.get(directoryOf(path))?.get(nameOf(path));
  }

  #change(effects: Effect[]): void {
    for (const one of effects) apply(this.#now, one);
    this.#changes.push(effects);
  }

  /** What goes from here has come elsewhere: never the one without the other. */
  #syncDirectory(directory: string): void {
    const left: Effect[][] = [];
    for (const change of this.#changes) {
      const goes = change.some((one) => one.directory === directory && !one.comes);
      const isSynced = (one: Effect): boolean =>
        one.directory === directory || (goes && one.comes && this.#isOnDisk(one.directory));
      for (const one of change.filter(isSynced)) apply(this.#entries, one);
      const rest = change.filter((one) => !isSynced(one));
      if (rest.length > 0) left.push(rest);
    }
    this.#changes = left;
  }

  #isOnDisk(directory: string): boolean {
    if (directory === ROOT) return true;
    const parent = directoryOf(directory);
    return this.#entries.get(parent)?.get(nameOf(directory)) === DIRECTORY;
  }
}

const INTERESTING: ReadonlySet<string> = new Set([
  'fsyncSync',
  'fdatasyncSync',
  'renameSync',
  'linkSync',
  'unlinkSync',
  'mkdirSync',
  'writeSync',
  'ftruncateSync',
  'fallocate',
]);

export function directoryOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? ROOT : parent;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function effect(path: string, file: number, comes: boolean): Effect {
  return { directory: directoryOf(path), name: nameOf(path), file, comes };
}

export function apply(entries: Map<string, Map<string, number>>, one: Effect): void {
  const names = entries.get(one.directory);
  if (one.comes) names?.set(one.name, one.file);
  else if (names?.get(one.name) === one.file) names.delete(one.name);
}

function read({ fd }: DiskFile): Buffer {
  const content = Buffer.allocUnsafe(fs.fstatSync(fd).size);
  const got = fs.readSync(fd, content, 0, content.length, 0);
  return content.subarray(0, got);
}

function pageOf(content: Buffer, page: number): Buffer {
  return content.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
}

/** A sync has failed: what it had to write is not written, and the system does not try again. */
function forget(file: DiskFile, content: Buffer): void {
  for (let page = 0; page * PAGE_BYTES < content.length; page++) {
    const now = pageOf(content, page);
    if (!now.equals(pageOf(file.synced, page))) file.forgotten.set(page, now);
  }
}

/** What a sync makes durable: not the pages that an earlier one has failed to, and that are unchanged. */
function withoutForgotten(file: DiskFile, content: Buffer): Buffer {
  if (file.forgotten.size === 0) return content;
  const written = Buffer.from(content);
  for (const [page, lost] of file.forgotten) {
    if (!pageOf(content, page).equals(lost)) {
      file.forgotten.delete(page);
      continue;
    }
    const place = pageOf(written, page).fill(0);
    pageOf(file.synced, page).copy(place);
  }
  return written;
}
