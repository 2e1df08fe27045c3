import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

const made: string[] = [];

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** Path for a log, in a directory of its own that is deleted after the test. The log does not exist. */
export function temporaryLogPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stratalog-'));
  made.push(directory);
  return join(directory, 'log');
}

export function text(payload: Uint8Array): string {
  return Buffer.from(payload).toString();
}

export function bytes(content: string): Uint8Array {
  return Buffer.from(content);
}
