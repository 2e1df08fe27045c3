/** Runs every bench, or those named, one after the other, each in a process of its own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ALL = [
  'checksum',
  'append',
  'events',
  'intake',
  'commit-each',
  'sustained',
  'flush',
  'scan',
  'parallel-scan',
  'verify',
  'get',
  'columns',
  'allocation',
  'open',
  'hand-over',
  'idle',
  'paced',
  'followers',
  'query',
  'capture-system',
  'plot',
  'export',
  'serve',
  'capture-udp',
  'formats',
  'capture',
  'peers',
];
const named = process.argv.slice(2);
for (const name of named.length > 0 ? named : ALL) {
  const file = fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
