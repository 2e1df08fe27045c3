/** Rules 7 and 10: names, deletions, and the lock. */
import { change, test, tests, type Claim } from './claim.js';

const SEGMENT = 'segment/writable-segment.js';
const DIRECTORY = 'segment/directory.js';
const APPENDER = 'append/appender.js';
const LOCK = 'mapping/lock.js';
const SYNCS = 'crash/syncs';
const RULES = 'recovery/rules';
const NEW_LOG = test(SYNCS, 'a new log has its control page and its first segment synced');
const TAIL_IN_ORDER = test(SYNCS, 'recovery keeps a torn tail safe before it clears it');
const DROPS = test(SYNCS, 'dropBefore makes the new start durable, deletes oldest first');
const CLOSES = test(SYNCS, 'close syncs segments, names and indexes, then the note that says so');

const RENAME_INDEX =
  "        storage('rename to', index, () => renameSync(own, index));\n        prepared.indexPath = index;\n";

export const FILE_CLAIMS: readonly Claim[] = [
  {
    id: '7a',
    claim: 'files come into being under temporary names',
    mutations: [
      change(
        'control/whole-file.js',
        'const temporary = join(directory, temporaryName(name));',
        'const temporary = join(directory, name);\n    void temporaryName;',
      ),
    ],
    caughtBy: tests(NEW_LOG),
  },
  {
    id: '7b',
    claim: 'and are synced before they get their own',
    mutations: [
      change(
        'control/whole-file.js',
        '        syncFile(fd, temporary);\n',
        '        void syncFile;\n',
      ),
    ],
    caughtBy: tests(NEW_LOG),
  },
  {
    id: '7c',
    claim: 'whose directory is synced, then',
    mutations: [
      change(
        'append/open-appender.js',
        '        syncDirectory(directory);\n        return segment;\n',
        '        return segment;\n',
      ),
    ],
    caughtBy: tests(test(SYNCS, 'a first segment that is made anew has its name synced')),
  },
  {
    id: '7d',
    claim: 'temporary files are never part of the log, and go at opening',
    mutations: [
      change(
        DIRECTORY,
        'listNames(directory).filter(isTemporaryName)',
        '[].filter(isTemporaryName)',
      ),
    ],
    caughtBy: tests(
      test(RULES, 'removes files under temporary names'),
      test('ancestors', 'leftover temporary files'),
    ),
  },
  {
    id: '7e',
    claim: 'a segment has its header before its name',
    mutations: [
      change(SEGMENT, '        page.set(encodeSegmentHeader(header));\n', ''),
      change(
        SEGMENT,
        '        return new WritableSegment(header, directory, prepared);\n',
        '        page.set(encodeSegmentHeader(header));\n        return new WritableSegment(header, directory, prepared);\n',
      ),
    ],
    caughtBy: tests(test('segment/names', 'is whole when it gets its name')),
  },
  {
    id: '7f',
    claim: 'and its words',
    mutations: [
      change(
        SEGMENT,
        '        words[COMMITTED_POSITION] = words[FLUSHED_POSITION] = FIRST_FRAME_AT / 8;\n',
        '',
      ),
      change(
        SEGMENT,
        '        return new WritableSegment(header, directory, prepared);\n',
        '        words[COMMITTED_POSITION] = words[FLUSHED_POSITION] = FIRST_FRAME_AT / 8;\n        return new WritableSegment(header, directory, prepared);\n',
      ),
    ],
    caughtBy: tests(test('segment/names', 'is whole when it gets its name')),
  },
  {
    id: '7g',
    claim: 'the index gets its name before the segment',
    mutations: [
      change(SEGMENT, RENAME_INDEX, ''),
      change(
        SEGMENT,
        '        return new WritableSegment(header, directory, prepared);\n',
        `${RENAME_INDEX}        return new WritableSegment(header, directory, prepared);\n`,
      ),
    ],
    caughtBy: tests(NEW_LOG),
  },
  {
    id: '7h',
    claim: 'an index whose segment never came goes',
    mutations: [
      change(
        DIRECTORY,
        'base !== undefined && (base < startOffset || !segments.has(base))',
        'base !== undefined && base < startOffset',
      ),
    ],
    caughtBy: tests(test(RULES, 'removes an index whose segment a killed roll had not come to')),
  },
  {
    id: '7i',
    claim: 'an empty successor whose base fits is used',
    mutations: [
      change(
        'recovery/survey.js',
        'header.base === this.#tail.offset && header.previousBase',
        'false && header.previousBase',
      ),
    ],
    caughtBy: tests(test(RULES, 'is reused when it is empty and its base fits')),
  },
  {
    id: '7j',
    claim: 'another one is set aside',
    mutations: [
      change(
        'recovery/survey.js',
        'header.base === this.#tail.offset && header.previousBase === this.#tail.base',
        'header.base === this.#tail.offset',
      ),
    ],
    caughtBy: tests(test(RULES, 'is set aside when it comes next by its base alone')),
  },
  {
    id: '7k',
    claim: 'a failed roll leaves everything as it was, and is tried again',
    mutations: [
      change(SEGMENT, '            renameBack(prepared, own);\n', '            void renameBack;\n'),
    ],
    caughtBy: tests(test('segment/names', 'a roll whose rename fails')),
  },
  {
    id: '7l',
    claim: 'dropBefore records the new start durably, then deletes',
    mutations: [
      change(
        APPENDER,
        '        this.#durability.moveStart(start);\n        this.#startOffset = start;\n',
        '',
      ),
      change(
        APPENDER,
        '        deleteSegments(directory, dropped, this.#sizeLimit);\n',
        '        deleteSegments(directory, dropped, this.#sizeLimit);\n        this.#durability.moveStart(start);\n        this.#startOffset = start;\n',
      ),
    ],
    caughtBy: tests(
      DROPS,
      test(
        'crash/interrupted-recovery',
        'has happened or not, and is finished by the next opening',
      ),
    ),
  },
  {
    id: '7m',
    claim: 'oldest first',
    mutations: [
      change(
        'append/log-steps.js',
        'for (const base of bases) {',
        'for (const base of [...bases].reverse()) {',
      ),
    ],
    caughtBy: tests(DROPS),
  },
  {
    id: '7n',
    claim: 'an opening finishes what a killed dropBefore has begun',
    mutations: [
      change(
        DIRECTORY,
        'base !== undefined && (base < startOffset || !segments.has(base))',
        'base !== undefined && !segments.has(base)',
      ),
    ],
    caughtBy: tests(test(RULES, 'removes segments that a dropBefore had given up')),
  },
  {
    id: '7o',
    claim: 'a file that may be mapped is never shortened: a torn tail becomes zeros',
    mutations: [
      change('mapping/files.js', 'import { closeSync,', 'import { ftruncateSync, closeSync,'),
      change(
        'mapping/files.js',
        '    if (length > 0 && !zeroRange(fd, from, length, path))\n',
        '    ftruncateSync(fd, from);\n    ftruncateSync(fd, from + length);\n    if (length < 0 && !zeroRange(fd, from, length, path))\n',
      ),
    ],
    caughtBy: tests(test('segment/names', 'no file that is mapped becomes shorter'), TAIL_IN_ORDER),
  },
  {
    id: '7p',
    claim: 'nor made anew in its place: a new index is another file',
    mutations: [
      change(
        SEGMENT,
        '    const temporary = temporaryName(path);\n',
        '    const temporary = path;\n    void temporaryName;\n',
      ),
      change(
        SEGMENT,
        "        storage('rename to', path, () => renameSync(temporary, path));\n",
        '',
      ),
    ],
    caughtBy: tests(test('segment/names', 'no file that is mapped becomes shorter')),
  },
  {
    id: '10a',
    claim: 'there is one appender',
    mutations: [
      change(
        LOCK,
        'if (!lockByte(fd, APPENDER_BYTE, path)) {',
        'if (!lockByte(fd, APPENDER_BYTE, path) && false) {',
      ),
    ],
    caughtBy: tests(
      test('misuse', 'refuses a second appender in another process'),
      test('ancestors', 'sequence numbers'),
    ),
  },
  {
    id: '10b',
    claim:
      'its lock belongs to an open file, and not to a process, whose every close would drop it',
    mutations: [
      change(
        'mapping/platform.js',
        '    setLock: 37,\n    getLock: 36,',
        '    setLock: 6,\n    getLock: 5,',
      ),
    ],
    caughtBy: tests(
      test('lock', 'drops no lock, nor any descriptor, when it stops asking'),
      test('misuse', 'refuses a second appender in this process'),
    ),
  },
  {
    id: '10c',
    claim: 'it dies with its holder: no process id is believed',
    mutations: [
      change(
        LOCK,
        '    return isHeld(path, APPENDER_BYTE) ?',
        '    return readHolder(path)?.pid > 0 ?',
      ),
    ],
    caughtBy: tests(test('lock', 'when the process that LOCK names has gone')),
  },
  {
    id: '10d',
    claim: 'it is asked for by a descriptor that can only be read',
    mutations: [
      change(
        LOCK,
        "storage('open', path, () => openSync(path, 'r'))",
        "storage('open', path, () => openSync(path, 'r+'))",
      ),
    ],
    caughtBy: tests(test('misuse', 'a reader needs no more than to read')),
  },
  {
    id: '10e',
    claim: 'LOCK is never unlinked',
    mutations: [
      change(LOCK, 'import { ftruncateSync,', 'import { unlinkSync, ftruncateSync,'),
      change(LOCK, '    release() {\n', '    release() {\n        unlinkSync(this.#path);\n'),
    ],
    caughtBy: tests(test('lock', 'is a lock on the same file, for ever')),
  },
  {
    id: '10f',
    claim: 'the maintenance thread ends before it is released',
    mutations: [
      change(
        'append/durability.js',
        '        await this.#thread?.stop();\n',
        '        void this.#thread?.stop();\n',
      ),
    ],
    caughtBy: tests(CLOSES),
  },
  {
    id: '10g',
    claim: 'it is released last',
    mutations: [
      change(
        APPENDER,
        '        await this.#durability.stop();\n',
        '        await this.#durability.stop();\n        this.#log.lock.release();\n',
      ),
      change(
        APPENDER,
        '        finally {\n            this.#log.lock.release();\n        }\n',
        '        finally { }\n',
      ),
    ],
    caughtBy: tests(CLOSES),
  },
  {
    id: '10h',
    claim: 'words are announced after recovery',
    mutations: [
      change('append/open-appender.js', '        lock.announceWords();\n', ''),
      change(
        'append/open-appender.js',
        '        const recovered = recoverLog(',
        '        lock.announceWords();\n        const recovered = recoverLog(',
      ),
    ],
    caughtBy: tests(
      test('recovery/followers', 'sees nothing of the words before a recovery is done'),
    ),
  },
];
