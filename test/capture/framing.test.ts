import { array, assert, boolean, nat, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LengthSplitter, LineSplitter } from '../../src/index.js';
import { framed } from '../support/cli.js';

describe('records in a stream', () => {
  it('splits any input alike, wherever its chunks end', () => {
    const line = uint8Array({ maxLength: 12 }).map((l) => l.filter((byte) => byte !== 10));
    assert(
      property(array(line), array(nat(40)), boolean(), (records, cuts, prefixed) => {
        const input = prefixed
          ? framed(records)
          : Buffer.concat(records.flatMap((record) => [record, Buffer.of(10)]));
        const found: Buffer[] = [];
        const take = (record: Uint8Array): void => void found.push(Buffer.from(record));
        const splitter = prefixed
          ? new LengthSplitter(take, { maxBytes: 64 })
          : new LineSplitter(take, { maxBytes: 64 });
        let at = 0;
        for (const cut of cuts) {
          splitter.push(input.subarray(at, at + cut));
          at = Math.min(input.length, at + cut);
        }
        splitter.push(input.subarray(at));
        splitter.end();
        expect(found).toEqual(records.map((record) => Buffer.from(record)));
      }),
    );
  });
});
