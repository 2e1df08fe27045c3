/** Those who follow a log across deaths: a process and a thread, started once for many logs. */
import { fork } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { compiled } from '../places.js';
import type { SeenRecords } from './check.js';
import type { FollowerAnswer, Seen, Task } from './follower.js';

const FOLLOWER = 'kills/follower.js';

interface Follower {
  readonly name: string;
  send(message: Task | { readonly until: number }): void;
  /** Its next message; an error if it ends. */
  answer(): Promise<FollowerAnswer>;
  stop(): Promise<void>;
}

export class Followers {
  readonly #followers: readonly Follower[];

  constructor() {
    this.#followers = [startProcess(), startThread()];
  }

  /** Resolves when all of them have opened the log. */
  async follow(task: Task): Promise<void> {
    await this.#ask(task);
  }

  /** Has them read to the end, and compares what they have seen. Returns the number of records. */
  async finish(until: number, seen: SeenRecords): Promise<number> {
    let records = 0;
    for (const answer of await this.#ask({ until })) {
      if (answer === 'following') throw new Error('A follower has begun again');
      for (const view of answer) records += compare(view, until, seen);
    }
    return records;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.stop()));
  }

  #ask(
    message: Task | { readonly until: number },
  ): Promise<Exclude<FollowerAnswer, { error: string }>[]> {
    return Promise.all(
      this.#followers.map(async (follower) => {
        const coming = follower.answer();
        follower.send(message);
        const answer = await coming;
        if (typeof answer === 'object' && 'error' in answer) {
          throw new Error(`${follower.name}: ${answer.error}`);
        }
        return answer;
      }),
    );
  }
}

function compare({ name, end, checksums }: Seen, until: number, seen: SeenRecords): number {
  if (end !== until) throw new Error(`${name} has read up to ${end}, expected ${until}`);
  let records = 0;
  for (const [offset, checksum] of checksums.entries()) {
    if (checksum === 0) continue;
    seen.note(offset, checksum);
    records++;
  }
  return records;
}

function startProcess(): Follower {
  const child = fork(compiled(FOLLOWER), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    name: 'A process',
    send: (message) => void child.send(message),
    answer: () =>
      new Promise((resolve, reject) => {
        child.once('message', (answer: FollowerAnswer) => resolve(answer));
        void exited.then(() => reject(new Error('The following process has ended')));
      }),
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function startThread(): Follower {
  const thread = new Worker(compiled(FOLLOWER));
  return {
    name: 'A thread',
    send: (message) => thread.postMessage(message),
    answer: () =>
      new Promise((resolve, reject) => {
        thread.once('message', (answer: FollowerAnswer) => resolve(answer));
        thread.once('error', reject);
      }),
    async stop() {
      await thread.terminate();
    },
  };
}
