/** The demo's second thread: follows the log while the first one appends, taking no lock. */
import { parentPort, workerData } from 'node:worker_threads';
import { openReader } from '../index.js';
import { Fingerprint } from './fingerprint.js';

export interface FollowTask {
  readonly path: string;
  readonly from: number;
  /** One word: how many records there are to see, or -1 while that is not known. Also what is waited on. */
  readonly end: Int32Array;
}

export interface FollowResult {
  readonly records: number;
  readonly fingerprint: number;
  /** Times that the follower had caught up with the appender, and waited. */
  readonly waits: number;
}

function follow({ path, from, end }: FollowTask): FollowResult {
  const reader = openReader(path, { access: 'sequential' });
  const cursor = reader.cursor({ from });
  const seen = new Fingerprint();
  let waits = 0;
  for (;;) {
    // The end is looked up before the records: what it counts is then visible.
    const until = Atomics.load(end, 0);
    while (cursor.next()) seen.add(cursor.payload);
    if (until >= 0 && seen.records >= until) break;
    waits++;
    Atomics.wait(end, 0, -1, 1);
  }
  reader.close();
  return { records: seen.records, fingerprint: seen.value, waits };
}

parentPort?.postMessage(follow(workerData as FollowTask));
