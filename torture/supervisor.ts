/**
 * Runs the rounds of a campaign in processes of their own, so that a signal is a failed round and not
 * the end of the run. Results are taken in the order of the rounds: what is saved is always "all rounds
 * below n", whatever happens to this process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Campaign } from './campaign.js';
import type { FromWorker, Job, ToWorker } from './messages.js';
import { FAILURES, compiled, newFolder } from './places.js';
import { addCounts, saveProgress, type Progress } from './progress.js';

const PATIENCE_MS = 5 * 60_000;
const SAVE_EVERY_MS = 2000;
const MAX_FAILURES = 20;

export interface Limits {
  readonly jobs: number;
  /** Exclusive. */
  readonly endRound: number;
  readonly seconds: number;
  /** Ends the run after the rounds at hand. */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

type Result = Exclude<FromWorker, { kind: 'ready' }>;

/** Runs until an end is reached. `progress` says how far it came. */
export async function runCampaign(
  campaign: Campaign,
  progress: Progress,
  limits: Limits,
): Promise<void> {
  const jobs = Math.min(limits.jobs, campaign.maxJobs ?? limits.jobs);
  const run = new CampaignRun(campaign, progress, limits);
  await Promise.all(Array.from({ length: jobs }, () => run.work()));
  run.save();
}

class CampaignRun {
  readonly #campaign: Campaign;
  readonly #progress: Progress;
  readonly #limits: Limits;
  readonly #secondsBefore: number;
  readonly #startedAt = performance.now();
  /** Results of rounds whose predecessors are not done yet. */
  readonly #waiting = new Map<number, Result>();
  #next: number;
  #savedAt = 0;

  constructor(campaign: Campaign, progress: Progress, limits: Limits) {
    this.#campaign = campaign;
    this.#progress = progress;
    this.#limits = limits;
    this.#secondsBefore = progress.seconds;
    this.#next = progress.nextRound;
  }

  /** One process after the other, as long as there are rounds: a process ends with a round that fails. */
  async work(): Promise<void> {
    while (!this.#isOver()) {
      const folder = newFolder(this.#campaign.place ?? 'memory', this.#campaign.name);
      try {
        await this.#runProcess(folder);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  }

  save(): void {
    this.#progress.seconds = this.#secondsBefore + this.#elapsed();
    saveProgress(this.#progress);
  }

  #elapsed(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  #isOver(): boolean {
    const { endRound, seconds, signal } = this.#limits;
    if (signal.aborted || this.#elapsed() >= seconds || this.#next >= endRound) return true;
    return this.#progress.failures.length >= MAX_FAILURES;
  }

  async #runProcess(folder: string): Promise<void> {
    const { name } = this.#campaign;
    const job: Job = { campaign: name, seed: this.#progress.seed, folder };
    const worker = new Worker(job, this.#campaign.patienceMs ?? PATIENCE_MS);
    const complaint = await worker.ready();
    if (complaint !== undefined) throw new Error(`The campaign ${name} cannot start: ${complaint}`);
    for (;;) {
      if (this.#isOver()) return worker.stop();
      const round = this.#next++;
      const result = await worker.run(round);
      this.#take(result, folder);
      if (result.kind === 'failed') return worker.stop();
    }
  }

  #take(result: Result, folder: string): void {
    if (result.kind === 'failed') this.#keepEvidence(result.round, folder);
    this.#waiting.set(result.round, result);
    for (let next = this.#progress.nextRound; ; next++) {
      const found = this.#waiting.get(next);
      if (found === undefined) break;
      this.#waiting.delete(next);
      this.#add(found);
    }
    if (performance.now() - this.#savedAt < SAVE_EVERY_MS) return;
    this.#savedAt = performance.now();
    this.save();
    this.#limits.onProgress?.(this.#progress);
  }

  #add(result: Result): void {
    const progress = this.#progress;
    progress.nextRound = result.round + 1;
    progress.counts = addCounts(progress.counts, result.counts);
    if (result.kind === 'done') return;
    const kept = this.#evidence(result.round);
    const evidence = existsSync(kept) ? kept : undefined;
    progress.failures.push({ round: result.round, error: result.error, evidence });
  }

  #evidence(round: number): string {
    return join(FAILURES, `${this.#campaign.name}-${this.#progress.seed}-${round}`);
  }

  #keepEvidence(round: number, folder: string): void {
    const from = join(folder, `round-${round}`);
    if (!existsSync(from)) return;
    mkdirSync(FAILURES, { recursive: true });
    cpSync(from, this.#evidence(round), { recursive: true });
  }
}

/** A process, and the one thing that it is doing. */
class Worker {
  readonly #child: ChildProcess;
  readonly #patienceMs: number;
  readonly #exited: Promise<string>;

  constructor(job: Job, patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.#child = fork(compiled('worker.js'), [JSON.stringify(job)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    let complaint = '';
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-4000);
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        resolve(`the process ended with ${signal ?? `code ${code}`}\n${complaint}`);
      });
    });
  }

  /** `undefined`, or why it did not start. */
  async ready(): Promise<string | undefined> {
    const answer = await this.#answer();
    return typeof answer === 'string' ? answer : undefined;
  }

  async run(round: number): Promise<Result> {
    this.#send({ kind: 'run', round });
    const answer = await this.#answer();
    if (typeof answer === 'string') return { kind: 'failed', round, counts: {}, error: answer };
    return answer as Result;
  }

  /** Returns when it has ended. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#send({ kind: 'stop' });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), this.#patienceMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #send(message: ToWorker): void {
    this.#child.send(message, () => {});
  }

  /** Its next message, or how it ended. */
  async #answer(): Promise<FromWorker | string> {
    let onMessage: ((message: FromWorker) => void) | undefined;
    const message = new Promise<FromWorker>((resolve) => {
      onMessage = resolve;
      this.#child.once('message', resolve);
    });
    let timer: NodeJS.Timeout | undefined;
    const hang = new Promise<string>((resolve) => {
      timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        resolve(`no answer for ${this.#patienceMs / 1000} s`);
      }, this.#patienceMs);
    });
    try {
      return await Promise.race([message, this.#exited, hang]);
    } finally {
      clearTimeout(timer);
      if (onMessage !== undefined) this.#child.off('message', onMessage);
    }
  }
}
