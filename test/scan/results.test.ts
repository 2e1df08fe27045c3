import { describe, expect, it } from 'vitest';
import { ScanError, openAppender, scan, type ScanOptions } from '../../src/index.js';
import { collectGarbage } from '../support/garbage.js';
import { contentOf, rejectionOf } from '../support/logs.js';
import { functions, numberedLog } from '../support/scans.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const options: ScanOptions = { module: functions, name: 'result', workers: 1 };

async function resultOf(kind: string): Promise<unknown> {
  const log = await numberedLog(1, 16);
  const { value } = await scan(log, { ...options, args: { kind } });
  return value[0];
}

describe('a result', () => {
  it('may be whatever structured cloning takes', async () => {
    expect(await resultOf('map')).toEqual(new Map([[1, new Set([2n])]]));
    expect(await resultOf('nothing')).toBeUndefined();
    const shared = (await resultOf('shared')) as Int32Array;
    expect(shared.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('that is a view of the log is copied, and not with the whole segment', async () => {
    const payload = (await resultOf('payload')) as Uint8Array;
    expect(payload).toEqual(contentOf(0, 16));
    expect(payload.buffer.byteLength).toBe(16);
    const floats = (await resultOf('floats')) as Float64Array;
    expect(floats).toEqual(new Float64Array(contentOf(0, 16).buffer));
    expect(floats.buffer.byteLength).toBe(16);
    const buffer = (await resultOf('buffer')) as Uint8Array;
    expect([...buffer]).toEqual([...contentOf(0, 3)]);
    expect(buffer.buffer.byteLength).toBe(3);
    const moved = (await resultOf('moved payload')) as Uint8Array;
    expect(moved).toEqual(contentOf(0, 16));
  });

  it('that is wrapped by move is moved', async () => {
    const log = await numberedLog(2, 16, { commit: 'each' });
    const kinds = ['moved', 'length of what was moved before'];
    const { value } = await scan(log, {
      ...options,
      pieceBytes: 88,
      module: new URL(
        'data:text/javascript,' +
          encodeURIComponent(
            `import { result } from ${JSON.stringify(new URL(`file://${functions}`))};` +
              `const kinds = ${JSON.stringify(kinds)};` +
              'export const next = (cursor, args, { index }) => result(cursor, { kind: kinds[index] });',
          ),
      ),
      name: 'next',
    });
    expect(value[0]).toEqual(new Uint8Array(1_000_000).fill(7));
    // What was moved away has left nothing behind in its thread.
    expect(value[1]).toBe(0);
  });

  it.each(['function', 'nested function'])('that cannot be sent (%s) is an error', async (kind) => {
    const error = await rejectionOf(resultOf(kind));
    expect(error).toBeInstanceOf(ScanError);
    expect(error).toMatchObject({ cause: { name: 'TypeError' }, piece: { index: 0 } });
    expect(String(error)).toMatch(
      /Cannot send the result to another thread: .*could not be cloned/,
    );
  });

  it('that has been reduced is not kept until the end of the scan', async () => {
    const log = await numberedLog(1000, 200);
    const results: WeakRef<object>[] = [];
    let kept: number | undefined;
    await scan<number, object>(log, {
      ...options,
      pieceBytes: 5000,
      args: { kind: 'map' },
      initial: 0,
      reduce: (count, part) => {
        results.push(new WeakRef(part));
        if (count === 30) {
          collectGarbage();
          kept = results.slice(0, 10).filter((result) => result.deref() !== undefined).length;
        }
        return count + 1;
      },
    });
    expect(kept).toBe(0);
  });

  it('keeps what the function has kept of the log, until its thread ends', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path, { maintenance: false });
    appender.append(contentOf(0, 16));
    await appender.close();
    const args = { kind: 'payload that was kept' };
    expect((await scan(path, { ...options, args })).value).toEqual([16]);
  });
});
