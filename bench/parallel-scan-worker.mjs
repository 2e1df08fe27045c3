/** What `parallel-scan.mjs` runs in threads. */
import { parentPort, workerData } from 'node:worker_threads';
import { Mapping } from '../dist/mapping/mapping.js';

/** The flyweight: one float of every record. */
export function sum(cursor) {
  let total = 0;
  while (cursor.next()) total += cursor.getFloat64(8);
  return total;
}

export function nothing() {
  return 0;
}

/** The bare loop: every float of this thread's files, mapped once, as often as it is told. */
function addUp(files) {
  const arrays = files.map(({ path, sizeBytes }) => {
    const mapping = Mapping.readOnly(path, sizeBytes);
    mapping.makeResident(0, sizeBytes);
    return new Float64Array(mapping.buffer);
  });
  parentPort.on('message', () => {
    let total = 0;
    for (const floats of arrays) for (let i = 0; i < floats.length; i++) total += floats[i];
    parentPort.postMessage(total);
  });
  parentPort.postMessage('ready');
}

if (workerData?.files !== undefined) addUp(workerData.files);
