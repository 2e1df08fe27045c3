/** The system calls of a process that works on a log, as strace saw them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { AppenderOptions } from '../../src/index.js';
import { fixture, type Step } from './dying.js';

export interface Call {
  readonly name: string;
  /** Relative to the log: '.' for its directory, '..' and so on for those that it lies in. */
  readonly path: string;
  readonly isMainThread: boolean;
  /** All that strace says of its arguments and result. */
  readonly text: string;
  /** Lines of the trace at which it began and ended: another one lies behind it or overlaps with it. */
  readonly begin: number;
  readonly end: number;
}

/** Runs a fixture of a log to its end; returns its calls that concern a file of the log. */
export function traceFixture(script: string, log: string, args: string[], calls: string): Call[] {
  const folder = mkdtempSync(join(tmpdir(), 'stratalog-trace-'));
  try {
    const output = join(folder, 'trace');
    const strace = ['-f', '-y', '-qq', '-s', '0', '-o', output, '-e', `trace=${calls}`];
    const command = [process.execPath, fixture(script), log, ...args];
    const { error, stderr } = spawnSync('strace', [...strace, ...command], { encoding: 'utf8' });
    if (error !== undefined || stderr !== '') throw error ?? new Error(stderr);
    return parse(readFileSync(output, 'utf8').split('\n'), log);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a process does to a log; `steps` are those of `dieWith`, with which it ends. */
export function traceSteps(
  log: string,
  options: AppenderOptions,
  calls: string,
  ...steps: Step[]
): Call[] {
  return traceFixture('die-with-log.mjs', log, [JSON.stringify({ options, steps })], calls);
}

/** The calls between two marks of the process. */
export function between(calls: readonly Call[], from: number, to: number): Call[] {
  const at = (mark: number): number => {
    const found = calls.findIndex(({ path }) => path === `mark-${mark}`);
    if (found < 0) throw new Error(`There is no mark ${mark} in the trace`);
    return found;
  };
  return calls.slice(at(from) + 1, at(to));
}

/** `name path`, for comparisons. */
export function shown({ name, path }: Call): string {
  return `${name} ${path}`;
}

function parse(lines: readonly string[], log: string): Call[] {
  const main = /^\d+/.exec(lines[0] ?? '')?.[0];
  const calls: { -readonly [K in keyof Call]: Call[K] }[] = [];
  const mappings: Mapped[] = [];
  const unfinished = new Map<string, (typeof calls)[number]>();
  for (const [line, text] of lines.entries()) {
    const [, thread = '', resumed, name = ''] = /^(\d+) +(<\.\.\. )?(\w+)/.exec(text) ?? [];
    if (resumed !== undefined) {
      const call = unfinished.get(thread);
      unfinished.delete(thread);
      if (call === undefined) continue;
      call.end = line;
      call.text = call.text.replace(/ <unfinished \.\.\.>$/, text.replace(/^.*? resumed>/, ''));
      if (call.name === 'mmap') mappings.push({ path: call.path, ...extentOf(call.text) });
      continue;
    }
    const path = name === 'madvise' ? pathMapped(text, mappings) : pathIn(text, log);
    if (path === undefined) continue;
    const call = { name, path, text, isMainThread: thread === main, begin: line, end: line };
    calls.push(call);
    // Where it has mapped something is known when it ends.
    if (text.endsWith('<unfinished ...>')) unfinished.set(thread, call);
    else if (name === 'mmap') mappings.push({ path, ...extentOf(text) });
  }
  return calls;
}

interface Mapped {
  readonly path: string;
  readonly from: bigint;
  readonly to: bigint;
}

function extentOf(text: string): { from: bigint; to: bigint } {
  const [, length = '0', from = '0'] = /mmap\(NULL, (\d+),.* = (0x[0-9a-f]+)$/.exec(text) ?? [];
  return { from: BigInt(from), to: BigInt(from) + BigInt(length) };
}

/** What is mapped where a call's first argument points. */
function pathMapped(text: string, mappings: readonly Mapped[]): string | undefined {
  const address = BigInt(/\((0x[0-9a-f]+)/.exec(text)?.[1] ?? 0);
  return mappings.findLast(({ from, to }) => address >= from && address < to)?.path;
}

/** The last path of a line that is the log's; of a `rename` that is the new one. */
function pathIn(text: string, log: string): string | undefined {
  const named = [...text.matchAll(/[<"](\/[^>"]*)[>"]/g)].map(([, path]) => path as string);
  for (const path of named.toReversed()) {
    if (path === log) return '.';
    if (log.startsWith(`${path}/`) || path.startsWith(`${log}/`)) return relative(log, path);
  }
  return undefined;
}
