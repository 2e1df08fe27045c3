/** What a process, and a thread of it, has taken of the machine. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapCodeStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Of one process. */
export interface ProcessMeasures {
  /** Memory that is nobody's file. */
  readonly anonymousBytes: number;
  /** All that is in memory, mapped files included. */
  readonly residentBytes: number;
  readonly threads: number;
  /** Threads of Node's that have ever been started. */
  readonly startedThreads: number;
  readonly descriptors: number;
  /** Those of files of the log. */
  readonly logDescriptors: readonly string[];
  readonly mappings: number;
  readonly logMappings: number;
  /** Segments and indexes that can be written, or are kept as if they could. */
  readonly writable: readonly string[];
  /** Descriptors and mappings of files of the log that have been deleted: nobody has a use for them. */
  readonly stale: readonly string[];
}

/** Of one thread. */
export interface HeapMeasures {
  /** Without compiled code. */
  readonly heapBytes: number;
  /** What V8 has compiled: it goes on with that for an hour, as more and more functions have run often. */
  readonly codeBytes: number;
  readonly externalBytes: number;
  readonly arrayBufferBytes: number;
}

let startedThreads = 0;
process.on('worker', () => startedThreads++);

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Lets the garbage collector find everything, and finalizers run. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    gc();
    await sleep(5);
  }
}

export function measureHeap(): HeapMeasures {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  const code = getHeapCodeStatistics();
  const codeBytes = code.code_and_metadata_size + code.bytecode_and_metadata_size;
  return {
    heapBytes: heapUsed - codeBytes,
    codeBytes,
    externalBytes: external,
    arrayBufferBytes: arrayBuffers,
  };
}

export function measureProcess(log: string): ProcessMeasures {
  const status = readFileSync('/proc/self/status', 'utf8');
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  const descriptors = openFiles();
  const mappings = readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n');
  const ofLog = (line: string): boolean => line.includes(`${log}/`);
  const [logDescriptors, logMappings] = [descriptors.filter(ofLog), mappings.filter(ofLog)];
  return {
    anonymousBytes: kilobytes('RssAnon'),
    residentBytes: kilobytes('VmRSS'),
    startedThreads,
    threads: readdirSync('/proc/self/task').length,
    descriptors: descriptors.length,
    logDescriptors: logDescriptors.map((path) => basename(path)).sort(),
    mappings: mappings.length,
    logMappings: logMappings.length,
    writable: logMappings.filter((line) => / rw-s .*\.(?:log|index)/.test(line)).map(detached),
    stale: [...logDescriptors, ...logMappings]
      .filter((line) => line.endsWith(' (deleted)'))
      .map(detached),
  };
}

/** A part of a string keeps the whole of it: the lists of all mappings, for as long as there are samples. */
function detached(part: string): string {
  return Buffer.from(part).toString();
}

/** What descriptors stand for, but the one that this takes itself. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
