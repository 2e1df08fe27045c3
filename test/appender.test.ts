import { describe, expect, it } from 'vitest';
import { openAppender, openReader } from '../src/index.js';
import { bytes, temporaryLogPath, text } from './support/temporary-log.js';

describe('append', () => {
  it('returns offsets from 0 on, and a reader sees each record at once', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    const reader = openReader(path);
    for (let i = 0; i < 10; i++) expect(appender.append(bytes(`record ${i}`))).toBe(i);
    for (let i = 0; i < 10; i++) expect(text(reader.get(i).payload)).toBe(`record ${i}`);
    await appender.close();
    reader.close();
  });
});
