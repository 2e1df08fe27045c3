/** Has processes die as ordered: forked ones, or started ones with a maintenance thread. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FORK_FLAGS, SIGKILL } from '../kills/forks.js';
import { changeWitness, createWitness } from '../kills/witness.js';
import { compiled } from '../places.js';
import { makeBases } from './bases.js';
import { LIFE, SITES, WITNESS, type Death, type Order } from './death.js';
import { SCENARIOS } from './scenarios.js';
import { crashVariant } from './variant.js';

const MOST_MISCARRIAGES = 10;

/** What both kinds of processes are told when they start. */
interface Props {
  /** Folder of the logs to begin with. */
  readonly bases: string;
  /** Folder of the library that they run. */
  readonly library: string;
}

export class Deaths {
  readonly #props: Props;
  readonly #forker: Forker;
  #nextThreadActor: ThreadActor | undefined;

  private constructor(props: Props, forker: Forker) {
    this.#props = props;
    this.#forker = forker;
  }

  /** `folder` is for what is needed besides the orders' own. */
  static async prepare(folder: string): Promise<Deaths> {
    const bases = join(folder, 'bases');
    const forkers = join(folder, 'forker');
    mkdirSync(forkers);
    await makeBases(bases);
    const props = { bases, library: crashVariant().folder };
    return new Deaths(props, await Forker.start(props, forkers));
  }

  /** Throws if the process did not die as ordered. `order.folder` is made anew, with a witness. */
  async begin(order: Order): Promise<Death> {
    for (let attempt = 1; ; attempt++) {
      rmSync(order.folder, { recursive: true, force: true });
      mkdirSync(order.folder, { recursive: true });
      createWitness(join(order.folder, WITNESS));
      changeWitness(join(order.folder, WITNESS), { life: LIFE });
      const death = await this.#die(order);
      if (!death.isMiscarriage) return checked(death);
      if (attempt === MOST_MISCARRIAGES) throw new Error(`Every process ended by a SIGSEGV`);
    }
  }

  /** A recovery that dies in turn, in the same folder. `undefined` if it could not be forked properly. */
  async again(order: Order): Promise<Death | undefined> {
    const death = await this.#forker.die(order);
    return death.isMiscarriage ? undefined : checked(death);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#forker.stop(), this.#nextThreadActor?.stop()]);
  }

  #die(order: Order): Promise<Death> {
    if (SCENARIOS[order.scenario]?.inThread !== true) return this.#forker.die(order);
    const actor = this.#nextThreadActor ?? new ThreadActor(this.#props);
    this.#nextThreadActor = new ThreadActor(this.#props);
    return actor.die(order);
  }
}

function checked(death: Death): Death {
  if (death.signal === SIGKILL && death.complaint === undefined) return death;
  throw new Error(`A process ended with signal ${death.signal}: ${death.complaint ?? ''}`);
}

class Forker {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
  }

  static async start({ bases, library }: Props, folder: string): Promise<Forker> {
    const child = fork(compiled('crash-points/forker.js'), [bases, library, folder], {
      execArgv: [...FORK_FLAGS],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const forker = new Forker(child);
    await Promise.race([once(child, 'message'), forker.#unexpectedEnd()]);
    return forker;
  }

  async die(order: Order): Promise<Death> {
    const answer = once(this.#child, 'message') as Promise<[Death]>;
    this.#child.send(order);
    const [death] = await Promise.race([answer, this.#unexpectedEnd()]);
    return death;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #unexpectedEnd(): Promise<never> {
    await this.#exited;
    throw new Error('The process that forks the others has ended');
  }
}

class ThreadActor {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #complaint = '';

  constructor({ bases, library }: Props) {
    const program = compiled('crash-points/thread-actor.js');
    this.#child = spawn(process.execPath, [program, bases, library], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.#exited = once(this.#child, 'close');
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#complaint += chunk.toString()));
  }

  async die(order: Order): Promise<Death> {
    this.#child.stdin?.write(JSON.stringify(order));
    await this.#exited;
    const sitesPath = join(order.folder, SITES);
    return {
      signal: this.#child.signalCode === 'SIGKILL' ? SIGKILL : 0,
      complaint: this.#complaint === '' ? undefined : this.#complaint,
      isMiscarriage: false,
      sites: existsSync(sitesPath)
        ? (JSON.parse(readFileSync(sitesPath, 'utf8')) as number[])
        : undefined,
    };
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
