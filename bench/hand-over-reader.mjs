/** The other end of `hand-over.mjs`, in a worker thread or a child process: see there. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { openReader } from '../dist/index.js';
import { Mapping } from '../dist/mapping/mapping.js';

const task = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const port = isMainThread ? process : parentPort;
const say = (message) => (isMainThread ? process.send(message) : parentPort.postMessage(message));

/** The first ones are not counted: code is cold, pages are new. */
const WARM_UP = 500;

class Times {
  #taken = new Float64Array(task.count);
  #seen = 0;

  get isFull() {
    return this.#seen === task.count;
  }

  /** `sentNs`: when it was sent, unless the sender notes that in memory of ours. */
  add(sentNs) {
    const now = Number(process.hrtime.bigint());
    this.#taken[this.#seen] = now - (task.times === undefined ? sentNs : task.times[this.#seen]);
    this.#seen++;
  }

  percentiles() {
    const sorted = this.#taken.slice(Math.min(WARM_UP, task.count >> 1)).sort();
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    return { p50: at(0.5), p99: at(0.99), p9999: at(0.9999), worst: sorted.at(-1) };
  }
}

async function read(times) {
  const reader = openReader(task.description);
  const tailer = reader.tailer({ from: 'end' });
  bringIn(reader);
  say('ready');
  const timeoutMs = task.kind === 'block' ? 1000 : 0;
  while (!times.isFull) {
    if (task.kind === 'async') await tailer.nextAsync();
    else while (!tailer.next({ timeoutMs }));
    times.add(tailer.record.getFloat64(0));
  }
  reader.close();
}

/** Where sizes are compared: all pages of the segment, before anything is sent, and never again. */
function bringIn(reader) {
  if (task.times === undefined) return;
  const { mapping } = reader.segmentSet.beginningAt(0);
  mapping.makeResident(0, mapping.sizeBytes);
  Mapping.prototype.makeResident = () => {};
}

async function receive(times) {
  await new Promise((resolve) => {
    port.on('message', ({ buffer, byteOffset }) => {
      times.add(new DataView(buffer, byteOffset).getFloat64(0, true));
      if (times.isFull) resolve();
    });
    say('ready');
  });
}

const times = new Times();
await (task.kind === 'messages' ? receive(times) : read(times));
say(times.percentiles());
if (isMainThread) process.disconnect();
else parentPort.close();
