/** Rules 5, 6 and 12: what recovery keeps, what it drops, and what it tells. */
import { change, test, tests, type Claim } from './claim.js';

const RECOVER = 'recovery/recover.js';
const SURVEY = 'recovery/survey.js';
const RESIDENCY = 'recovery/residency.js';
const FRAME = 'format/frame.js';
const RULES = 'recovery/rules';
const TAIL_IN_ORDER = test('crash/syncs', 'recovery keeps a torn tail safe before it clears it');

export const RECOVERY_CLAIMS: readonly Claim[] = [
  {
    id: '5a',
    claim: 'segments are read with calls, so that a bad disk is an error and not the end',
    mutations: [
      change(
        'mapping/files.js',
        "const got = storage('read', path, () => readSync(fd, bytes, at + done, length - done, position + done));",
        'let got = 0;\n        try {\n            got = readSync(fd, bytes, at + done, length - done, position + done);\n        }\n        catch { }',
      ),
    ],
    caughtBy: tests(
      test('file-systems', 'that cannot read a segment makes recovery fail with EIO'),
    ),
  },
  {
    id: '5b',
    claim: 'a frame needs its checksum',
    mutations: [
      change(
        'format/frame-scan.js',
        '    return checkFrameBody(window.words, at, seed);\n',
        '    void seed;\n    return checkFrameFields(window.words, at);\n',
      ),
      change(
        'format/frame-scan.js',
        'checkFrameBody, checkFrameHeader,',
        'checkFrameFields, checkFrameHeader,',
      ),
    ],
    caughtBy: tests(
      test('recovery/damage-table', 'whichever byte of its frames changes'),
      test(RULES, 'is truncated, kept aside byte for byte, and reported'),
    ),
  },
  {
    id: '5c',
    claim: 'and the chain to the one before it',
    mutations: [
      change(
        'format/frame-scan.js',
        'if (this.chainCrc !== undefined && framePreviousCrc(words, at) !== this.chainCrc) {',
        'if (false) {',
      ),
    ],
    caughtBy: tests(test(RULES, 'begins where a frame of another history')),
  },
  {
    id: '5d',
    claim: 'the checksum is seeded with log and segment, so that frames of others fail',
    mutations: [
      change(
        'format/segment-header.js',
        '    return crc32cBytes(bytes);\n}\n//#',
        '    void bytes;\n    return 0;\n}\n//#',
      ),
    ],
    caughtBy: tests(test('format/format', 'fails its checksum in another log or another segment')),
  },
  {
    id: '5e',
    claim: 'an invalid frame below D is an error',
    mutations: [
      change(
        SURVEY,
        '        if (offset >= this.#durable)\n            return undefined;\n',
        '        if (offset >= 0)\n            return undefined;\n',
      ),
    ],
    caughtBy: tests(
      test(RULES, 'is the highest that any frame behind the damage names'),
      test('recovery/damage-table', 'whichever byte'),
    ),
  },
  {
    id: '5f',
    claim: 'and nothing is changed by it',
    mutations: [
      change(
        RECOVER,
        `    if (damage !== undefined)
        throw damage;
    deleteTemporaries(directory);`,
        '    deleteTemporaries(directory);',
      ),
      change(
        RECOVER,
        '    return recovery.withTail(last, residency);\n',
        '    const done = recovery.withTail(last, residency);\n    if (damage !== undefined)\n        throw damage;\n    return done;\n',
      ),
    ],
    caughtBy: tests(test(RULES, 'is the highest that any frame behind the damage names')),
  },
  {
    id: '5g',
    claim: 'everything behind a torn frame is dropped, whether valid or not',
    mutations: [
      change(
        RECOVER,
        '        clearRange(segment.fd, from, segment.header.sizeBytes - from, segment.path);\n',
        '',
      ),
    ],
    caughtBy: tests(
      test(RULES, 'never comes back behind frames that are appended later'),
      TAIL_IN_ORDER,
    ),
  },
  {
    id: '5h',
    claim: 'after a copy of it is safe',
    mutations: [
      change(
        RECOVER,
        '        const copiedTo = lengthBytes > 0 ? this.#copyAside(segment, from, lengthBytes) : undefined;\n        clearRange(',
        '        clearRange(',
      ),
      change(
        RECOVER,
        '        syncFile(segment.fd, segment.path);\n        if (copiedTo',
        '        syncFile(segment.fd, segment.path);\n        const copiedTo = lengthBytes > 0 ? this.#copyAside(segment, from, lengthBytes) : undefined;\n        if (copiedTo',
      ),
    ],
    caughtBy: tests(test(RULES, 'is truncated, kept aside byte for byte'), TAIL_IN_ORDER),
  },
  {
    id: '5i',
    claim: 'which is synced itself, with its name',
    mutations: [
      change(
        RECOVER,
        '            syncFile(fd, path);\n        }\n        catch (error) {\n            // Half',
        '        }\n        catch (error) {\n            // Half',
      ),
      change(RECOVER, "        syncDirectory(asidePath(this.#directory, '.'));\n", ''),
    ],
    caughtBy: tests(TAIL_IN_ORDER),
  },
  {
    id: '5j',
    claim: 'later segments are set aside',
    mutations: [
      change(
        RECOVER,
        '        this.#setAside = this.#survey.beyond.map(',
        '        this.#setAside = [].map(',
      ),
    ],
    caughtBy: tests(test(RULES, 'takes valid frames and later segments with it')),
  },
  {
    id: '5k',
    claim: 'the rest is zeroed with its blocks kept',
    mutations: [
      change(
        'mapping/files.js',
        'if (length > 0 && !zeroRange(fd, from, length, path))',
        'if (length > 0 && (zeroRange, true))',
      ),
    ],
    caughtBy: tests(TAIL_IN_ORDER),
  },
  {
    id: '5l',
    claim: 'and synced before anything is appended',
    mutations: [
      change(
        RECOVER,
        '        syncFile(segment.fd, segment.path);\n        if (copiedTo',
        '        if (copiedTo',
      ),
      change(
        RECOVER,
        '            window.close();\n        }\n    }\n    syncFile(fd, path);\n',
        '            window.close();\n        }\n    }\n',
      ),
    ],
    caughtBy: tests(TAIL_IN_ORDER),
  },
  {
    id: '5m',
    claim: 'every byte from D on is stored again: a failed sync is forgotten',
    mutations: [
      change(
        RECOVER,
        '            copyRange(window, from & ~7, end, (bytes, at) => writeFully(fd, bytes, at, path));\n',
        '',
      ),
    ],
    caughtBy: tests(TAIL_IN_ORDER),
  },
  {
    id: '5n',
    claim: 'before a checkpoint says that it is durable',
    mutations: [
      change(
        RECOVER,
        '            this.#storeAgain(segment, salvage.tail);\n',
        '            control.writeCheckpoint({ durableOffset: salvage.tail.offset });\n            this.#storeAgain(segment, salvage.tail);\n',
      ),
      change(
        RECOVER,
        'export function recoverLog(directory, control, stamp) {',
        'let control;\nexport function recoverLog(directory, given, stamp) {\n    control = given;',
      ),
    ],
    caughtBy: tests(TAIL_IN_ORDER),
  },
  {
    id: '5o',
    claim: 'index entries are rebuilt',
    mutations: [
      change(
        RECOVER,
        '    index.set(rebuilt.subarray(FIRST_ENTRY, FIRST_ENTRY + count), FIRST_ENTRY);\n',
        '',
      ),
    ],
    caughtBy: tests(test(RULES, 'rebuilds a missing index and one of nonsense')),
  },
  {
    id: '5p',
    claim: 'words of mapped headers are no evidence while nobody has recovered',
    mutations: [
      change(
        'mapping/lock.js',
        'return isHeld(join(directory, LOCK_NAME), WORDS_TRUE_BYTE);',
        'return isHeld(join(directory, LOCK_NAME), APPENDER_BYTE);',
      ),
    ],
    caughtBy: tests(
      test('recovery/followers', 'does not believe words that run ahead of the data'),
    ),
  },
  {
    id: '5q',
    claim: 'nor after it died',
    mutations: [
      change(
        'mapping/lock.js',
        'return isHeld(join(directory, LOCK_NAME), WORDS_TRUE_BYTE);',
        'return true;',
      ),
    ],
    caughtBy: tests(test('recovery/followers', 'does not believe words')),
  },
  {
    id: '5r',
    claim:
      'pages that appending goes on in are brought in, so that a bad disk is an error and no signal',
    mutations: [
      change(
        'append/open-appender.js',
        '        active.makeTailResident(recovered.tail.position, recovered.tail.offset - active.base);\n',
        '',
      ),
    ],
    caughtBy: tests(
      test('recovery/bad-pages', 'closed refuses an appender when the disk has lost the segment'),
    ),
  },
  {
    id: '5s',
    claim: 'and so are the entries that recovery stores',
    mutations: [change(RECOVER, '    segment.makeEntriesResident(0, count);\n', '')],
    caughtBy: tests(
      test('recovery/bad-pages', 'left open refuses an appender when the disk has lost the index'),
    ),
  },
  {
    id: '6a',
    claim: 'the open frame is salvaged',
    mutations: [
      change(
        RECOVER,
        '        if (open.count === 0 || open.count > capacity || !stoppedInMemory)\n',
        '        if (true)\n',
      ),
    ],
    caughtBy: tests(test(RULES, 'keeps records that were appended and not committed')),
  },
  {
    id: '6b',
    claim: 'only of the file that the session names',
    mutations: [
      change(
        RESIDENCY,
        'if (dev === session.device && ino === session.inode && size > 0n)',
        'if (dev === session.device && size > 0n)',
      ),
    ],
    caughtBy: tests(test(RULES, 'does not happen in a copy of the log')),
  },
  {
    id: '6c',
    claim: 'only within the same boot',
    mutations: [
      change(
        RESIDENCY,
        "session.bootId === '' || session.bootId !== bootId()",
        "session.bootId === ''",
      ),
    ],
    caughtBy: tests(test(RULES, 'does not happen after another boot')),
  },
  {
    id: '6d',
    claim: 'only if all of its pages are in memory',
    mutations: [
      change(
        RESIDENCY,
        'while (page < this.#pages.length && (this.#pages[page] & 1) === 1)',
        'while (page < this.#pages.length)',
      ),
    ],
    caughtBy: tests(test(RULES, 'does not happen when a page of the open frame has left memory')),
  },
  {
    id: '6e',
    claim: 'which is asked before anything reads them',
    mutations: [
      change(
        RECOVER,
        '    const residency = ResidencyBeforeReading.take(directory, control.session());\n    const survey = surveyLog(directory, control);\n',
        '    const survey = surveyLog(directory, control);\n    const residency = ResidencyBeforeReading.take(directory, control.session());\n',
      ),
    ],
    caughtBy: tests(test(RULES, 'does not happen when a page of the open frame has left memory')),
  },
  {
    id: '6f',
    claim: 'it stops at the first word without bit 31',
    mutations: [
      change(
        FRAME,
        'if (lengthWord >= 0 || distance !== record - at)\n            break;',
        'if (distance !== record - at)\n            break;',
      ),
    ],
    caughtBy: tests(test('append/store-order', 'is at every store a prefix')),
  },
  {
    id: '6g',
    claim: 'it checks the distance',
    mutations: [
      change(
        FRAME,
        'if (lengthWord >= 0 || distance !== record - at)\n            break;',
        'if (lengthWord >= 0)\n            break;',
      ),
    ],
    caughtBy: tests(test('append/store-order', 'takes nothing for a record')),
  },
  {
    id: '6h',
    claim: 'and the bounds',
    mutations: [
      change(
        FRAME,
        '        if (length > limit - record || record + recordBytes(length) > limit)\n            break;\n',
        '',
      ),
    ],
    caughtBy: tests(test('append/store-order', 'takes nothing for a record')),
  },
  {
    id: '6i',
    claim: 'salvaged frames say that they are',
    mutations: [change(RECOVER, 'flags: FLAG_SALVAGED,', 'flags: FLAG_SALVAGED & 0,')],
    caughtBy: tests(test(RULES, 'in a frame that says so')),
  },
  {
    id: '6j',
    claim: 'and are reported',
    mutations: [change(RECOVER, '            records: open.count,\n', '            records: 0,\n')],
    caughtBy: tests(test(RULES, 'keeps records that were appended and not committed')),
  },
  {
    id: '6k',
    claim: 'a frame that was published is not salvaged anew',
    mutations: [
      change(
        RECOVER,
        '        if (segment.words[at >> 2] !== 0)\n            return { tail, records: 0 };\n',
        '',
      ),
    ],
    caughtBy: tests(test(RULES, 'does not make a committed frame whose checksum fails look sound')),
  },
  {
    id: '12a',
    claim: 'an offset past the end after a recovery is a typed error',
    mutations: [
      change(
        'read/tailer.js',
        '    if (offset > end)\n        throw new PositionLostError(offset, end, epoch, undefined);\n',
        '',
      ),
    ],
    caughtBy: tests(
      test('read/tailer', 'is refused when an unclean end has taken what it had read'),
    ),
  },
  {
    id: '12b',
    claim: 'a position carries the epoch of the record before it, which has to be there still',
    mutations: [
      change('read/tailer.js', 'if (found !== undefined && found !== epoch)', 'if (false)'),
    ],
    caughtBy: tests(
      test('read/tailer', 'is refused when an unclean end has taken'),
      test('read/tailer', 'gives a position that is refused'),
    ),
  },
  {
    id: '12c',
    claim: 'who follows a log looks again when another appender comes',
    mutations: [
      change(
        'read/tailer.js',
        '            checkPosition(this.#source, { offset: this.#endOffset, epoch: this.#endEpoch });\n',
        '',
      ),
    ],
    caughtBy: tests(
      test('read/tailer', 'is looked at again by a live tailer when another appender has come'),
    ),
  },
  {
    id: '12d',
    claim: 'epochs are random at each opening',
    mutations: [
      change(
        'append/open-appender.js',
        'const epoch = randomBytes(4).readUInt32LE();',
        'const epoch = 7;',
      ),
    ],
    caughtBy: tests(test('append/append', 'draws an epoch per opening')),
  },
];
