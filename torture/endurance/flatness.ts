/**
 * What "flat" means.
 *
 * - Exactly, in every sample, taken after a garbage collection: no descriptor and no mapping of a file
 *   that has been deleted; mappings, descriptors and files of the log below bounds that follow from who
 *   has it open (`countFaults`).
 * - Over all samples but those of the warm-up (the first quarter, at least three): threads, descriptors
 *   and other mappings of the second half are not always more than the most of the first half and a small
 *   slack, for those that come and go with Node's own threads and heap.
 * - Both of these, and anonymous memory below, less what koffi keeps of every thread that has ended.
 * - Heaps are counted without what V8 has compiled: it goes on compiling for an hour, as functions that run
 *   seldom have run often, and what it keeps of them belongs to no object.
 * - Memory: the least of the last quarter is not above the most of the second quarter by more than a
 *   tenth (and some MiB: an allocator does not give back everything); and the median of the slopes between
 *   all pairs of samples (Theil and Sen), times their number, is below the same.
 * - Latency, on a machine that is shared: the least of the last quarter is not above the least of the second
 *   one by more than a half (p50), or three times (p99), and some. A drift would be in the least, too. If
 *   timers have become later in the same way, it was the machine, and as much more is allowed. This takes
 *   more samples than the rest.
 */
import type { FollowerSample } from './followers.js';
import type { Latency } from './latency.js';
import type { HeapMeasures, ProcessMeasures } from './measures.js';

export interface Sample {
  readonly round: number;
  readonly process: ProcessMeasures;
  readonly heap: HeapMeasures;
  readonly append: Latency;
  /** How late timers were, which has nothing to do with the log. */
  readonly timer: Latency;
  /** In a thread of this process, and in a process of its own. */
  readonly followers: readonly [FollowerSample, FollowerSample];
  readonly logFiles: number;
  readonly logBytes: number;
}

/** What must hold of the log's files in a sample. */
export interface FileLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** Samples from which on there is enough to speak of a course. */
const MIN_SAMPLES = 5;
/** The same of what depends on the machine, or on when the kernel gives memory back. */
const MIN_NOISY_SAMPLES = 15;
const MIB = 2 ** 20;

/** Threads that may have the log mapped: the appender's, which also reads, the follower's, the pool's. */
const READING_THREADS = 3;
/** The active and the prepared one: sealed ones are synced, and let go. */
const WRITTEN_SEGMENTS = 2;
/** Control and readers pages: appender, reader, monitor, follower, pool, watch. */
const PAGES = 12;
/** LOCK, control and readers files: appender, reader, monitor, follower, watch. */
const BESIDE_DESCRIPTORS = 8;

export function countFaults(sample: Sample, limits: FileLimits): string[] {
  const { process, followers, logFiles, logBytes } = sample;
  const mine = READING_THREADS * logFiles + 2 * WRITTEN_SEGMENTS + PAGES;
  const others = logFiles + PAGES;
  const child = followers[1].process;
  return [
    ...staleOf('this process', process),
    ...staleOf('the follower', child),
    ...above('files of the log', logFiles, limits.maxFiles),
    ...above('bytes of the log', logBytes, limits.maxBytes),
    ...above('mappings of the log', process.logMappings, mine),
    ...above('writable segments and indexes', process.writable.length, 2 * WRITTEN_SEGMENTS),
    ...above("the follower's mappings of the log", child.logMappings, others),
    ...tooManyOpen('this process', process, 2 * WRITTEN_SEGMENTS + BESIDE_DESCRIPTORS),
    ...tooManyOpen('the follower', child, BESIDE_DESCRIPTORS),
  ];
}

function staleOf(whose: string, { stale }: ProcessMeasures): string[] {
  if (stale.length === 0) return [];
  return [`${whose} has ${stale.length} files open that are deleted, such as ${stale[0]}`];
}

