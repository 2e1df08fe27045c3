import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const dist = fileURLToPath(new URL('./dist/', import.meta.url));

export default defineConfig({
  resolve: {
    // Tests are written against the sources and run against what is shipped: workers need real files.
    alias: [{ find: /^(?:\.\.\/)+src\//, replacement: dist }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // A signal in one test file then fails that file, and not the run.
    pool: 'forks',
    // Much of the suite waits for processes: on two cores, two files at a time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/support/closing-line.mjs'],
  },
});
