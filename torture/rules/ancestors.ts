/** The faults of the projects that this one descends from, put back in one at a time. */
import { change, test, tests, type Claim } from './claim.js';

const SEGMENT = 'read/readable-segment.js';
const NAMES = 'format/names.js';

function caught(name: string): ReturnType<typeof tests> {
  return tests(test('ancestors', name));
}

export const ANCESTOR_CLAIMS: readonly Claim[] = [
  {
    id: 'a1',
    claim: 'the checksum is the polynomial that it claims to be',
    mutations: [change('format/checksum.js', '0x82f63b78', '0xedb88320')],
    caughtBy: caught('a checksum that is not the polynomial it claims'),
  },
  {
    id: 'a2',
    claim: 'an append after a truncation lands where the log was cut',
    mutations: [
      change(
        'recovery/recover.js',
        '                tail: salvage.tail,\n                report',
        '                tail: { ...salvage.tail, position: Math.max(salvage.tail.position, (this.#survey.tornEnd + 7) & ~7) },\n                report',
      ),
    ],
    caughtBy: caught('an append after a truncation that lands at the old place'),
  },
  {
    id: 'a3',
    claim: 'a sequential reader does not keep what was not written yet',
    mutations: [
      change(
        SEGMENT,
        'return Math.min(Atomics.load(this.#bounds, COMMITTED_POSITION)',
        'return this.kept ??= Math.min(Atomics.load(this.#bounds, COMMITTED_POSITION)',
      ),
    ],
    caughtBy: caught('a sequential reader that caches unwritten zeros'),
  },
  {
    id: 'a4',
    claim: 'truncated records do not come back',
    mutations: [
      change(
        'recovery/recover.js',
        '        clearRange(segment.fd, from, segment.header.sizeBytes - from, segment.path);\n',
        '',
      ),
      // Four rules forbid it, each of which would do: the chain, and what an append clears behind itself.
      change(
        'format/frame-scan.js',
        'if (this.chainCrc !== undefined && framePreviousCrc(words, at) !== this.chainCrc) {',
        'if (false) {',
      ),
      change(
        'append/open-frame.js',
        'if (end < this.#segmentEnd)\n            words[end >> 2] = 0;',
        '',
      ),
      change('append/open-frame.js', 'if (this.#position < this.#segmentEnd)', 'if (false)'),
    ],
    caughtBy: caught('truncated records that reopening brings back'),
  },
  {
    id: 'a5',
    claim: 'a length is compared with what there is before it is used',
    mutations: [
      change(
        'format/frame.js',
        'length < MIN_FRAME_BYTES || (length & 7) !== 0 || length > limit - position',
        'length < -1',
      ),
      change('format/frame.js', 'words[word + LENGTH_AGAIN] !== length ||\n', ''),
    ],
    caughtBy: caught('a header longer than its payload'),
  },
  {
    id: 'a6',
    claim: 'a batch that ends with a frame does not end its segment',
    mutations: [
      change(
        'read/cursor.js',
        '        this.#next = this.#frameEnd;\n        this.#nextOffset = past;\n',
        '        this.#next = this.#frameEnd = this.#segment.committedPosition();\n        this.#nextOffset = this.#segment.base + this.#segment.committedCount();\n',
      ),
    ],
    caughtBy: caught('a batch read that skips the rest of a sealed block'),
  },
  {
    id: 'a7',
    claim: 'an entry larger than a block is read in one piece',
    mutations: [
      change('segment/segment-window.js', 'if (wanted > this.bytes.length) {', 'if (wanted < 0) {'),
    ],
    caughtBy: caught('loses nothing after a restart, also of a process that died'),
  },
  {
    id: 'a8',
    claim: 'temporary files are no data',
    mutations: [change(NAMES, '/^(\\d{20})\\.log$/', '/^(\\d{20})\\.log/')],
    caughtBy: caught('leftover temporary files'),
  },
  {
    id: 'a9',
    claim: 'empty records are records',
    mutations: [
      change(
        'append/appender.js',
        '        if (length === 0)\n            checkAttached(payload);\n',
        '        if (length === 0)\n            return this.#nextOffset;\n',
      ),
    ],
    caughtBy: caught('empty records'),
  },
  {
    id: 'a10',
    claim: 'names lead nowhere else',
    mutations: [change(NAMES, '([0-9a-f]{8})\\.bfbs$/', '([0-9a-f]{8})\\.bfbs/')],
    caughtBy: caught('lead nowhere as the schema that a header names'),
  },
  {
    id: 'a11',
    claim: 'old data is never begun anew',
    mutations: [
      change('append/open-appender.js', '    if (segment !== undefined) {', '    if (false) {'),
      change('append/open-appender.js', '    if (foreign !== undefined) {', '    if (false) {'),
    ],
    caughtBy: caught('reopening that starts again at zero over old data'),
  },
  {
    id: 'a12',
    claim: 'the last index slot is readable',
    mutations: [
      change(
        SEGMENT,
        'Math.min(Atomics.load(this.#bounds, COMMITTED_COUNT), this.header.indexCapacity)',
        'Math.min(Atomics.load(this.#bounds, COMMITTED_COUNT), this.header.indexCapacity - 1)',
      ),
    ],
    caughtBy: caught('the last index slot'),
  },
  {
    id: 'a13',
    claim: 'sequence numbers are given under the lock',
    mutations: [
      change(
        'mapping/lock.js',
        'if (!lockByte(fd, APPENDER_BYTE, path)) {',
        'if (!lockByte(fd, APPENDER_BYTE, path) && false) {',
      ),
    ],
    caughtBy: caught('sequence numbers'),
  },
  {
    id: 'a14',
    claim: 'what is durable does not need its index entry',
    mutations: [
      change(
        SEGMENT,
        '        this.#rebuildIndex(`entry ${slot} does not lead to its record`);\n',
        '',
      ),
      change(
        'recovery/recover.js',
        '    index.set(rebuilt.subarray(FIRST_ENTRY, FIRST_ENTRY + count), FIRST_ENTRY);\n',
        '',
      ),
    ],
    caughtBy: caught('data that is synced while its index entry is not'),
  },
  {
    id: 'a15',
    claim: 'a flipped bit is not valid',
    mutations: [
      change(
        SEGMENT,
        ': checkFrameBody(words, position, this.seed);',
        ': checkFrameFields(words, position);',
      ),
    ],
    caughtBy: caught('a flipped bit'),
  },
  {
    id: 'a16',
    claim: 'a garbage index entry is no more than that',
    mutations: [
      change(
        SEGMENT,
        '        this.#rebuildIndex(`entry ${slot} does not lead to its record`);\n',
        '',
      ),
    ],
    caughtBy: caught('a garbage index entry'),
  },
  {
    id: 'a17',
    claim: 'a stray next segment does not fail the roll after the commit',
    mutations: [
      change(
        'segment/writable-segment.js',
        "            storage('rename to', segment, () => renameSync(prepared.path, segment));\n",
        "            closeSync(openSync(segment, 'wx'));\n            storage('rename to', segment, () => renameSync(prepared.path, segment));\n",
      ),
    ],
    caughtBy: caught('nor undo the commit, when it comes while the log is open'),
  },
  {
    id: 'a18',
    claim: 'a stray segment is found at opening',
    mutations: [
      change('recovery/clean-end.js', 'if (last.base !== checkpoint.segmentBase)', 'if (false)'),
      change(
        'recovery/recover.js',
        '        this.#setAside = this.#survey.beyond.map(',
        '        this.#setAside = [].map(',
      ),
    ],
    caughtBy: caught('does not fail the roll, and is set aside, when it is there at opening'),
  },
  {
    id: 'a19',
    claim: 'one bad record does not take along what comes after it',
    mutations: [
      change(
        SEGMENT,
        'next === undefined ? end : Math.min(frameBase(this.words, next), end)',
        'next === undefined ? end : end',
      ),
    ],
    caughtBy: caught('one bad record in the middle'),
  },
];
