import { describe, expect, it } from 'vitest';
import { StorageError, openAppender, openReader } from '../../src/index.js';
import { appenderSettings } from '../../src/options.js';
import { dirname, join } from 'node:path';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

describe('openAppender()', () => {
  it('without options commits each, flushes every second, and has segments of 64 MiB', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(bytes('x'));
    expect([appender.committedOffset, appender.nextOffset]).toEqual([1, 1]);
    const reader = openReader(path);
    const [segment] = reader.segments();
    expect([segment?.sizeBytes, segment?.indexCapacity]).toEqual([2 ** 26, 2 ** 20]);
    // No deadline here but that of the test itself.
    while (reader.flushedOffset < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    reader.close();
    await appender.close();
    expect(appenderSettings({})).toMatchObject({ flushIntervalMs: 1000, maintenance: true });
  });

  it('creates missing parents of a log', async () => {
    const appender = openAppender(join(dirname(temporaryLogPath()), 'a', 'b', 'log'));
    expect(appender.recovery.outcome).toBe('created');
    await appender.close();
  });

  it.runIf(process.platform === 'linux')(
    'says so where no directory can be created, and does not hang',
    () => {
      expect(() => openAppender('/proc/stratalog/log')).toThrow(StorageError);
    },
  );
});
