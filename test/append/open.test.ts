import { describe, expect, it } from 'vitest';
import { StorageError, openAppender } from '../../src/index.js';
import { dirname, join } from 'node:path';
import { temporaryLogPath } from '../support/temporary-log.js';

describe('openAppender()', () => {
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
