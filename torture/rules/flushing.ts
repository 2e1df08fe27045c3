/** Rules 4 and 11: what is durable, and how segments are prepared. */
import { change, test, tests, type Claim } from './claim.js';

const FLUSHER = 'maintenance/flusher.js';
const THREAD = 'maintenance/thread.js';
const DURABILITY = 'append/durability.js';
const SYNCS = 'crash/syncs';
const ORDER = 'append/flush-order';
const ALL_SEGMENTS = test(SYNCS, 'a flush syncs every segment that is not durable, oldest first');
const PREPARES = test(
  SYNCS,
  'the maintenance thread allocates, touches and syncs the next segment',
);

const SYNC_ALL = `        this.#poisonOnFailure(() => {
            for (const [i, entry] of this.#entries.entries())
                synced += this.#sync(entry, bounds[i]);
        });
`;

export const FLUSH_CLAIMS: readonly Claim[] = [
  {
    id: '4a',
    claim: 'the bound is taken before the sync',
    mutations: [
      change(
        FLUSHER,
        '        const bounds = this.#entries.map(takeBound);\n',
        '        let bounds = this.#entries.map(takeBound);\n',
      ),
      change(FLUSHER, SYNC_ALL, `${SYNC_ALL}        bounds = this.#entries.map(takeBound);\n`),
    ],
    caughtBy: tests(test(ORDER, 'claims what was committed before its first sync')),
  },
  {
    id: '4b',
    claim: 'of the bound, the count before the position',
    mutations: [
      change(
        FLUSHER,
        `    const count = Atomics.load(target.words, COMMITTED_COUNT);
    return { count, position: Atomics.load(target.words, COMMITTED_POSITION) };`,
        `    const position = Atomics.load(target.words, COMMITTED_POSITION);
    return { position, count: Atomics.load(target.words, COMMITTED_COUNT) };`,
      ),
    ],
    caughtBy: tests(test(ORDER, 'never claims a record whose bytes its bound leaves out')),
  },
  {
    id: '4c',
    claim: 'every segment from the flushed bound on is synced',
    mutations: [
      change(
        FLUSHER,
        '                synced += this.#sync(entry, bounds[i]);',
        '                if (i === this.#entries.length - 1)\n                    synced += this.#sync(entry, bounds[i]);',
      ),
    ],
    caughtBy: tests(ALL_SEGMENTS),
  },
  {
    id: '4d',
    claim: 'oldest first',
    mutations: [
      change(
        FLUSHER,
        SYNC_ALL,
        SYNC_ALL.replace('this.#entries.entries())', '[...this.#entries.entries()].reverse())'),
      ),
    ],
    caughtBy: tests(ALL_SEGMENTS),
  },
  {
    id: '4e',
    claim: 'by the descriptor of before the first store, which alone is told of errors',
    mutations: [
      change(
        FLUSHER,
        "import { LogError } from '../errors.js';",
        "import { closeSync, openSync } from 'node:fs';\nimport { LogError } from '../errors.js';",
      ),
      change(
        FLUSHER,
        '        syncFile(target.fd, target.path);\n',
        "        const fd = openSync(target.path, 'r+');\n        syncFile(fd, target.path);\n        closeSync(fd);\n",
      ),
    ],
    caughtBy: tests(test(ORDER, 'syncs by the descriptor of before the first store')),
  },
  {
    id: '4f',
    claim: 'the directory of new files is synced',
    mutations: [
      change(
        FLUSHER,
        '        if (!entry.named)\n            syncDirectory(this.#directory);\n',
        '',
      ),
    ],
    caughtBy: tests(ALL_SEGMENTS),
  },
  {
    id: '4g',
    claim: 'only then the flushed word is published',
    mutations: [
      change(
        FLUSHER,
        '        let synced = 0;\n',
        '        let synced = 0;\n        for (const [i, { target }] of this.#entries.entries())\n            early(target, bounds[i]);\n',
      ),
      change(
        FLUSHER,
        'function isFinished(target)',
        'function early(target, bound) {\n    Atomics.store(target.words, FLUSHED_POSITION, bound.position);\n}\nfunction isFinished(target)',
      ),
    ],
    caughtBy: tests(test(ORDER, 'claims nothing before its last sync has ended')),
  },
  {
    id: '4h',
    claim: 'each frame carries the flushed offset known at its commit',
    mutations: [
      change('append/frame-stamp.js', 'fields.flushed = flushed;', 'fields.flushed = 0;'),
    ],
    caughtBy: tests(
      test('recovery/rules', 'is the highest that any frame behind the damage names'),
    ),
  },
  {
    id: '4i',
    claim: 'after an idle flush the maintenance thread makes the bound durable',
    mutations: [
      change(THREAD, '                this.#checkpoint();\n', '                void 0;\n'),
    ],
    caughtBy: {
      kind: 'tests',
      tests: [test('recovery/rules', 'idle flush, with maintenance thread: true')],
      without: 'hang',
    },
  },
  {
    id: '4j',
    claim: 'or a timer where there is none',
    mutations: [
      change(
        DURABILITY,
        '            this.#flusher.checkpoint();\n            this.#checkpointedOffset',
        '            this.#checkpointedOffset',
      ),
    ],
    caughtBy: {
      kind: 'tests',
      tests: [test('recovery/rules', 'idle flush, with maintenance thread: false')],
      without: 'hang',
    },
  },
  {
    id: '4k',
    claim: 'D is the highest flushed offset of any valid frame, behind the damage, too',
    mutations: [
      change(
        'recovery/survey.js',
        '                this.#durable = Math.max(this.#durable, frameFlushed(window.words, at));\n',
        '',
      ),
    ],
    caughtBy: tests(
      test('recovery/rules', 'is the highest that any frame behind the damage names'),
    ),
  },
  {
    id: '4l',
    claim: 'or of the checkpoint',
    mutations: [
      change(
        'recovery/survey.js',
        '        this.#durable = checkpoint.durableOffset;',
        '        this.#durable = 0;',
      ),
    ],
    caughtBy: tests(test('recovery/rules', 'idle flush, with maintenance thread: false')),
  },
  {
    id: '4m',
    claim: 'a failed sync poisons',
    mutations: [change(DURABILITY, '        this.#onPoison();\n', '')],
    caughtBy: tests(test('crash/failing-sync', 'in flush is STORAGE EIO, and poisons')),
  },
  {
    id: '4n',
    claim: 'schedule each syncs in every append, in its thread',
    mutations: [
      change(
        'append/appender.js',
        '        if (this.#settings.flushEach)\n            this.#durability.flushNow();\n',
        '',
      ),
    ],
    caughtBy: tests(test(SYNCS, 'flush schedule each syncs in every append')),
  },
  {
    id: '4o',
    claim: 'a lone flush is synced in the thread of its caller',
    mutations: [
      change(
        DURABILITY,
        'const isLarge = this.#flusher.unflushedBytes() > INLINE_FLUSH_BYTES;',
        'const isLarge = true;',
      ),
    ],
    caughtBy: tests(test(SYNCS, 'a lone flush syncs in the thread of its caller')),
  },
  {
    id: '4p',
    claim: 'what a thread was syncing when it died is stored again before the next sync',
    mutations: [
      change('maintenance/gate.js', '        if (isAbandoned)\n            onAbandoned();\n', ''),
    ],
    caughtBy: tests(test('crash/maintenance-thread', 'goes on and loses nothing')),
  },
  {
    id: '11a',
    claim: 'a segment is allocated before it is mapped, so that a full disk is an error',
    mutations: [
      change('mapping/files.js', 'import { closeSync,', 'import { ftruncateSync, closeSync,'),
      change(
        'mapping/files.js',
        '    if (!fallocate(fd, sizeBytes, path))\n        writeZeros(fd, 0, sizeBytes, path);\n',
        '    ftruncateSync(fd, sizeBytes);\n    void [fallocate, path];\n',
      ),
    ],
    caughtBy: tests(PREPARES),
  },
  {
    id: '11b',
    claim: 'MADV_RANDOM keeps read-ahead from building large folios',
    mutations: [
      change(
        'segment/writable-segment.js',
        "    madvise(address, sizeBytes, 'random', path);\n",
        '',
      ),
    ],
    caughtBy: tests(PREPARES),
  },
  {
    id: '11c',
    claim: 'pages are touched ahead of need',
    mutations: [
      change(
        THREAD,
        "            madvise(address + BigInt(at), length, 'populate-write', this.#data.directory);\n",
        '            void [madvise, length];\n',
      ),
    ],
    caughtBy: tests(PREPARES),
  },
  {
    id: '11d',
    claim: "and synced, so that the user's next flush does not pay",
    mutations: [
      change(
        THREAD,
        '            this.#clock.pause();\n            sync();\n',
        '            this.#clock.pause();\n',
      ),
    ],
    caughtBy: tests(PREPARES),
  },
  {
    id: '11e',
    claim: 'the appender works without the thread',
    mutations: [
      change(
        'append/segment-supply.js',
        'this.#ready.shift() ?? this.#make()',
        'this.#ready.shift()',
      ),
    ],
    caughtBy: tests(test('append/append', 'takes a record that exactly fills a segment')),
  },
  {
    id: '11f',
    claim: 'and takes over from one that dies',
    mutations: [
      change(DURABILITY, '        if (!this.#isStopped)\n            this.#takeOver();\n', ''),
    ],
    caughtBy: {
      kind: 'tests',
      tests: [test('crash/maintenance-thread', 'goes on and loses nothing')],
      without: 'hang',
    },
  },
];
