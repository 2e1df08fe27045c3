/**
 * What piscina loads. It loads by `require`, which on an ES module runs in one go inside Node; a thread
 * that is terminated just then takes the whole process along (Node 20.20). An `import` does not.
 */
module.exports = {
  runPiece: async (task: never) => (await import('./piece-worker.js')).runPiece(task),
};
