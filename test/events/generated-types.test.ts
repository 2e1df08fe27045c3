/**
 * What the compiler says of events in user's code. `npm run types` is the test of everything marked with
 * `@ts-expect-error`: a mark without an error is an error.
 */
import { describe, expect, it } from 'vitest';
import { compileView } from '../../src/events/view.js';
import {
  openEventReader,
  queryEvents,
  type EventSchema,
  type QueryTable,
} from '../../src/index.js';
import {
  Aggressor,
  ImuFault,
  ImuSample,
  Severity,
  EventEnvelope,
  type EventEnvelopeView,
  type ImuSampleView,
  type LogLine,
  type MarketTick,
  type SensorReading,
  SystemMetric,
  type SystemMetricView,
} from '../../src/schemas.js';
import { Flatc } from '../support/flatc.js';

const vector = { x: 0, y: 0, z: 9.81 };
const id = { bytes: new Uint8Array(16) };
const envelope = { id, stream: 'account-1', version: 1n, time_ns: 1 };

/** Compiled, not run. */
export async function ask(): Promise<QueryTable> {
  const reader = openEventReader('x', { schema: EventEnvelope });
  return (await queryEvents(reader, { groupBy: ['event_type'] })).value;
}

describe('types of events', () => {
  it('accept what can be encoded', () => {
    const samples: ImuSample[] = [
      { acceleration: vector, rotation: vector },
      { acceleration: vector, rotation: vector, temperature: null, magnetic_field: undefined },
      { acceleration: vector, rotation: vector, time_ns: 1n, temperature: 21.5 },
      { acceleration: vector, rotation: vector, faults: 'SamplesLost' },
      { acceleration: vector, rotation: vector, faults: 'AccelerationSaturated SamplesLost' },
      { acceleration: vector, rotation: vector, faults: ImuFault.SamplesLost | 1 },
    ];
    const readings: SensorReading[] = [{}, { time_ns: 1, sensor: 7, value: 21.5 }];
    const ticks: MarketTick[] = [
      { kind: 'Bid', aggressor: Aggressor.Buyer, price: 1_250_000_000, quantity: 2n ** 63n },
    ];
    const metrics: SystemMetric[] = [
      { name: 'cpu.time', kind: 'Counter', labels: [{ key: 'cpu', value: '3' }] },
    ];
    const lines: LogLine[] = [
      { message: 'Started', severity: 'Info' },
      { message: '', severity: Severity.Warn, process: null },
      // Four grades of each severity: 10 is one without a name.
      {
        message: '',
        severity: 10,
        trace: { trace_id: id.bytes, span_id: [1, 2, 3, 4, 5, 6, 7, 8] },
      },
    ];
    const envelopes: EventEnvelope[] = [
      { ...envelope, event_type: 'AccountClosed', event: {} },
      { ...envelope, event_type: 'AccountOpened', event: { owner: 'Ada', currency: 'EUR' } },
    ];
    expect([samples, readings, ticks, metrics, lines, envelopes].flat().length).toBe(15);
  });

  it('tell a union by the name of its member', () => {
    const event: EventEnvelope = {
      ...envelope,
      event_type: 'MoneyDeposited',
      event: { amount: 1250 },
    };
    expect(amountOf(event)).toBe(1250);
  });

  it('let one object be filled for every event', () => {
    const reading: SensorReading = { sensor: 7 };
    reading.value = 21.5;
    reading.time_ns = 1n;
    expect(reading).toEqual({ sensor: 7, value: 21.5, time_ns: 1n });
  });

  it('of different schemas are different', () => {
    const schema: EventSchema<ImuSample> = ImuSample;
    // @ts-expect-error: of another event
    const other: EventSchema<LogLine> = ImuSample;
    expect(schema).toBe(other);
  });
});

describe('types of views', () => {
  it('are what views have', async () => {
    const flatc = await Flatc.start();
    const shown = <E, V>(schema: EventSchema<E, V>, event: object) =>
      new (compileView(schema))().$read(flatc.encode(schema.bytes, JSON.stringify(event)));
    const sample = shown(ImuSample, { acceleration: vector, rotation: vector });
    const { time_ns, temperature, magnetic_field, rotation, faults } = sample;
    expect([time_ns, temperature, magnetic_field]).toEqual([0, null, undefined]);
    expect([rotation.z, faults]).toEqual([9.81, 0]);
    const labels = [{ key: 'cpu', value: '3' }];
    const metric = shown(SystemMetric, { name: 'cpu.time', kind: 'Counter', labels });
    expect([metric.name, metric.host, metric.kind]).toEqual(['cpu.time', undefined, 'Counter']);
    expect([metric.labels?.length, metric.labels?.at(0)?.key]).toEqual([1, 'cpu']);
    const bytes = Array.from({ length: 16 }, (_, i) => i);
    const event = {
      id: { bytes },
      stream: 'a',
      event_type: 'MoneyDeposited',
      event: { amount: 5 },
    };
    const deposited = shown(EventEnvelope, event);
    expect([deposited.id.bytes, deposited.cause]).toEqual([Uint8Array.from(bytes), undefined]);
    expect(deposited.event_type === 'MoneyDeposited' && deposited.event.amount).toBe(5);
    expect(deposited.event?.$bigint('amount')).toBe(5n);
  });
});

