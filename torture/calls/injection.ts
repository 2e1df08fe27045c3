/**
 * Makes one call fail, in whichever thread: a plan in shared memory, which the hooks of all threads
 * follow. Calls are counted by name and side, so that the n-th is the same one whatever another thread
 * does meanwhile.
 */
import * as fs from 'node:fs';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { CallFailure, hooks, type SystemCall } from '../hooks.js';
import { CALL_NAMES, ERRNOS, reachesDisk, type Fault, type Way } from './faults.js';

/** The thread that calls the library, or any that the library has started. */
export type Side = 'caller' | 'thread';
const SIDES: readonly Side[] = ['caller', 'thread'];
const WAYS: readonly Way[] = ['once', 'sticky', 'dead', 'short'];

/** One call that fails. */
export interface Case extends Fault {
  readonly side: Side;
  readonly name: string;
  /** From 1, among the calls of this name on this side. */
  readonly nth: number;
}

export function describeCase({ side, name, nth, errno, way }: Case): string {
  const which = `${side === 'thread' ? "a thread's " : ''}${name} ${nth}`;
  return way === 'short' ? `${which} is short` : `${which} ${errno} ${way}`;
}

const OFF = 0;
const COUNTING = 1;
const FAILING = 2;

// Words of the plan.
const STATE = 0;
const SIDE = 1;
const NAME = 2;
const NTH = 3;
const ERRNO = 4;
const WAY = 5;
const FIRED = 6;
const FAILED_SYNCS = 7;
const COUNTS = 8;

const KEY = 'stratalog-torture-plan';
const SIZE = COUNTS + SIDES.length * CALL_NAMES.length;

const plan = new Int32Array((getEnvironmentData(KEY) ?? newPlan()) as SharedArrayBuffer);

function newPlan(): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(SIZE * 4);
  if (isMainThread) setEnvironmentData(KEY, shared);
  return shared;
}

const OWN_SIDE = isMainThread ? 0 : 1;
const numbers = new Map(CALL_NAMES.map((name, number) => [name, number]));

hooks.system = follow;

/** Counts calls from now on, and lets them be. */
export function startCounting(): void {
  plan.fill(0);
  Atomics.store(plan, STATE, COUNTING);
}

/** From now on the call of this case fails. */
export function inject({ side, name, nth, errno, way }: Case): void {
  plan.fill(0);
  plan[SIDE] = SIDES.indexOf(side);
  plan[NAME] = numbers.get(name) as number;
  plan[NTH] = nth;
  plan[ERRNO] = ERRNOS.indexOf(errno);
  plan[WAY] = WAYS.indexOf(way);
  Atomics.store(plan, STATE, FAILING);
}

/** The fault is gone. */
export function heal(): void {
  Atomics.store(plan, STATE, OFF);
}

/** Somebody else makes calls fail. */
export function expectFaults(): void {
  Atomics.store(plan, FIRED, 1);
}

/** How many calls have failed. */
export function fired(): number {
  return Atomics.load(plan, FIRED);
}

/** How many syncs of files that belong to a log have failed. */
export function failedSyncs(): number {
  return Atomics.load(plan, FAILED_SYNCS);
}

export interface Counted {
  readonly side: Side;
  readonly name: string;
  readonly times: number;
}

export function counted(): Counted[] {
  return SIDES.flatMap((side, s) =>
    CALL_NAMES.map((name, i) => ({
      side,
      name,
      times: Atomics.load(plan, COUNTS + s * CALL_NAMES.length + i),
    })),
  );
}

function follow(call: SystemCall, proceed: () => unknown): unknown {
  const state = Atomics.load(plan, STATE);
  if (state === OFF || call.name === 'getpagesize') return proceed();
  const number = numbers.get(call.name);
  if (number === undefined) throw new Error(`The campaign does not know the call ${call.name}`);
  const before = Atomics.add(plan, COUNTS + OWN_SIDE * CALL_NAMES.length + number, 1);
  return state === FAILING && isHit(number, before + 1) ? fail(call, proceed) : proceed();
}

function isHit(number: number, nth: number): boolean {
  const way = WAYS[plan[WAY] as number] as Way;
  if (way === 'dead' && Atomics.load(plan, FIRED) > 0) return reachesDisk(nameOf(number));
  if (plan[SIDE] !== OWN_SIDE || plan[NAME] !== number) return false;
  return way === 'sticky' ? nth >= (plan[NTH] as number) : nth === plan[NTH];
}

function nameOf(number: number): string {
  return CALL_NAMES[number] as string;
}

function fail(call: SystemCall, proceed: () => unknown): unknown {
  Atomics.add(plan, FIRED, 1);
  if (WAYS[plan[WAY] as number] === 'short') return doLess(call);
  if (call.name === 'existsSync') return false;
  // On Linux the descriptor is gone, whatever close says.
  if (call.name === 'closeSync') proceed();
  if (isSyncOfLog(call)) Atomics.add(plan, FAILED_SYNCS, 1);
  throw new CallFailure(ERRNOS[plan[ERRNO] as number] as string);
}

/** Half of what was asked for, or nothing more than a byte. */
function doLess({ name, args }: SystemCall): unknown {
  const [fd, bytes, ...rest] = args as [number, Uint8Array | string, number?, number?, number?];
  if (typeof bytes === 'string') return fs.writeSync(fd, bytes.slice(0, bytes.length >> 1));
  const [at = 0, length = bytes.length, position] = rest;
  const less = Math.max(1, length >> 1);
  if (name === 'readSync') return fs.readSync(fd, bytes, at, less, position ?? null);
  return fs.writeSync(fd, bytes, at, less, position);
}

/** Files under temporary names are nobody's yet, and are thrown away when anything fails. */
function isSyncOfLog({ name, args }: SystemCall): boolean {
  if (name !== 'fdatasyncSync' && name !== 'fsyncSync') return false;
  return !fs.readlinkSync(`/proc/self/fd/${args[0] as number}`).includes('.tmp');
}
