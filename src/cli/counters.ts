/** Real input for the demo: this machine's own counters, as lines of text. */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { cpus, freemem, loadavg, uptime } from 'node:os';

/** Hands out the samples of one moment, one record each; the bytes are valid during the call only. */
export interface CounterSource {
  readonly description: string;
  sample(take: (line: Uint8Array) => void): void;
  close(): void;
}

const PROC_FILES = ['/proc/stat', '/proc/meminfo', '/proc/net/dev'];
const NEWLINE = 10;
/** Longer lines are tables of interrupts. */
const MAX_LINE_BYTES = 160;

export function openCounters(): CounterSource {
  const paths = PROC_FILES.filter((path) => existsSync(path));
  return paths.length > 0 ? procCounters(paths) : nodeCounters();
}

function procCounters(paths: readonly string[]): CounterSource {
  const fds = paths.map((path) => openSync(path, 'r'));
  const buffer = Buffer.alloc(64 * 1024);
  return {
    description: paths.join(', '),
    sample(take): void {
      for (const fd of fds) {
        const length = readSync(fd, buffer, 0, buffer.length, 0);
        takeLines(buffer, length, take);
      }
    },
    close(): void {
      for (const fd of fds) closeSync(fd);
    },
  };
}

function takeLines(buffer: Buffer, length: number, take: (line: Uint8Array) => void): void {
  let start = 0;
  while (start < length) {
    const newline = buffer.indexOf(NEWLINE, start);
    if (newline < 0 || newline >= length) return;
    if (newline - start <= MAX_LINE_BYTES) take(buffer.subarray(start, newline));
    start = newline + 1;
  }
}

/** Where there is no /proc. */
function nodeCounters(): CounterSource {
  return {
    description: 'process.memoryUsage(), os.cpus(), os.loadavg()',
    sample(take): void {
      const counters = {
        ...process.memoryUsage(),
        ...Object.fromEntries(cpus().map(({ times }, at) => [`cpu${at}`, JSON.stringify(times)])),
        freemem: freemem(),
        uptime: uptime(),
        loadavg: loadavg().join(' '),
      };
      for (const [name, value] of Object.entries(counters)) take(Buffer.from(`${name} ${value}`));
    },
    close(): void {},
  };
}
