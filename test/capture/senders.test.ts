import { describe, expect, it } from 'vitest';
import { Allowance } from '../../src/capture/net/allowance.js';
import { SenderTable } from '../../src/capture/net/senders.js';
import { range } from '../support/logs.js';

describe('an allowance', () => {
  it("lets a second's worth of events through at once, and then as many as time allows", () => {
    const allowance = new Allowance({ maxEventsPerSecond: 10 }, 0);
    const taken = (nowMs: number): number =>
      range(0, 100).filter(() => allowance.take(1, nowMs)).length;
    expect(taken(0)).toBe(10);
    expect(taken(99)).toBe(0);
    expect(taken(100)).toBe(1);
    expect(taken(500)).toBe(4);
    expect(taken(60_000)).toBe(10);
    // A clock that stands still, or goes back, gives nothing.
    expect(taken(59_000)).toBe(0);
  });

  it('lets a large event through when it is not empty, and makes what follows wait for it', () => {
    const allowance = new Allowance({ maxBytesPerSecond: 1000 }, 0);
    expect(allowance.take(3000, 0)).toBe(true);
    expect(allowance.take(1, 1999)).toBe(false);
    expect(allowance.delayMs(1999)).toBeCloseTo(2);
    expect(allowance.take(1, 2001)).toBe(true);
  });

  it('says how long what was taken on credit has to be waited for', () => {
    const allowance = new Allowance({ maxEventsPerSecond: 100, maxBytesPerSecond: 1000 }, 0);
    expect(allowance.delayMs(0)).toBe(0);
    allowance.charge(300, 500);
    expect(allowance.delayMs(0)).toBeCloseTo(2010);
    allowance.charge(0, 5500);
    expect(allowance.delayMs(0)).toBeCloseTo(5001);
    expect(allowance.delayMs(5001)).toBe(0);
  });
});

describe('the table of senders', () => {
  it('finds each again, by address and port', () => {
    const table = new SenderTable({});
    const senders = ['a', 'b'].flatMap((address) => [1, 2].map((port) => table.of(address, port)));
    expect(new Set(senders).size).toBe(4);
    expect(table.of('a', 2)).toBe(senders[1]);
    expect(table.of('b', 1)).toBe(senders[2]);
    expect(table.of('b', 1).name).toBe('b:1');
    expect(table.report()).toMatchObject({ seen: 4, forgotten: 0 });
  });

  it('takes all ports of an address for one sender, if told so', () => {
    const table = new SenderTable({ sender: 'address' });
    expect(table.of('a', 1)).toBe(table.of('a', 2));
    expect(table.of('a', 1).name).toBe('a');
  });

  it('forgets the one that has been silent longest', () => {
    const table = new SenderTable({ maxSenders: 3 });
    const [one, two, three] = [table.of('a', 1), table.of('a', 2), table.of('b', 3)];
    table.of('a', 1);
    table.of('c', 4);
    expect(table.of('a', 1)).toBe(one);
    expect(table.of('b', 3)).toBe(three);
    expect(table.of('a', 2)).not.toBe(two);
    expect(table.report()).toMatchObject({ seen: 5, forgotten: 2 });
  });

  it('keeps its order, whoever sends next', () => {
    const table = new SenderTable({ maxSenders: 8 });
    let order: number[] = [];
    for (let i = 0; i < 5000; i++) {
      const port = 1 + ((i * i * 7 + (i >> 3)) % 13);
      const isKnown = order.includes(port);
      const seen = table.report().seen;
      table.of('a', port).events++;
      expect(table.report().seen).toBe(isKnown ? seen : seen + 1);
      order = [port, ...order.filter((each) => each !== port)].slice(0, 8);
    }
  });
});
