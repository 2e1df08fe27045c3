import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { verifyLog } from '../src/index.js';
import { temporaryLogPath } from './support/temporary-log.js';

const fixture = fileURLToPath(new URL('fixtures/append-and-close.mjs', import.meta.url));

describe('close', () => {
  it('keeps the process until it is done, though the maintenance thread still reports rolls', () => {
    const path = temporaryLogPath();
    const output = execFileSync(process.execPath, [fixture, path], { encoding: 'utf8' });
    expect(output).toBe('closed\n');
    expect(verifyLog(path)).toMatchObject({ isIntact: true, isClosed: true, records: 20_000 });
  });
});
