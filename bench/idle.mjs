/**
 * Isolates: processor time of a process with 1,000 tailers that wait on its event loop, all threads of
 * the process counted, while nothing comes. Beside it the same process before they wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openAppender, openReader } from '../dist/index.js';
import { freshPath, title } from './harness.mjs';

const TAILERS = 1000;
const SECONDS = 5;

async function cpuShare() {
  await sleep(500);
  const before = process.cpuUsage();
  await sleep(SECONDS * 1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (SECONDS * 1e6);
}

function show(name, share) {
  console.log(`  ${name.padEnd(44)} ${(100 * share).toFixed(3)} % of a core`);
}

title(`${TAILERS} idle tailers on an event loop`);
const path = freshPath('idle');
const appender = openAppender(path, { flush: 'none', maintenance: false });
const reader = openReader(path);
show('before', await cpuShare());
const waiting = Array.from({ length: TAILERS }, () => reader.tailer().nextAsync());
show('while they wait', await cpuShare());
appender.append(Buffer.alloc(8));
const woken = (await Promise.all(waiting)).filter(Boolean).length;
console.log(`  one record has woken ${woken} of them`);
reader.close();
await appender.close();
