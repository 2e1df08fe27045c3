/** The other end of `paced.mjs`, in a worker thread: see there. Spins. */
import { parentPort, workerData } from 'node:worker_threads';
import { openReader } from '../dist/index.js';

const { description, count, startNs, everyNs, word } = workerData;
const nowNs = () => Number(process.hrtime.bigint());
const late = new Float64Array(new SharedArrayBuffer(count * 8));

function readLog() {
  const reader = openReader(description);
  const tailer = reader.tailer({ from: 'end' });
  parentPort.postMessage('ready');
  for (let i = 0; i < count; i++) {
    while (!tailer.next());
    late[i] = nowNs() - tailer.record.getFloat64(0);
  }
  reader.close();
}

/** With nothing in it: one word of shared memory counts what the other side has done. */
function readWord() {
  parentPort.postMessage('ready');
  for (let i = 0; i < count;) {
    const done = Atomics.load(word, 0);
    for (; i < done; i++) late[i] = nowNs() - (startNs[0] + i * everyNs);
  }
}

if (description === undefined) readWord();
else readLog();
parentPort.postMessage(late);