function tooManyOpen(whose: string, { logDescriptors }: ProcessMeasures, most: number): string[] {
  const { length } = logDescriptors;
  if (length <= most) return [];
  const names = logDescriptors.join(' ');
  return [
    `${whose} has ${length} descriptors of the log, and ${most} at most were expected: ${names}`,
  ];
}

function above(what: string, found: number, most: number): string[] {
  return found > most ? [`${found} ${what}, and ${most} at most were expected`] : [];
}

type Figure = readonly [name: string, of: (sample: Sample) => number];

/**
 * koffi keeps what it has mapped for the calls of a thread when that ends: a stack, its guard page and a
 * heap. It is not much, but every maintenance thread, watch and scan of one's own adds to it.
 */
const KEPT_MAPPINGS = 3;
const KEPT_BYTES = 64 * 1024;

function ownMappings({ mappings, logMappings, startedThreads }: ProcessMeasures): number {
  return mappings - logMappings - KEPT_MAPPINGS * startedThreads;
}

function ownBytes({ anonymousBytes, startedThreads }: ProcessMeasures): number {
  return anonymousBytes - KEPT_BYTES * startedThreads;
}

const COUNTS: readonly (readonly [...Figure, slack: number])[] = [
  ['threads', (s) => s.process.threads, 2],
  ['descriptors', (s) => s.process.descriptors, 4],
  ['mappings of anything else', (s) => ownMappings(s.process), 100],
  ["the follower's threads", (s) => s.followers[1].process.threads, 2],
  ["the follower's descriptors", (s) => s.followers[1].process.descriptors, 4],
  ["the follower's mappings of anything else", (s) => ownMappings(s.followers[1].process), 100],
];

/** Node counts mapped memory as external, and a segment takes 8 MiB. */
const MAPPED_SLACK = 40 * MIB;

const HEAPS: readonly (readonly [...Figure, slackBytes: number])[] = [
  ['heap', (s) => s.heap.heapBytes, 2 * MIB],
  ['array buffers', (s) => s.heap.arrayBufferBytes, 2 * MIB],
  ["the thread's heap", (s) => s.followers[0].heap.heapBytes, 2 * MIB],
  ["the follower's heap", (s) => s.followers[1].heap.heapBytes, 2 * MIB],
];

const MEMORY: readonly (readonly [...Figure, slackBytes: number])[] = [
  ['anonymous memory', (s) => ownBytes(s.process), 12 * MIB],
  ['external memory', (s) => s.heap.externalBytes, MAPPED_SLACK],
  ["the follower's anonymous memory", (s) => ownBytes(s.followers[1].process), 12 * MIB],
  ["the follower's external memory", (s) => s.followers[1].heap.externalBytes, MAPPED_SLACK],
];

const LATENCY: readonly (readonly [...Figure, factor: number, slackUs: number])[] = [
  ['p50 of append', (s) => s.append.p50Us, 1.5, 0.2],
  ['p99 of append', (s) => s.append.p99Us, 3, 20],
  ['p50 from commit to seen, thread', (s) => s.followers[0].seen.p50Us, 1.5, 300],
  ['p99 from commit to seen, thread', (s) => s.followers[0].seen.p99Us, 3, 5000],
  ['p50 from commit to seen, process', (s) => s.followers[1].seen.p50Us, 1.5, 300],
  ['p99 from commit to seen, process', (s) => s.followers[1].seen.p99Us, 3, 5000],
];

/** What has a trend that it must not have. Nothing, as long as there are too few samples to tell. */
export function trendFaults(all: readonly Sample[]): string[] {
  const warmUp = Math.max(3, Math.floor(all.length / 4));
  const samples = all.slice(warmUp);
  if (samples.length < MIN_SAMPLES) return [];
  const heaps = HEAPS.flatMap(([name, of, slack]) => memoryTrend(name, samples.map(of), slack));
  if (samples.length < MIN_NOISY_SAMPLES) return heaps;
  return [
    ...heaps,
    ...COUNTS.flatMap(([name, of, slack]) => countTrend(name, samples.map(of), slack)),
    ...MEMORY.flatMap(([name, of, slack]) => memoryTrend(name, samples.map(of), slack)),
    ...latencyFaults(samples),
  ];
}

