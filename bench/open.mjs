/** Isolates: opening. A clean log of 1,000 segments; and recovery of an unflushed tail of 1 GiB. */
import { spawnSync } from 'node:child_process';
import { ControlFile } from '../dist/control/control-file.js';
import { openAppender, openReader } from '../dist/index.js';
import { surveyLog } from '../dist/recovery/survey.js';
import { GiB, freshPath, median, seconds, settle, title, warmPageCache } from './harness.mjs';

title('open');
warmPageCache(3 * GiB);
await openMany();
await recoverTail();

async function openMany() {
  const path = freshPath('many');
  const options = {
    segmentSizeBytes: 16384,
    maintenance: false,
    flush: 'none',
    commit: { bytes: 65536 },
  };
  const filling = openAppender(path, options);
  const payload = Buffer.alloc(6000, 1);
  while (filling.nextOffset < 2000) filling.append(payload);
  await filling.close();
  const appenders = [];
  const readers = [];
  for (let i = 0; i < 7; i++) {
    let appender;
    appenders.push(seconds(() => (appender = openAppender(path, options))));
    await appender.close();
    let reader;
    readers.push(seconds(() => (reader = openReader(path))));
    if (i === 0) console.log(`  ${reader.segments().length} segments`);
    reader.close();
  }
  console.log(
    `  openAppender ${(median(appenders) * 1e3).toFixed(1)} ms, openReader ${(median(readers) * 1e3).toFixed(1)} ms`,
  );
}

async function recoverTail() {
  const path = freshPath('tail');
  const records = Math.floor(GiB / 72);
  const script = `
    import { openAppender } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    const appender = openAppender(${JSON.stringify(path)}, {
      segmentSizeBytes: ${Math.ceil((records * 73) / 4096) * 4096 + 65536}, indexCapacity: ${records},
      commit: { bytes: 65536 }, flush: 'none', maintenance: false });
    const payload = Buffer.alloc(64, 1);
    for (let i = 0; i < ${records}; i++) appender.append(payload);
    process.kill(process.pid, 'SIGKILL');`;
  spawnSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  const walks = [];
  for (let i = 0; i < 5; i++) {
    const control = ControlFile.open(path, 'read');
    let survey;
    walks.push(seconds(() => (survey = surveyLog(path, control))));
    if (i === 0)
      console.log(
        `  tail of ${(survey.tail.position / GiB).toFixed(2)} GiB, ${survey.tail.offset} records`,
      );
    control.close();
  }
  console.log(`  walk with checksums and index: ${median(walks).toFixed(2)} s`);
  settle();
  let appender;
  const whole = seconds(() => (appender = openAppender(path)));
  console.log(`  whole recovery with storing again and sync: ${whole.toFixed(2)} s`);
  await appender.close();
}