function amountOf(event: EventEnvelope): number | bigint | undefined {
  if (event.event_type === 'MoneyDeposited') return event.event.amount;
  // @ts-expect-error: not all other events have this field
  return event.event.owner;
}

/** Never called, as what follows: they are for the compiler alone. */
export function read(
  sample: ImuSampleView,
  metric: SystemMetricView,
  event: EventEnvelopeView,
): unknown {
  const time: number = sample.time_ns;
  const wide: bigint | null = sample.$bigint('time_ns');
  const temperature: number | null = sample.temperature;
  const field: number | undefined = sample.magnetic_field?.x;
  const faults: ImuFault | number = sample.faults;
  const labels: string[] = [...(metric.labels ?? [])].map(({ key, value }) => key + value);
  const last: string | undefined = metric.labels?.at(-1)?.key;
  const bytes: Uint8Array = event.id.bytes;
  const amount = event.event_type === 'MoneyDeposited' ? event.event.amount : 0;
  // @ts-expect-error: not all events have a reason
  const reason: string | undefined = event.event?.reason;
  // @ts-expect-error: null if it was not measured
  const warm: number = temperature;
  // @ts-expect-error: views are for reading
  sample.time_ns = 1;
  // @ts-expect-error: unknown field
  const unknown: unknown = sample.timeNs;
  // @ts-expect-error: it may be left out
  const host: string = metric.host;
  return { time, wide, field, faults, labels, last, bytes, amount, reason, warm, unknown, host };
}

export function refused(): unknown[] {
  const both = { acceleration: vector, rotation: vector };
  const samples: ImuSample[] = [
    // @ts-expect-error: a required field is missing
    { acceleration: vector },
    // @ts-expect-error: a required field may not be null
    { acceleration: null, rotation: vector },
    // @ts-expect-error: unknown field
    { ...both, temprature: 21.5 },
    // @ts-expect-error: names are those of the schema
    { ...both, timeNs: 1 },
    // @ts-expect-error: text instead of a number
    { ...both, sensor: '7' },
    // @ts-expect-error: a double is no bigint
    { ...both, temperature: 21n },
    // @ts-expect-error: only scalars that are null by default may be null
    { ...both, sensor: null },
    // @ts-expect-error: a struct has all its fields
    { acceleration: { x: 0, y: 0 }, rotation: vector },
    // @ts-expect-error: a struct has no other fields
    { acceleration: { x: 0, y: 0, z: 0, w: 0 }, rotation: vector },
    // @ts-expect-error: unknown flag
    { ...both, faults: 'Broken' },
  ];
  const ticks: MarketTick[] = [
    // @ts-expect-error: unknown name of an enum
    { kind: 'Sale' },
    // @ts-expect-error: an enum that is no set of flags has one name
    { kind: 'Bid Ask' },
  ];
  const metrics: SystemMetric[] = [
    // @ts-expect-error: a vector of tables
    { name: 'cpu.time', labels: { key: 'cpu', value: '3' } },
    // @ts-expect-error: a table in a vector has required fields too
    { name: 'cpu.time', labels: [{ key: 'cpu' }] },
    // @ts-expect-error: a text is no vector
    { name: 'cpu.time', labels: 'cpu=3' },
  ];
  const lines: LogLine[] = [
    // @ts-expect-error: bytes are numbers
    { message: '', trace: { trace_id: 'abc', span_id: [] } },
  ];
  const envelopes: EventEnvelope[] = [
    // @ts-expect-error: a required union is missing
    envelope,
    // @ts-expect-error: the member is not named
    { ...envelope, event: { reason: 'moved' } },
    // @ts-expect-error: unknown member
    { ...envelope, event_type: 'AccountFrozen', event: {} },
    // @ts-expect-error: a member that is not the named one
    { ...envelope, event_type: 'AccountOpened', event: { amount: 1250 } },
    // @ts-expect-error: unknown field of a member
    { ...envelope, event_type: 'AccountClosed', event: { raison: 'moved' } },
    // @ts-expect-error: unknown field beside a union
    { ...envelope, event_type: 'AccountClosed', event: {}, who: 'Ada' },
  ];
  return [samples, ticks, metrics, lines, envelopes];
}
