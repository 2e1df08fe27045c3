/** The demo's second thread: follows the log while the first one appends, taking no lock. */
import { parentPort, workerData } from 'node:worker_threads';
import { openReader } from '../index.js';
import { Fingerprint } from './fingerprint.js';

export interface FollowTask {
  readonly path: string;
  readonly from: number;
}

export interface FollowResult {
  readonly records: number;
  readonly fingerprint: number;
}

/** Up to the close of the log, whenever that is. */
function follow({ path, from }: FollowTask): FollowResult {
  const reader = openReader(path, { access: 'sequential' });
  const tailer = reader.tailer({ from, endAtClose: true, name: 'stratalog demo' });
  const seen = new Fingerprint();
  while (tailer.next({ timeoutMs: Infinity })) seen.add(tailer.record.payload);
  reader.close();
  return { records: seen.records, fingerprint: seen.value };
}

parentPort?.postMessage(follow(workerData as FollowTask));
