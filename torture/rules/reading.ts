/** Rules 3, 8 and 9: what readers load, how they wait, and how long memory stays. */
import { change, test, tests, type Claim } from './claim.js';

const CURSOR = 'read/cursor.js';
const SEGMENT = 'read/readable-segment.js';
const BELL = 'control/bell.js';
const MAPPING = 'mapping/mapping.js';
const MEMORY = 'read/mapping';

export const READ_CLAIMS: readonly Claim[] = [
  {
    id: '3a',
    claim: 'records below the bound are read by plain loads: no call for any of them',
    mutations: [
      change(
        SEGMENT,
        '    locate(slot) {\n',
        '    locate(slot) {\n        this.mapping.makeResident(0, 4096);\n',
      ),
      change(
        CURSOR,
        '            const at = this.#next;\n            segment.enterFrame(',
        '            const at = this.#next;\n            segment.mapping.makeResident(0, 4096);\n            segment.enterFrame(',
      ),
    ],
    caughtBy: tests(test(MEMORY, 'makes no system call for any record')),
  },
  {
    id: '3b',
    claim: 'a cursor at the end loads the seal, then the position again',
    mutations: [
      change(
        CURSOR,
        'if (this.#next >= this.#boundIn(segment)) {\n                    if (!isSealed || this.#next < segment.committedPosition())',
        'if (true) {\n                    if (!isSealed)',
      ),
    ],
    caughtBy: tests(test(MEMORY, 'misses nothing that is committed before the seal')),
  },
  {
    id: '3c',
    claim: 'frames are verified at their first touch',
    mutations: [
      change(
        SEGMENT,
        ': checkFrameBody(words, position, this.seed);',
        ': checkFrameFields(words, position);',
      ),
    ],
    caughtBy: tests(
      test('read/damage', 'is done at the first touch by default'),
      test('ancestors', 'a flipped bit'),
    ),
  },
  {
    id: '3d',
    claim: 'and that is remembered',
    mutations: [
      change(SEGMENT, "if (compared === FRAME_OK && this.#verify !== 'always')", 'if (false)'),
    ],
    caughtBy: tests(test('read/damage', 'is done at the first touch by default, and remembered')),
  },
  {
    id: '3e',
    claim: 'unless every touch is to be verified',
    mutations: [
      change(
        SEGMENT,
        "if (compared === FRAME_OK && this.#verify !== 'always')",
        'if (compared === FRAME_OK)',
      ),
    ],
    caughtBy: tests(test('read/damage', 'is done every time when asked')),
  },
  {
    id: '3f',
    claim:
      'pages are brought in before they are touched, so that a bad disk is an error and no signal',
    mutations: [
      change(
        MAPPING,
        "        this.advise('populate-read', from, length);\n",
        '        void [from, length];\n',
      ),
    ],
    caughtBy: tests(test(MEMORY, 'a file that has become shorter under its reader')),
  },
  {
    id: '3g',
    claim: 'a zero length below the bound is corruption, never the end',
    mutations: [
      change(
        CURSOR,
        '            const at = this.#next;\n            segment.enterFrame(',
        '            const at = this.#next;\n            if (this.#words[at >> 2] === 0)\n                return this.#atEnd();\n            segment.enterFrame(',
      ),
    ],
    caughtBy: tests(test('ancestors', 'and any other nonsense for a length is damage to readers')),
  },
  {
    id: '3h',
    claim: 'index entries are compared at the first touch; what differs is rebuilt in memory',
    mutations: [
      change(
        SEGMENT,
        '        return this.#compareWithIndex(position, slot, count);\n',
        '        this.#setVerified(slot, count);\n        return FRAME_OK;\n',
      ),
    ],
    caughtBy: tests(test('read/cursor', 'reads everything right and says so')),
  },
  {
    id: '3i',
    claim: 'the words are loaded with Atomics',
    mutations: [
      change(
        SEGMENT,
        'Math.min(Atomics.load(this.#bounds, COMMITTED_POSITION) * 8',
        'Math.min(this.#bounds[COMMITTED_POSITION] * 8',
      ),
      change(
        SEGMENT,
        'Math.min(Atomics.load(this.#bounds, COMMITTED_COUNT)',
        'Math.min(this.#bounds[COMMITTED_COUNT]',
      ),
    ],
    caughtBy: {
      kind: 'campaign',
      campaign: 'model',
      why: 'a plain load may be taken out of a loop or run ahead of another one, which neither this processor nor this compiler does at will',
    },
  },
  {
    id: '8a',
    claim: 'whoever sleeps says so first',
    mutations: [
      change(
        BELL,
        '            Atomics.store(this.#flags, this.#flagAt, 1);\n',
        '            void this.#flags;\n',
      ),
    ],
    caughtBy: tests(
      test('control/bell', 'takes the flag of a sleeper down'),
      test('read/waiting', 'wakes those who wait'),
    ),
  },
  {
    id: '8b',
    claim: 'the ringer stores the counter, then loads the flag',
    mutations: [
      change(
        BELL,
        'if (hasSleepers || Atomics.load(flags, this.#flagAt) !== 0)',
        'if (hasSleepers)',
      ),
    ],
    caughtBy: tests(test('control/bell', 'that is rung while somebody goes to sleep is heard')),
  },
  {
    id: '8c',
    claim: 'nobody is woken by a call while nobody waits',
    mutations: [
      change(
        BELL,
        'if (hasSleepers || Atomics.load(flags, this.#flagAt) !== 0)',
        'if (flags.length > 0)',
      ),
    ],
    caughtBy: tests(test('read/waiting', 'makes no call to wake anybody')),
  },
  {
    id: '8d',
    claim: 'the flag is taken down by whoever wakes',
    mutations: [
      change(
        BELL,
        '            Atomics.store(flags, this.#flagAt, 0);\n',
        '            void flags;\n',
      ),
    ],
    caughtBy: tests(test('control/bell', 'takes the flag of a sleeper down')),
  },
  {
    id: '8e',
    claim: 'all who sleep are woken',
    mutations: [change('mapping/native.js', 'FUTEX_WAKE, 0x7fff_ffff,', 'FUTEX_WAKE, 1,')],
    caughtBy: tests(test('read/waiting', 'wakes those who wait, all of them')),
  },
  {
    id: '8f',
    claim: 'a sleep is a slice, between which a thread can be ended',
    mutations: [change(BELL, 'SLICE_MS = 100;', 'SLICE_MS = 1e9;')],
    caughtBy: {
      kind: 'tests',
      tests: [test('read/tailer', 'does not keep its thread from being terminated')],
      without: 'hang',
    },
  },
  {
    id: '8g',
    claim: 'whoever may not say that he waits looks again by himself',
    mutations: [change(BELL, 'UNREGISTERED_SLICE_MS = 20;', 'UNREGISTERED_SLICE_MS = 1e9;')],
    caughtBy: {
      kind: 'tests',
      tests: [test('read/tailer', 'waits without being woken where it may not say that it waits')],
      without: 'hang',
    },
  },
  {
    id: '8h',
    claim: 'and stores nothing into a page that he may not write',
    mutations: [
      change(
        'control/readers-file.js',
        "const fd = storage('open', path, () => openSync(path, 'r+'));",
        "const fd = storage('open', path, () => openSync(path, 'r'));",
      ),
      change(
        'control/readers-file.js',
        'Mapping.ofDescriptor(fd, PAGE_BYTES, true, path)',
        'Mapping.ofDescriptor(fd, PAGE_BYTES, false, path)',
      ),
    ],
    caughtBy: tests(test('misuse', 'a tailer waits all the same, and stores nothing')),
  },
  {
    id: '8i',
    claim: 'flag and counter are stored with sequential consistency',
    mutations: [
      change(
        BELL,
        '            Atomics.store(this.#flags, this.#flagAt, 1);\n',
        '            this.#flags[this.#flagAt] = 1;\n',
      ),
    ],
    caughtBy: {
      kind: 'campaign',
      campaign: 'model',
      why: 'a store that is overtaken by a load loses one wake-up in a hundred at most, and only between processors',
    },
  },
  {
    id: '8j',
    claim:
      'the flag is taken down before the counter moves, so that it is nobody else who has set it',
    mutations: [
      change(
        BELL,
        `        if (hasSleepers)
            Atomics.store(flags, this.#flagAt, 0);
        Atomics.add(this.#words, this.#at, 1);`,
        `        Atomics.add(this.#words, this.#at, 1);
        if (hasSleepers)
            Atomics.store(flags, this.#flagAt, 0);`,
      ),
    ],
    caughtBy: tests(test('concurrency/bells', 'leaves nobody unannounced who goes to sleep')),
  },
  {
    id: '9a',
    claim: 'readers map read-only: a stray store is a signal, not silent damage',
    mutations: [
      change(MAPPING, "fd = openSync(path, 'r');", "fd = openSync(path, 'r+');"),
      change(
        MAPPING,
        'Mapping.ofDescriptor(fd, sizeBytes, false, path))',
        'Mapping.ofDescriptor(fd, sizeBytes, true, path))',
      ),
    ],
    caughtBy: tests(
      test(MEMORY, 'cannot be stored into'),
      test(MEMORY, 'opens and maps everything read-only'),
    ),
  },
  {
    id: '9b',
    claim: 'a view keeps its mapping alive',
    mutations: [change(MAPPING, '        this.#lent = true;\n', '')],
    caughtBy: {
      kind: 'tests',
      tests: [
        test(MEMORY, 'is unmapped at once when no view is held'),
        test('read/live', 'views outlive reader, appender, segment file'),
      ],
      without: 'crash',
    },
  },
  {
    id: '9c',
    claim: 'a mapping from which no view escaped goes at once',
    mutations: [
      change(
        MAPPING,
        '        if (this.#lent)\n            return;\n        this.#released',
        '        if (true)\n            return;\n        this.#released',
      ),
    ],
    caughtBy: tests(test(MEMORY, 'is unmapped at once when no view is held')),
  },
  {
    id: '9d',
    claim: 'lent memory goes with the last view',
    mutations: [change(MAPPING, '    unmap(region);\n    if (key', '    if (key')],
    caughtBy: tests(test(MEMORY, 'and else with the last view')),
  },
  {
    id: '9e',
    claim: "an exited thread's mappings are unmapped by its pool",
    mutations: [
      change('scan/thread-mappings.js', 'this.#ledger.unmapThread(threadId)', '[]'),
      change(
        'scan/thread-mappings.js',
        'const { threadId } = thread;',
        'const { threadId } = thread;\n        void threadId;',
      ),
    ],
    caughtBy: {
      kind: 'tests',
      tests: [
        test('scan/pool', 'what threads have mapped is gone when a thread is ended by others'),
      ],
      without: 'hang',
    },
  },
  {
    id: '9f',
    claim: 'mapped memory cannot be moved to another owner',
    mutations: [change(MAPPING, '        forbidTransfer(this.buffer);\n', '')],
    caughtBy: tests(test(MEMORY, 'cannot be taken out of its owner by a transfer')),
  },
];
