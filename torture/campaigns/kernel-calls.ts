/**
 * The kernel's own calls on the files of a log fail, in a process under strace: so it is seen whether what
 * hooks pretend is what happens. Each call of each thread, at its n-th use, until there is no n-th.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as plain from 'stratalog';
import type { Campaign, Round } from '../campaign.js';
import type { Told } from '../calls/kernel-work.js';
import { SCENARIOS, type Scenario } from '../calls/scenarios.js';
import { Trial } from '../calls/trial.js';
import { compiled } from '../places.js';

/** A call, by the names of which one system uses one, and what it fails with. */
const CALLS: readonly (readonly [calls: string, ...errnos: string[]])[] = [
  ['openat', 'EMFILE', 'EIO'],
  ['close', 'EIO'],
  ['read', 'EIO'],
  ['pread64', 'EIO'],
  ['write', 'EIO'],
  ['pwrite64', 'ENOSPC', 'EIO'],
  ['fallocate', 'ENOSPC', 'EOPNOTSUPP'],
  ['ftruncate', 'EIO'],
  ['fdatasync', 'EIO'],
  ['fsync', 'EIO'],
  ['?rename,?renameat,?renameat2', 'ENOSPC', 'EIO'],
  ['?link,?linkat', 'EIO'],
  ['?unlink,?unlinkat', 'EIO'],
  ['?mkdir,?mkdirat', 'ENOSPC'],
  ['getdents64', 'EIO'],
  ['statx', 'EIO'],
  // Each of several would be counted for itself.
  ['?newfstatat', 'EIO'],
  ['?fstat', 'EIO'],
  ['statfs', 'EIO'],
  ['fcntl', 'ENOLCK'],
  ['lseek', 'EINVAL'],
  ['mmap', 'ENOMEM'],
];

const NAMES = [
  'append',
  'append with the thread, which flushes',
  'recover, and set segments aside',
  'recover, and build indexes anew',
  'repair a damaged frame',
  'read a log whose appender has died',
];

interface Work {
  readonly scenario: Scenario;
  readonly calls: string;
  readonly errno: string;
}

const WORKS: readonly Work[] = CALLS.flatMap(([calls, ...errnos]) =>
  errnos.flatMap((errno) =>
    NAMES.map((name) => {
      const scenario = SCENARIOS.find((known) => known.name === name);
      if (scenario === undefined) throw new Error(`No scenario is named ${name}`);
      return { scenario, calls, errno };
    }),
  ),
);
/** The uses of one call are spread over so many rounds. */
const PARTS = 4;
/** One after the other, no two rounds in a row do the same. */
const STRIDE = 101;
const MARK = '(INJECTED)';

export const campaign: Campaign = {
  name: 'kernel-calls',
  title: 'the calls of a process to the kernel fail, by strace',
  shortRounds: 10,
  totalRounds: () => WORKS.length * PARTS,
  unavailable() {
    const usable = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
    return usable ? undefined : 'needs strace, and the right to trace';
  },
  start: (folder) => new KernelCalls(folder),
};

class KernelCalls {
  readonly #folder: string;
  readonly #names = new Map<Scenario, string[]>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async run({ number, folder, count }: Round): Promise<void> {
    const at = (number * STRIDE) % (WORKS.length * PARTS);
    const tried = WORKS[Math.floor(at / PARTS)] as Work;
    for (let nth = 1 + (at % PARTS); ; nth += PARTS) {
      const place = join(folder, `${nth}`);
      mkdirSync(place);
      const isReached = await this.#try(tried, nth, place, count);
      rmSync(place, { recursive: true });
      if (!isReached) return;
    }
  }

  async #try(
    { scenario, calls, errno }: Work,
    nth: number,
    place: string,
    count: Round['count'],
  ): Promise<boolean> {
    const log = await this.#copy(scenario, place);
    const trace = join(place, 'trace');
    const paths = await this.#pathsOf(scenario, log);
    const inject = `inject=${calls}:error=${errno}:when=${nth}`;
    const told = work(scenario, log, calls, ['-y', '-o', trace, ...paths, '-e', inject]);
    const hits = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => line.includes(MARK));
    if (hits.length > 0) count('failing calls', hits.length);
    const faults = await this.#check(scenario, log, told, hits);
    if (faults.length === 0) return hits.length > 0;
    const what = `${scenario.name}, ${calls} ${errno} at use ${nth}`;
    throw new Error([`${what}:`, ...faults, ...hits].join('\n  '));
  }

  async #check(
    scenario: Scenario,
    log: string,
    told: Told,
    hits: readonly string[],
  ): Promise<string[]> {
    const trial = new Trial(plain, plain, log, undefined);
    Object.assign(trial, { ...told, faults: [...told.faults] });
    // Files under temporary names are thrown away if their sync fails, and nobody has to hear of it.
    const syncs = hits.filter((line) => /f(data)?sync\(/.test(line) && !line.includes('.tmp'));
    if (syncs.length > 0 && told.told === 0) trial.fault('nobody was told of a sync that failed');
    if (scenario.check === undefined) await trial.checkLog();
    else await scenario.check(trial);
    return trial.faults;
  }

  async #copy(scenario: Scenario, place: string): Promise<string> {
    const { template } = scenario;
    const log = join(place, 'log');
    if (template === undefined) return log;
    const original = join(this.#folder, scenario.name.replaceAll(/\W/g, '-'));
    if (!existsSync(original)) await template(original, plain);
    cpSync(original, log, { recursive: true });
    return log;
  }

  /** Options that say which files are meant: those that the scenario comes to use. */
  async #pathsOf(scenario: Scenario, log: string): Promise<string[]> {
    const known = this.#names.get(scenario) ?? (await this.#namesOf(scenario, log));
    this.#names.set(scenario, known);
    return known.flatMap((name) => ['-P', join(log, name)]);
  }

  async #namesOf(scenario: Scenario, log: string): Promise<string[]> {
    const place = `${log}-names`;
    mkdirSync(place);
    const copy = await this.#copy(scenario, place);
    const trace = join(place, 'trace');
    work(scenario, copy, '', ['-o', trace, '-s', '4096', '-e', 'trace=file']);
    const found = readFileSync(trace, 'utf8').matchAll(/"([^"]*)"/g);
    const paths = [...found].map(([, path]) => path as string);
    const below = paths.filter((path) => path === copy || path.startsWith(`${copy}/`));
    rmSync(place, { recursive: true });
    return [...new Set(below.map((path) => path.slice(copy.length + 1)))];
  }
}

function work(scenario: Scenario, log: string, calls: string, options: readonly string[]): Told {
  const script = [compiled('calls/kernel-work.js'), log, scenario.name, calls];
  const strace = ['-f', '-qq', ...options, process.execPath, ...script];
  const { stdout, stderr, status, signal } = spawnSync('strace', strace, {
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status === 0 && stderr === '') return JSON.parse(stdout) as Told;
  throw new Error(
    `${scenario.name} ended with ${signal ?? status} under ${options.at(-1)}: ${stderr}`,
  );
}
