/**
 * The files of two logs: deleted (each subset of segments and indexes), renamed, exchanged, replaced by
 * what is no file, or another one, with others beside them. What is right: `bytes/loose-checks.ts`.
 *
 * Permissions do not bind root, so a file that cannot be read is a directory or a loop of links here.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Campaign, Round } from '../campaign.js';
import { makeFamily, type Family, type Image } from '../bytes/images.js';
import { checkLoosely } from '../bytes/loose-checks.js';
import { told, type Library } from '../bytes/read-checks.js';
import { baseOf, indexName, segmentName } from '../bytes/second-reader.js';
import { Workplace } from '../bytes/workplace.js';

interface Target {
  readonly library: Library;
  readonly family: Family;
  readonly place: Workplace;
}

interface FileDamage {
  readonly what: string;
  readonly apply: (log: string) => void;
  /** Segments whose frames are there no more, or under a name that says nothing. */
  readonly gone: readonly string[];
}

/** Their names follow from the image, and their number does not. */
const CASES_PER_ROUND = 8;
const CASES = 648;

export const campaign: Campaign = {
  name: 'segments',
  title: 'the files of a log deleted, renamed, exchanged, replaced, among others',
  shortRounds: 40,
  totalRounds: () => Math.ceil(CASES / CASES_PER_ROUND),
  async start(folder) {
    const library = await import('stratalog');
    const targets = (['closed', 'died'] as const).map((ending) => {
      const family = makeFamily(folder, ending);
      const place = new Workplace(join(folder, `damaged-${ending}`), family.own.files);
      return { library, family, place };
    });
    const cases = targets.flatMap((target) => {
      return damagesOf(target.family).map((damage) => ({ target, damage }));
    });
    if (cases.length !== CASES) throw new Error(`There are ${cases.length} cases, not ${CASES}`);
    return { run: (round) => tryCases(cases, round) };
  },
};

interface FileCase {
  readonly target: Target;
  readonly damage: FileDamage;
}

/** A prime, so that the first rounds have some of everything. */
const STRIDE = 101;

async function tryCases(cases: readonly FileCase[], round: Round): Promise<void> {
  const first = round.number * CASES_PER_ROUND;
  for (let i = first; i < Math.min(cases.length, first + CASES_PER_ROUND); i++) {
    await tryCase(cases[(i * STRIDE) % cases.length] as FileCase);
    round.count('damaged folders');
  }
}

async function tryCase({ target, damage }: FileCase): Promise<void> {
  const { library, family, place } = target;
  const { own, other } = family;
  const { log } = place;
  const apply = (): void => damage.apply(log);
  const isGone = (segment: number): boolean => damage.gone.includes(segmentName(segment));
  const kept = [...own.records].filter(([, { frame }]) => !isGone(frame.segment));
  const images = damage.what.includes('another log') ? [own, other] : [own];
  const given = {
    library,
    log,
    images,
    kept: new Set(kept.map(([offset]) => offset)),
    // What stands where the lock or the folder for originals should be is for its owner to move.
    mayBeNoLog: kept.length === 0 || /LOCK|as aside/.test(damage.what),
    apply,
  };
  try {
    await checkLoosely(given, place);
  } catch (error) {
    const text = error instanceof Error ? told(error) : String(error);
    throw new Error(`${own.name}, ${damage.what}: ${text}`, { cause: error });
  } finally {
    place.restore();
  }
}

function damagesOf(family: Family): FileDamage[] {
  const { own } = family;
  const names = [...own.files.keys()];
  return [
    ...deletions(own),
    ...names.flatMap((name) => renames(name)),
    ...names.flatMap((name, i) => names.slice(i + 1).map((other) => exchange(name, other))),
    ...names.flatMap((name) => names.filter((other) => other !== name).map((o) => copy(name, o))),
    ...names.flatMap((name) => replacements(name, family)),
    ...strangers(family),
  ];
}

function deletions({ bases }: Image): FileDamage[] {
  const files = bases.flatMap((base) => [segmentName(base), indexName(base)]);
  const subsets = Array.from({ length: 2 ** files.length - 1 }, (_, i) => {
    return files.filter((_file, bit) => ((i + 1) & (1 << bit)) !== 0);
  });
  return [...subsets, ['control'], ['readers'], ['LOCK'], ['control', ...files]].map((gone) => ({
    what: `without ${gone.join(', ')}`,
    apply: (log) => gone.forEach((name) => rmSync(join(log, name))),
    gone,
  }));
}

