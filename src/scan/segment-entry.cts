/**
 * What piscina loads, which it does by `require`. To load an ES module so is one step inside Node, and a
 * thread that is terminated within it takes the process along; `import` is not. The word is set before
 * anything is loaded, so that nobody takes the thread for an idle one.
 */
import type { SegmentTask } from './segment-worker.js';

module.exports = {
  readSegment: async (task: SegmentTask) => {
    Atomics.store(new Int32Array(task.shared), task.word, 1);
    const worker = await import('./segment-worker.js');
    return worker.readInThread(task);
  },
};
