/** An intake against a model of it: whatever a source does, nothing is lost without being counted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capture, encodeEvent, type CaptureEnd, type Rejected } from '../../src/index.js';
import {
  NUMBERED,
  TestSource,
  captureLogPath,
  numbersIn,
  type Numbered,
} from '../support/captures.js';

const SEED = Number(process.env['STRATALOG_SEED'] ?? Date.now() % 2 ** 31);
const EVENT_BYTES = 40;

type Action =
  | { readonly kind: 'append' | 'bytes' | 'wrong' | 'junk' | 'reject' | 'turn' | 'abort' }
  | { readonly kind: 'drop'; readonly count: number; readonly why: string };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom('append' as const, 'bytes' as const).map((kind) => ({ kind })),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('wrong' as const, 'junk' as const, 'reject' as const)
      .map((kind) => ({ kind })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('turn' as const, 'abort' as const).map((kind) => ({ kind })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('drop' as const),
      count: fc.nat(5),
      why: fc.constantFrom('missed ticks', 'overflow', '__proto__'),
    }),
  },
);

const limits = fc.record(
  {
    maxEvents: fc.integer({ min: 1, max: 60 }),
    maxRejects: fc.nat(10),
    maxBytes: fc.integer({ min: 1, max: 2500 }),
  },
  { requiredKeys: [] },
);

interface Limits {
  readonly maxEvents?: number;
  readonly maxRejects?: number;
  readonly maxBytes?: number;
}

/** What has to come of it, told as simply as possible. */
class Model {
  readonly taken: number[] = [];
  readonly dropped = new Map<string, number>();
  rejected = 0;
  ended: CaptureEnd | undefined;
  readonly #limits: Limits;

  constructor(given: Limits) {
    this.#limits = given;
  }

  take(n: number): void {
    if (this.ended !== undefined) return;
    this.taken.push(n);
    const { maxEvents = Infinity, maxBytes = Infinity } = this.#limits;
    // One frame, by hand: the capture commits at its end only.
    const bytes = 64 + this.taken.length * EVENT_BYTES;
    if (this.taken.length >= maxEvents) this.ended = 'events';
    else if (bytes >= maxBytes) this.ended = 'bytes';
  }

  reject(): void {
    if (this.ended !== undefined) return;
    this.rejected++;
    if (this.rejected > (this.#limits.maxRejects ?? Infinity)) this.ended = 'rejects';
  }

  drop(count: number, why: string): void {
    if (count > 0) this.dropped.set(why, (this.dropped.get(why) ?? 0) + count);
  }
}

describe(`an intake (seed ${SEED})`, () => {
  it('counts what a model counts, whatever its source does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 120 }), limits, async (actions, given) => {
        const path = captureLogPath();
        const model = new Model(given);
        const told: Rejected[] = [];
        const user = new AbortController();
        const source = new TestSource(async (intake) => {
          for (const [n, each] of actions.entries()) {
            const origin = { line: n, content: () => Buffer.from(String(n)) };
            switch (each.kind) {
              case 'append':
                intake.append({ n }, origin);
                model.take(n);
                break;
              case 'bytes':
                intake.appendFlatBuffer(encodeEvent(NUMBERED, { n }), origin);
                model.take(n);
                break;
              case 'wrong':
                intake.append({ n: 'x' } as unknown as Numbered, origin);
                model.reject();
                break;
              case 'junk':
                intake.appendFlatBuffer(Buffer.from('junk'), origin);
                model.reject();
                break;
              case 'reject':
                intake.reject('no good', origin);
                model.reject();
                break;
              case 'drop':
                intake.drop(each.count, each.why);
                model.drop(each.count, each.why);
                break;
              case 'turn':
                await new Promise(setImmediate);
                break;
              case 'abort':
                user.abort();
                model.ended ??= 'signal';
                break;
            }
            expect(intake.signal.aborted).toBe(model.ended !== undefined);
          }
        });
        const report = await capture(source, path, {
          ...given,
          commit: 'manual',
          flush: 'none',
          maintenance: false,
          segmentSizeBytes: 16_384,
          signal: user.signal,
          onReject: (rejected) => told.push(rejected),
        });
        expect(report.ended).toBe(model.ended ?? 'source');
        expect(report.events).toBe(model.taken.length);
        expect(report.rejected).toBe(model.rejected);
        expect(told).toHaveLength(model.rejected);
        expect(
          told.every(
            ({ line, content }) => String(line) === String(content && Buffer.from(content)),
          ),
        ).toBe(true);
        expect(new Map(Object.entries(report.dropped))).toEqual(model.dropped);
        expect(report.bytes).toBe(
          model.taken.length === 0 ? 0 : 64 + model.taken.length * EVENT_BYTES,
        );
        expect(numbersIn(path)).toEqual(model.taken);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });
});
