/**
 * Processes that append until they are killed: started one by one, the next one while one is at work, or
 * forked by one process for many lives.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { compiled } from '../places.js';
import { FORK_FLAGS, SIGKILL, SIGSEGV } from './forks.js';
import type { Life, LifeEnd } from './nursery.js';
import type { Assignment } from './writing.js';

export class Writers {
  #next = new Writer();

  /** Sets one to work. */
  start(assignment: Assignment): Writer {
    const writer = this.#next;
    this.#next = new Writer();
    writer.begin(assignment);
    return writer;
  }

  async stop(): Promise<void> {
    await this.#next.kill();
  }
}

export class Writer {
  readonly #child: ChildProcess;
  readonly #opened: Promise<unknown>;
  readonly #exited: Promise<unknown>;
  #complaint = '';

  constructor() {
    const program = compiled('kills/writer.js');
    this.#child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#exited = once(this.#child, 'close');
    this.#opened = Promise.race([
      new Promise((resolve) => this.#child.stdout?.once('data', resolve)),
      this.#exited,
    ]);
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#complaint += chunk.toString()));
    this.#child.stdin?.on('error', () => {});
  }

  begin(assignment: Assignment): void {
    this.#child.stdin?.write(JSON.stringify(assignment));
  }

  /** It has opened the log, or it has ended. */
  async opened(): Promise<void> {
    await this.#opened;
  }

  /** Kills it after so long, which may be parts of a millisecond; fails if it has ended by itself. */
  async killAfter(ms: number): Promise<void> {
    const at = performance.now() + ms;
    if (ms >= 2) await sleep(ms - 1);
    while (performance.now() < at);
    await this.kill();
    const { exitCode, signalCode } = this.#child;
    if (signalCode === 'SIGKILL' && this.#complaint === '') return;
    throw new Error(
      `A writer ended with ${signalCode ?? `code ${exitCode}`} before it was killed: ${this.#complaint}`,
    );
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** The process that forks writers. */
export class Nursery {
  readonly #child: ChildProcess;
  readonly #ready: Promise<unknown>;
  readonly #exited: Promise<unknown>;

  /** `folder` is for what it needs itself. */
  constructor(folder: string) {
    this.#child = fork(compiled('kills/nursery.js'), [folder], {
      execArgv: [...FORK_FLAGS],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#exited = once(this.#child, 'exit');
    this.#ready = once(this.#child, 'message');
  }

  /** Has a child live. Says whether it began, and was killed; fails if it ended by itself. */
  async live(life: Life): Promise<boolean> {
    await this.#ready;
    const answer = once(this.#child, 'message') as Promise<[LifeEnd]>;
    this.#child.send(life);
    const death = this.#exited.then(() => {
      throw new Error('The process that forks writers has ended');
    });
    const [{ signal, hasBegun, complaint }] = await Promise.race([answer, death]);
    // A part of V8's heap that came between sharing and forking is not there in the child.
    if (complaint === undefined && signal === SIGSEGV && !hasBegun) return false;
    if (complaint === undefined && signal === SIGKILL) return true;
    throw new Error(`A forked writer ended with signal ${signal} by itself: ${complaint ?? ''}`);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
