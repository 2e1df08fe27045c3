/** Rules 1 and 2: the appender's stores, and the commit. */
import { change, test, tests, type Claim } from './claim.js';

const OPEN_FRAME = 'append/open-frame.js';
const APPENDER = 'append/appender.js';
const STAMP = 'append/frame-stamp.js';
const ORDER = 'append/store-order';
const PREFIX = test(ORDER, 'is at every store a prefix of what is appended');

const LENGTH_OF_NEXT = `if (end < this.#segmentEnd)
            words[end >> 2] = 0;
`;
const OWN_LENGTH = '        words[position >> 2] = length | RECORD_PRESENT;\n';
const PUBLISH_POSITION = '        Atomics.store(index, COMMITTED_POSITION, end >> 3);\n';
const PUBLISH_COUNT = '        Atomics.store(index, COMMITTED_COUNT, frame.recordsInSegment);\n';

export const APPEND_CLAIMS: readonly Claim[] = [
  {
    id: '1a',
    claim: 'zero goes into the next length word',
    mutations: [change(OPEN_FRAME, LENGTH_OF_NEXT, '')],
    caughtBy: tests(
      PREFIX,
      test('recovery/rules', 'ends with the last of the records although others lie behind'),
    ),
  },
  {
    id: '1b',
    claim: 'and before the own length word',
    mutations: [
      change(OPEN_FRAME, LENGTH_OF_NEXT, ''),
      change(
        OPEN_FRAME,
        `${OWN_LENGTH}        this.#index[this.#entry++] = position >> 3;\n        this.#position`,
        `${OWN_LENGTH}        ${LENGTH_OF_NEXT}        this.#index[this.#entry++] = position >> 3;\n        this.#position`,
      ),
    ],
    caughtBy: tests(PREFIX),
  },
  {
    id: '1c',
    claim: 'the payload is there before the length word',
    mutations: [
      change(
        OPEN_FRAME,
        `        this.#bytes.set(payload, position + RECORD_HEADER_BYTES);
        this.#publish(position, length, end);`,
        `        this.#publish(position, length, end);
        this.#bytes.set(payload, position + RECORD_HEADER_BYTES);`,
      ),
    ],
    caughtBy: tests(PREFIX),
  },
  {
    id: '1d',
    claim: 'bit 31 tells an empty record from none',
    mutations: [
      change(
        'format/frame.js',
        'lengthWord >= 0 || distance !== record - at)\n            break;',
        'lengthWord === 0x80000000 >> 0 || lengthWord >= 0 || distance !== record - at)\n            break;',
      ),
    ],
    caughtBy: tests(PREFIX),
  },
  {
    id: '1e',
    claim: 'a batch stores the length of its first record last',
    mutations: [change(OPEN_FRAME, '            if (position !== first)\n', '')],
    caughtBy: tests(PREFIX, test('recovery/rules', 'leaves out a batch whose append had not')),
  },
  {
    id: '1f',
    claim: 'an abandoned reservation leaves nothing',
    mutations: [
      change(
        OPEN_FRAME,
        '        this.#bytes.fill(0, payload + payloadBytes, end);\n',
        '        void [payload, payloadBytes, end];\n',
      ),
    ],
    caughtBy: tests(
      test('append/reserve', 'abandons without a trace'),
      test('recovery/rules', 'finds nothing behind a reservation that was abandoned'),
    ),
  },
  {
    id: '2a',
    claim: 'fields and checksum of a frame are there before its length',
    mutations: [
      change(
        OPEN_FRAME,
        '        const crc = sealFrame(',
        '        publishFrame(words, frame, end - frame);\n        const crc = sealFrame(',
      ),
    ],
    caughtBy: tests(test(ORDER, 'has a whole frame when it stores its length')),
  },
  {
    id: '2b',
    claim: 'the next frame has no record when this one is published',
    mutations: [
      change(
        OPEN_FRAME,
        '        this.#begin(end);\n        publishFrame(words, frame, end - frame);\n',
        '        publishFrame(words, frame, end - frame);\n        this.#begin(end);\n',
      ),
    ],
    caughtBy: tests(test(ORDER, 'no record behind it')),
  },
  {
    id: '2c',
    claim: 'the position follows the frame',
    mutations: [
      change(APPENDER, PUBLISH_POSITION, ''),
      change(
        APPENDER,
        '        this.#chainCrc = frame.seal(fields);\n',
        `        const { index: early } = this.#segment;
        Atomics.store(early, COMMITTED_POSITION, frame.position >> 3);
        this.#chainCrc = frame.seal(fields);\n`,
      ),
    ],
    caughtBy: tests(test(ORDER, 'publishes a frame, then the position, then the count')),
  },
  {
    id: '2d',
    claim: 'the count follows the position',
    mutations: [
      change(APPENDER, PUBLISH_POSITION + PUBLISH_COUNT, PUBLISH_COUNT + PUBLISH_POSITION),
    ],
    caughtBy: tests(test(ORDER, 'publishes a frame, then the position, then the count')),
  },
  {
    id: '2e',
    claim: 'the doorbell comes last',
    mutations: [
      change(APPENDER, `${PUBLISH_COUNT}        this.#bell.ring();\n`, PUBLISH_COUNT),
      change(APPENDER, PUBLISH_POSITION, `        this.#bell.ring();\n${PUBLISH_POSITION}`),
    ],
    caughtBy: tests(test(ORDER, 'publishes a frame, then the position, then the count')),
  },
  {
    id: '2f',
    claim: 'at a roll the seal follows everything committed',
    mutations: [
      change(
        APPENDER,
        '        this.#commit();\n        if (!fits)\n            this.#roll();',
        `        if (!fits)
            Atomics.store(this.#segment.index, SEALED, 1);
        this.#commit();\n        if (!fits)\n            this.#roll();`,
      ),
    ],
    caughtBy: tests(test(ORDER, 'has stored everything before the seal')),
  },
  {
    id: '2g',
    claim: 'a roll rings, too',
    mutations: [
      change(
        APPENDER,
        '        this.#enterSegment(next);\n        this.#bell.ring();\n',
        '        this.#enterSegment(next);\n',
      ),
    ],
    caughtBy: tests(test(ORDER, 'which is rung for')),
  },
  {
    id: '2h',
    claim: 'group commit closes frames at 1 MiB',
    mutations: [
      change(
        'format/frame.js',
        'MAX_GROUP_FRAME_BYTES = 1024 * 1024',
        'MAX_GROUP_FRAME_BYTES = 2 ** 30',
      ),
    ],
    caughtBy: tests(test('append/commit', 'a frame closes before it exceeds 1 MiB')),
  },
  {
    id: '2i',
    claim: 'only one larger record or batch exceeds it',
    mutations: [
      change(
        APPENDER,
        'this.#limit = Math.max(this.#limit, end);',
        'this.#limit = end > this.#limit ? this.#segment.header.sizeBytes : this.#limit;',
      ),
    ],
    caughtBy: tests(
      test('ancestors', 'has a frame of its own, and does not make that of others larger'),
    ),
  },
  {
    id: '2j',
    claim: 'the time of frames never goes back',
    mutations: [change(STAMP, 'if (moved > 0)', 'if (moved !== 0)')],
    caughtBy: tests(test('append/time', 'never goes back with the clock')),
  },
  {
    id: '2k',
    claim: 'a flag marks the frame whose time was held back',
    mutations: [change(STAMP, 'moved < 0 ? FLAG_TIME_CLAMPED : 0', '0')],
    caughtBy: tests(test('append/time', 'and the frame says so')),
  },
  {
    id: '2l',
    claim: 'the time is carried over reopening',
    mutations: [
      change(
        APPENDER,
        'new FrameStamp(this.#clock, log.epoch, tail.timeNs)',
        'new FrameStamp(this.#clock, log.epoch, 0n)',
      ),
    ],
    caughtBy: tests(test('append/time', 'does not go back when the log is opened again')),
  },
];
