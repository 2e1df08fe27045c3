/**
 * A short life on a disk that may be full: opens the log, appends some records, most of them neither
 * flushed nor all of them committed, and ends without notice. argv: JSON of a `ShortLife`.
 */
import { StorageError, openAppender, type AppenderOptions } from 'stratalog';
import { recordOfLife } from './lives.js';
import { Witness } from './witness.js';

export interface ShortLife {
  readonly log: string;
  readonly witness: string;
  readonly options: AppenderOptions;
  readonly life: number;
  readonly records: number;
}

const {
  log,
  options,
  life,
  records,
  witness: path,
} = JSON.parse(process.argv[2] as string) as ShortLife;

const witness = new Witness(path);
try {
  const appender = openAppender(log, { ...options, flush: 'none', commit: 'manual' });
  witness.set('begin', appender.nextOffset);
  try {
    for (let i = 0; i < records; i++) {
      appender.append(recordOfLife(life, appender.nextOffset));
      if (i % 5 === 0) appender.commit();
    }
  } finally {
    witness.set('isReady', 1);
    witness.set('flushed', appender.flushedOffset);
    witness.set('start', appender.committedOffset);
    witness.set('end', appender.nextOffset);
    witness.say();
  }
} catch (error) {
  // The disk is full, or the log as large as it may be. Anything else would be a failure.
  const isFull = error instanceof StorageError && ['ENOSPC', 'EDQUOT'].includes(error.errno ?? '');
  if (!isFull) throw error;
}
process.kill(process.pid, 'SIGKILL');