/** To bases that are not its own; the segment's header still tells. */
function renames(name: string): FileDamage[] {
  const base = baseOf(name) ?? baseOf(name.replace('.index', '.log'));
  if (base === undefined) return [rename(name, `${name}.old`, [])];
  const ending = name.slice(20);
  const digits = [base + 1, Math.max(0, base - 1), 10 ** 15].map((to) => {
    return `${String(to).padStart(20, '0')}${ending}`;
  });
  const known = digits.filter((to) => to !== name).map((to) => rename(name, to, []));
  const unknown = ['99999999999999999999', '000', '..'].map((to) => {
    return rename(name, `${to}${ending}`, [name]);
  });
  return [...known, ...unknown];
}

function rename(name: string, to: string, gone: readonly string[]): FileDamage {
  return {
    what: `${name} renamed to ${to}`,
    apply: (log) => renameSync(join(log, name), join(log, to)),
    gone,
  };
}

function exchange(name: string, other: string): FileDamage {
  const isOfSegments = baseOf(name) !== undefined && baseOf(other) !== undefined;
  return {
    what: `${name} and ${other} exchanged`,
    apply: (log) => {
      renameSync(join(log, name), join(log, 'between'));
      renameSync(join(log, other), join(log, name));
      renameSync(join(log, 'between'), join(log, other));
    },
    gone: isOfSegments ? [] : [name, other],
  };
}

function copy(name: string, over: string): FileDamage {
  return {
    what: `${name} moved over ${over}`,
    apply: (log) => renameSync(join(log, name), join(log, over)),
    // What was moved over another segment gets its own name back.
    gone: baseOf(name) === undefined || baseOf(over) === undefined ? [name, over] : [over],
  };
}

type Replace = (path: string) => void;

function replacements(name: string, { own, other }: Family): FileDamage[] {
  const kinds: Record<string, Replace> = {
    'a directory': (path) => mkdirSync(path),
    'a directory with a file': (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'file'), 'x');
    },
    'a link to nothing': (path) => symlinkSync('nothing', path),
    'a link to itself': (path) => symlinkSync(name, path),
    'a pipe': (path) => void spawnSync('mkfifo', [path]),
    'an empty file': (path) => writeFileSync(path, ''),
    text: (path) => writeFileSync(path, 'This is no part of any log.\n'.repeat(700)),
    'a file of another log': (path) => writeFileSync(path, foreignOf(name, own, other)),
  };
  return Object.entries(kinds).map(([kind, replace]) => ({
    what: `${name} replaced by ${kind}`,
    apply: (log) => {
      rmSync(join(log, name));
      replace(join(log, name));
    },
    gone: [name],
  }));
}

/** The file that has the same part in the other log. */
function foreignOf(name: string, own: Image, other: Image): Buffer {
  const part = [...own.files.keys()].indexOf(name);
  return [...other.files.values()][part] as Buffer;
}

/** Files beside those of the log: nothing of it is gone. */
function strangers({ own, other }: Family): FileDamage[] {
  const after = segmentName(own.end + 80);
  const contents: Record<string, Replace> = {
    'an empty file': (path) => writeFileSync(path, ''),
    'a directory': (path) => mkdirSync(path),
    'a link to itself': (path) => symlinkSync(path, path),
    'its last segment': (path) => writeFileSync(path, lastOf(own)),
    'a segment of another log': (path) => writeFileSync(path, lastOf(other)),
  };
  const names = [
    after,
    after.replace('.log', '.index'),
    segmentName(20),
    `${after}.tmp`,
    'control.tmp',
    'readers.tmp',
    '.log',
    'aside',
  ];
  return names.flatMap((name) =>
    Object.entries(contents).map(([kind, make]) => ({
      what: `${kind} beside it as ${name}`,
      apply: (log: string) => make(join(log, name)),
      gone: [],
    })),
  );
}

function lastOf({ files, bases }: Image): Buffer {
  return files.get(segmentName(bases.at(-1) as number)) as Buffer;
}
