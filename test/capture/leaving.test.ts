import { describe, expect, it } from 'vitest';
import { runFixture } from '../support/fixtures.js';
import { temporaryLogPath } from '../support/temporary-log.js';

describe('nothing keeps a process', () => {
  it.each([
    ['source', 'source'],
    ['duration', 'duration'],
    ['events', 'events'],
    ['budget', 'source'],
    ['failure', 'Capture from fixture failed after 0 events: run'],
    ['failure to open', 'open'],
    ['failure to close', 'Capture from fixture failed after 0 events: close'],
  ])('after a capture that has ended by %s', async (how, outcome) => {
    // With a timer of a day left, this would not come back.
    const { code, result } = await runFixture('capture-and-end', [temporaryLogPath(), how]);
    expect({ code, result }).toEqual({ code: 0, result: outcome });
  });
});
