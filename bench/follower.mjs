/** A reader for `followers.mjs`, in a worker thread: blocked, and with everything that comes. */
import { parentPort, workerData } from 'node:worker_threads';
import { openReader } from '../dist/index.js';

const reader = openReader(workerData);
const tailer = reader.tailer({ endAtClose: true });
parentPort.postMessage('ready');
let records = 0;
while (tailer.next({ timeoutMs: Infinity })) records++;
reader.close();
parentPort.postMessage(records);
