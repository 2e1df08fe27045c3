/** Pages that the disk cannot deliver where an appender goes on: an error, as a store would be a signal. */
import { describe, expect, it } from 'vitest';
import { openAppender, verifyLog } from '../../src/index.js';
import { dieWith, type Step } from '../support/dying.js';
import { runFixture } from '../support/fixtures.js';
import { FIRST_FRAME_AT, indexFile, segmentFile } from '../support/log-damage.js';
import { BY_HAND } from '../support/quiet-logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

/** What is lost, and what is left of the file. Behind a crash, recovery has read the segment itself. */
const SEGMENT = ['the segment, where appending goes on', segmentFile, FIRST_FRAME_AT] as const;
const ENTRIES = ['the index, behind its header', indexFile, FIRST_FRAME_AT] as const;
const INDEX = ['the index', indexFile, 0] as const;

describe.each([
  ['closed', [['append', 150], ['close']], [SEGMENT, ENTRIES, INDEX]],
  ['left open', [['append', 150], ['commit']], [ENTRIES, INDEX]],
] as [string, Step[], (typeof SEGMENT)[]][])('a log that was %s', (_, steps, losses) => {
  it.each(losses)('refuses an appender when the disk has lost %s', async (_name, fileOf, end) => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ...steps);
    const file = fileOf(log, 0);
    const { signal, result } = await runFixture('open-and-lose-pages', [log, file, `${end}`]);
    expect(signal).toBe('SIGTERM');
    expect(result).toMatchObject({ name: 'StorageError', where: file, errno: 'EFAULT' });
  });

  it('takes one when the disk delivers', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ...steps);
    const appender = openAppender(log, BY_HAND);
    expect(appender.nextOffset).toBe(150);
    await appender.close();
    expect(verifyLog(log).isIntact).toBe(true);
  });
});
