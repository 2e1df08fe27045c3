/** The demo's other threads: each follows the log while the first one captures, taking no lock. */
import { createHistogram } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { openEventReader, type FieldsView } from '../index.js';

export interface FollowTask {
  readonly path: string;
  readonly from: number;
}

/** What a follower has seen, and how long after it was sampled. */
export interface FollowResult {
  readonly events: number;
  /** Of the field `late_ns`, for comparison with what others make of it. */
  readonly lateNs: number;
  readonly ageUs: { readonly p50: number; readonly p99: number };
}

interface Sample extends FieldsView {
  readonly late_ns: number;
}

/** Up to the close of the log, whenever that is. */
function follow({ path, from }: FollowTask): FollowResult {
  const reader = openEventReader<unknown, Sample>(path);
  const tailer = reader.tailer({ from, endAtClose: true, name: 'stratalog demo' });
  const age = createHistogram();
  let events = 0;
  let lateNs = 0;
  while (tailer.next({ timeoutMs: Infinity })) {
    const nowNs = (performance.timeOrigin + performance.now()) * 1e6;
    age.record(Math.max(1, Math.round(nowNs - Number(tailer.event.$bigint('time_ns')))));
    events++;
    lateNs += tailer.event.late_ns;
  }
  reader.close();
  const percentile = (at: number): number => (events === 0 ? 0 : age.percentile(at) / 1000);
  return { events, lateNs, ageUs: { p50: percentile(50), p99: percentile(99) } };
}

parentPort?.postMessage(follow(workerData as FollowTask));
