/** The two who follow: one in a thread, one in a process. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { compiled } from '../places.js';
import type { Ask, FollowerAnswer, FollowerTask } from './follower.js';

export type FollowerSample = Extract<FollowerAnswer, { kind: 'sample' }>;

const FOLLOWER = compiled('endurance/follower.js');

class RunningFollower {
  readonly #source: Worker | ChildProcess;
  #fail: (error: Error) => void = () => {};
  readonly #failed: Promise<never>;
  #isEnding = false;

  private constructor(source: Worker | ChildProcess, name: string) {
    this.#source = source;
    this.#failed = new Promise((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => {});
    source.on('error', (error: Error) => this.#fail(error));
    source.on('message', (answer: FollowerAnswer) => {
      if (answer.kind === 'failed') this.#fail(new Error(`The ${name}: ${answer.error}`));
    });
    source.on('exit', (code: number | null) => {
      if (!this.#isEnding) this.#fail(new Error(`The ${name} has ended by itself (${code})`));
    });
  }

  static async start(log: string, name: 'thread' | 'process'): Promise<RunningFollower> {
    const task: FollowerTask = { log, name };
    const source =
      name === 'thread'
        ? new Worker(FOLLOWER, { workerData: task })
        : fork(FOLLOWER, [JSON.stringify(task)], { serialization: 'advanced' });
    const follower = new RunningFollower(source, name);
    await follower.#answer();
    return follower;
  }

  /** Fails as soon as the follower has met something wrong. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  sample(until: number): Promise<FollowerSample> {
    const answer = this.#answer();
    this.#say({ until });
    return answer as Promise<FollowerSample>;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    const exited = once(this.#source, 'exit');
    this.#say('end');
    await exited;
  }

  #say(ask: Ask): void {
    if (this.#source instanceof Worker) this.#source.postMessage(ask);
    else this.#source.send(ask);
  }

  async #answer(): Promise<FollowerAnswer> {
    const [answer] = (await Promise.race([once(this.#source, 'message'), this.#failed])) as [
      FollowerAnswer,
    ];
    return answer.kind === 'failed' ? this.#failed : answer;
  }
}

export class FollowersOf {
  readonly #followers: readonly [RunningFollower, RunningFollower];

  private constructor(thread: RunningFollower, child: RunningFollower) {
    this.#followers = [thread, child];
  }

  static async start(log: string): Promise<FollowersOf> {
    const thread = await RunningFollower.start(log, 'thread');
    return new FollowersOf(thread, await RunningFollower.start(log, 'process'));
  }

  /** Rejects as soon as one of them has met something wrong. */
  get failed(): Promise<never> {
    return Promise.race(this.#followers.map(({ failed }) => failed));
  }

  /** When both have seen everything up to `until`. */
  async sample(until: number): Promise<readonly [FollowerSample, FollowerSample]> {
    const [thread, child] = this.#followers;
    // One after the other: they share the processor.
    return [await thread.sample(until), await child.sample(until)];
  }

  async end(): Promise<void> {
    for (const follower of this.#followers) await follower.end();
  }
}