function countTrend(name: string, values: readonly number[], slack: number): string[] {
  const half = values.length >> 1;
  const most = Math.max(...values.slice(0, half)) + slack;
  return above(name, Math.min(...values.slice(-half)), most);
}

/** `values` are those after the warm-up: the first third of them is the second quarter of all. */
function memoryTrend(name: string, values: readonly number[], slackBytes: number): string[] {
  const third = Math.floor(values.length / 3);
  const before = Math.max(...values.slice(0, third));
  const after = Math.min(...values.slice(-third));
  const allowed = Math.max(before / 10, slackBytes);
  const growth = theilSen(values) * values.length;
  if (after <= before + allowed && growth <= allowed) return [];
  return [
    `${name} grows: at most ${mib(before)} early, at least ${mib(after)} late, ` +
      `${mib(growth)} by its slope over ${values.length} rounds, and ${mib(allowed)} are allowed`,
  ];
}

function latencyFaults(samples: readonly Sample[]): string[] {
  const [machineEarly, machineLate] = leastEarlyAndLate(samples, (s) => s.timer.p50Us);
  const busier = Math.max(1, machineLate / machineEarly);
  return LATENCY.flatMap(([name, of, factor, slackUs]) => {
    const [early, late] = leastEarlyAndLate(samples, of);
    const most = (early * factor + slackUs) * busier;
    if (late <= most) return [];
    return [`${name} grows: ${early} µs early, ${late} µs late, and ${most} µs are allowed`];
  });
}

function leastEarlyAndLate(
  samples: readonly Sample[],
  of: (sample: Sample) => number,
): readonly [early: number, late: number] {
  const third = Math.floor(samples.length / 3);
  const values = samples.map(of);
  return [Math.min(...values.slice(0, third)), Math.min(...values.slice(-third))];
}

/** Median of the slopes between all pairs: outliers do not move it. */
export function theilSen(values: readonly number[]): number {
  const slopes: number[] = [];
  for (let i = 0; i < values.length; i++) {
    for (let j = i + 1; j < values.length; j++) {
      slopes.push(((values[j] as number) - (values[i] as number)) / (j - i));
    }
  }
  return median(slopes);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

const COLUMNS: readonly Figure[] = [
  ['round', (s) => s.round],
  ...COUNTS.map(([name, of]): Figure => [name, of]),
  ['threads started', (s) => s.process.startedThreads],
  ['all mappings', (s) => s.process.mappings],
  ['mappings of the log', (s) => s.process.logMappings],
  ['MiB of all anonymous memory', (s) => s.process.anonymousBytes / MIB],
  ['writable mappings', (s) => s.process.writable.length],
  ['descriptors of the log', (s) => s.process.logDescriptors.length],
  ["the follower's mappings", (s) => s.followers[1].process.mappings],
  ['files of the log', (s) => s.logFiles],
  ['MiB of the log', (s) => s.logBytes / MIB],
  ['MiB of compiled code', (s) => s.heap.codeBytes / MIB],
  ['MiB resident', (s) => s.process.residentBytes / MIB],
  ...[...HEAPS, ...MEMORY].map(([name, of]): Figure => [`MiB of ${name}`, (s) => of(s) / MIB]),
  ['µs p50 of timers', (s) => s.timer.p50Us],
  ...LATENCY.map(([name, of]): Figure => [`µs ${name}`, of]),
  ['µs most of append', (s) => s.append.maxUs],
  ['µs most from commit to seen', (s) => Math.max(...s.followers.map(({ seen }) => seen.maxUs))],
];

/** All samples as a table: a line per figure, a column per round. */
export function samplesAsCsv(samples: readonly Sample[]): string {
  const lines = COLUMNS.map(([name, of]) => {
    const values = samples.map((sample) => Number(of(sample).toFixed(2)));
    return [`"${name}"`, ...values].join(',');
  });
  return `${lines.join('\n')}\n`;
}
