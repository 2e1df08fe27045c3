import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  capture,
  ListenError,
  tcpSource,
  type CaptureOptions,
  type ListeningAddress,
  type PlainEvent,
  type TcpSourceOptions,
} from '../../src/index.js';
import {
  NOTE,
  RunningCapture,
  ScriptedIntake,
  connected,
  frames,
  lines,
  noteBytes,
  numbersBySender,
  until,
} from '../support/network-captures.js';
import { framed } from '../support/cli.js';
import { SMALL_SEGMENT_BYTES, range, rejectionOf } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

function start(
  options: TcpSourceOptions = {},
  capturing: CaptureOptions<PlainEvent> = {},
): Promise<RunningCapture> {
  return RunningCapture.start((listening) => tcpSource({ ...options, ...listening }), capturing);
}

/** A source that gives to an intake that does as it is told. */
class Scripted {
  readonly intake = new ScriptedIntake();
  readonly source;
  address: ListeningAddress = { host: '', port: 0 };
  running: Promise<void> = Promise.resolve();

  constructor(options: TcpSourceOptions) {
    const onListening = (address: ListeningAddress): void => void (this.address = address);
    this.source = tcpSource({ onListening, ...options });
  }

  async start(): Promise<this> {
    await this.source.open?.(NOTE, this.intake.signal);
    this.running = this.source.run(this.intake);
    return this;
  }

  async end(): Promise<Readonly<Record<string, unknown>>> {
    this.intake.end();
    await this.running;
    await this.source.close?.();
    return this.source.report?.() ?? {};
  }
}

function openSockets(): number {
  const names = ['TCPServerWrap', 'TCPSocketWrap'];
  return process.getActiveResourcesInfo().filter((name) => names.includes(name)).length;
}

/** Sends the last of it, and waits until the other side has closed, too. */
async function ended(socket: Socket, last: Uint8Array | string = ''): Promise<void> {
  socket.resume();
  socket.end(last);
  await once(socket, 'close');
}

describe('tcpSource()', () => {
  it('takes the events of many connections, each in its order', async () => {
    const running = await start();
    const sockets = await Promise.all(range(0, 20).map(() => connected(running.address)));
    await Promise.all(sockets.map((socket, sender) => ended(socket, frames(sender, 500))));
    const { events, rejected, dropped, details } = await running.end();
    expect({ events, rejected, dropped }).toEqual({ events: 10_000, rejected: 0, dropped: {} });
    const numbers = numbersBySender(running.events());
    for (const sender of sockets.keys()) expect(numbers.get(sender)).toEqual(range(0, 500));
    const expected = { messages: 10_000, connections: 20, brokenConnections: 0, openAtEnd: 0 };
    expect(details).toMatchObject({ ...expected, unfinished: 0, senders: { seen: 20 } });
  });

  it('takes frames wherever they are cut', async () => {
    const running = await start();
    const socket = await connected(running.address);
    socket.setNoDelay(true);
    const bytes = frames(1, 30);
    for (let at = 0; at < bytes.length; at += 7) {
      socket.write(bytes.subarray(at, at + 7));
      await new Promise(setImmediate);
    }
    await ended(socket);
    const { events, rejected } = await running.end();
    expect({ events, rejected }).toEqual({ events: 30, rejected: 0 });
  });

  it('takes lines of JSON, the last one without a newline, and passes over empty ones', async () => {
    const running = await start({ framing: 'lines' });
    const socket = await connected(running.address);
    await ended(socket, `${lines(0, 2)}\n\r\n{"sender": 0, "n": 2}\r\n{"sender": 0, "n": 3}`);
    await running.end();
    expect(running.events().map(({ n }) => n)).toEqual([0, 1, 2, 3]);
    expect(running.rejects).toEqual([]);
  });

  it('goes on behind a line that is no event, or too long', async () => {
    const running = await start({ framing: 'lines', maxMessageBytes: 100 });
    const socket = await connected(running.address);
    const from = `(from 127.0.0.1:${socket.localPort})`;
    const long = `{"text": "${'x'.repeat(200_000)}"}\n`;
    await ended(socket, `${lines(0, 1)}not json\n${long}{"sender": 0, "n": 1}\n`);
    await running.end();
    expect(running.events().map(({ n }) => n)).toEqual([0, 1]);
    const [notJson, tooLong, ...others] = running.rejects;
    expect(notJson).toMatchObject({ line: 2, reason: expect.stringMatching(/JSON/) as string });
    expect(notJson?.reason).toContain(from);
    expect(tooLong?.reason).toBe(`A line has more than 100 bytes ${from}`);
    expect(others).toEqual([]);
  });

  it('takes frames of JSON', async () => {
    const running = await start({ format: 'json' });
    const socket = await connected(running.address);
    await ended(socket, framed([Buffer.from('{"sender": 5, "n": 6}')]));
    await running.end();
    expect(running.events()).toEqual([{ sender: 5, n: 6 }]);
  });

  it('rejects messages that are empty, no event, or too large for the log, and goes on', async () => {
    const running = await start({}, { segmentSizeBytes: SMALL_SEGMENT_BYTES });
    const socket = await connected(running.address);
    const large = noteBytes(0, 1, 'x'.repeat(20_000));
    const messages = [new Uint8Array(0), Buffer.from('no event at all'), large, noteBytes(0, 2)];
    await ended(socket, framed(messages));
    const { events, rejected, details } = await running.end();
    expect({ events, rejected }).toEqual({ events: 1, rejected: 3 });
    expect(details).toMatchObject({ messages: 4, brokenConnections: 0 });
    expect(running.rejects.map(({ line }) => line)).toEqual([1, 2, 3]);
    expect(running.rejects[0]?.reason).toMatch(/^An empty message \(from 127\.0\.0\.1:\d+\)$/);
    expect(running.rejects[2]?.content).toEqual(new Uint8Array(large));
  });

  it('ends a connection whose lengths are nonsense, and no other', async () => {
    const running = await start();
    const [good, bad] = [await connected(running.address), await connected(running.address)];
    good.write(frames(0, 10));
    bad.resume();
    bad.write(Buffer.concat([frames(1, 3), Buffer.from('GET / HTTP/1.1\r\n\r\n')]));
    await once(bad, 'close');
    await ended(good, frames(2, 10));
    const { events, rejected, details } = await running.end();
    expect({ events, rejected }).toEqual({ events: 23, rejected: 1 });
    expect(details).toMatchObject({ connections: 2, brokenConnections: 1 });
    expect(running.rejects[0]?.reason).toMatch(
      /length prefix of 542,393,671 bytes; the largest message that is taken has 1,048,576 /,
    );
  });

  it.each([
    ['length prefix', 2],
    ['message', 20],
  ])('rejects what ends within a %s', async (_, bytes) => {
    const running = await start();
    const socket = await connected(running.address);
    await ended(socket, Buffer.concat([frames(0, 5), frames(0, 1).subarray(0, bytes)]));
    const { events, rejected, details } = await running.end();
    expect({ events, rejected }).toEqual({ events: 5, rejected: 1 });
    expect(details).toMatchObject({ brokenConnections: 1, unfinished: 0 });
    expect(running.rejects[0]).toMatchObject({ line: 6 });
    expect(running.rejects[0]?.reason).toMatch(/^The input ends inside record 6/);
  });

  it('has what a connection sent before it was reset, and goes on with others', async () => {
    const running = await start();
    const [reset, other] = [await connected(running.address), await connected(running.address)];
    reset.write(Buffer.concat([frames(0, 5), frames(0, 1).subarray(0, 9)]));
    await until(() => running.details['messages'] === 5);
    reset.resetAndDestroy();
    await until(() => running.details['brokenConnections'] === 1);
    await ended(other, frames(1, 5));
    const { events, rejected } = await running.end();
    expect({ events, rejected }).toEqual({ events: 10, rejected: 1 });
    expect(running.rejects[0]?.reason).toMatch(/^The connection broke off 9 bytes into a message/);
  });

  it('takes what comes over a connection that is open in one direction only', async () => {
    const running = await start();
    const socket = await connected(running.address, true);
    socket.end(frames(0, 3));
    await until(() => running.details['messages'] === 3);
    const { details } = await running.end();
    expect(details).toMatchObject({ connections: 1, openAtEnd: 0, brokenConnections: 0 });
    expect(running.rejects).toEqual([]);
  });

  it('is not kept from others by those that send a byte now and then', async () => {
    const running = await start();
    const slow = await Promise.all(range(0, 10).map(() => connected(running.address)));
    const [frame] = [frames(9, 1)];
    for (let at = 0; at < 6; at++) {
      for (const socket of slow) socket.write(frame.subarray(at, at + 1));
      const other = await connected(running.address);
      await ended(other, frames(at, 10));
    }
    const { events, rejected, details } = await running.end();
    expect({ events, rejected }).toEqual({ events: 60, rejected: 0 });
    expect(details).toMatchObject({ openAtEnd: 10, unfinished: 10 });
  });

  it('ends connections that send no whole message for too long', async () => {
    const running = await start({ idleTimeoutMs: 30 });
    const silent = await connected(running.address);
    const partial = await connected(running.address);
    partial.write(frames(0, 1).subarray(0, 10));
    silent.resume();
    partial.resume();
    await Promise.all([once(silent, 'close'), once(partial, 'close')]);
    const { rejected, details } = await running.end();
    expect(rejected).toBe(2);
    expect(details).toMatchObject({ brokenConnections: 2, openAtEnd: 0 });
    expect(running.rejects[0]?.reason).toMatch(/^No whole message has come for 30 ms/);
  });

  it('refuses more connections than it may have, and counts them', async () => {
    const running = await start({ maxConnections: 2 });
    const kept = [await connected(running.address), await connected(running.address)];
    const refused = await connected(running.address);
    refused.resume();
    await once(refused, 'close');
    for (const [sender, socket] of kept.entries()) await ended(socket, frames(sender, 5));
    const another = await connected(running.address);
    await ended(another, frames(2, 5));
    const { events, details } = await running.end();
    expect(events).toBe(15);
    expect(details).toMatchObject({ connections: 3, refusedConnections: 1 });
  });

  it('slows down a sender that is beyond its limit, and drops nothing', async () => {
    const running = await start({ maxEventsPerSecond: 1000 });
    const [fast, other] = [await connected(running.address), await connected(running.address)];
    const fastEnded = ended(fast, frames(0, 1400));
    await ended(other, frames(1, 10));
    await fastEnded;
    const { events, dropped, rejected, elapsedMs, details } = await running.end();
    expect({ events, dropped, rejected }).toEqual({ events: 1410, dropped: {}, rejected: 0 });
    expect(details['limitWaits']).toBeGreaterThan(0);
    // 1000 at once, and the others behind them; they may wait longer than that.
    expect(elapsedMs).toBeGreaterThan(200);
    expect(numbersBySender(running.events()).get(0)).toEqual(range(0, 1400));
  });

  it('takes all connections of an address for one sender, if told so', async () => {
    const running = await start({ sender: 'address', maxBytesPerSecond: 100_000 });
    const sockets = await Promise.all(range(0, 4).map(() => connected(running.address)));
    await Promise.all(sockets.map((socket, sender) => ended(socket, frames(sender, 800))));
    const { events, details } = await running.end();
    expect(events).toBe(3200);
    expect(details).toMatchObject({ senders: { seen: 1, top: [{ sender: '127.0.0.1' }] } });
    expect(details['limitWaits']).toBeGreaterThan(0);
  });

  it('reads nothing while the log is full, and goes on where it stopped', async () => {
    const scripted = await new Scripted({}).start();
    const { intake, address } = scripted;
    intake.makeRoom(100);
    const sockets = await Promise.all(range(0, 3).map(() => connected(address)));
    const endings = sockets.map((socket, sender) => ended(socket, frames(sender, 20_000)));
    await until(() => intake.isFull);
    // Whoever would read on had the time for it.
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    const frameBytes = frames(0, 1).length;
    expect(intake.givenWhileFull).toBeLessThanOrEqual(8192 / frameBytes);
    expect(intake.taken.length).toBe(100 + intake.givenWhileFull);
    for (let room = 0; room < 20; room++) {
      intake.makeRoom(100);
      await until(() => intake.isFull);
    }
    intake.makeRoom();
    await Promise.all(endings);
    const report = await scripted.end();
    expect(intake.taken.length).toBe(60_000);
    expect(intake.rejects).toEqual([]);
    expect(report).toMatchObject({ messages: 60_000, unfinished: 0 });
  });

  it('keeps a connection, and counts it, until what it has sent is taken', async () => {
    const scripted = await new Scripted({ maxConnections: 1 }).start();
    const { intake, address } = scripted;
    intake.makeRoom(1);
    const socket = await connected(address);
    const ending = ended(socket, frames(0, 1000));
    await until(() => intake.isFull);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(socket.closed).toBe(false);
    const refused = await connected(address);
    await closedByPeer(refused);
    intake.makeRoom();
    await ending;
    await ended(await connected(address), frames(1, 1));
    expect(await scripted.end()).toMatchObject({
      messages: 1001,
      connections: 2,
      refusedConnections: 1,
    });
  });

  it('takes turns, so that one that floods does not keep others waiting', async () => {
    const scripted = await new Scripted({}).start();
    const { intake, address } = scripted;
    const [flooder, other] = [await connected(address), await connected(address)];
    const [flood, single] = [frames(0, 200_000), frames(1, 1)];
    intake.makeRoom(1);
    flooder.write(flood);
    await until(() => intake.isFull);
    // The kernel's buffers fill meanwhile.
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    const before = intake.taken.length;
    intake.makeRoom();
    other.write(single);
    const placeOfOthers = (): number =>
      intake.taken.findIndex((bytes) => Buffer.compare(bytes, single.subarray(4)) === 0);
    await until(() => placeOfOthers() >= 0);
    // A turn is 64 KiB; megabytes lie ready.
    expect(placeOfOthers() - before).toBeLessThan((1.5 * 65_536) / single.length);
    await until(() => intake.taken.length === 200_001);
    await scripted.end();
  });

  it('has what has been read when it ends, and says what was unfinished', async () => {
    const running = await start();
    const sockets = await Promise.all(range(0, 5).map(() => connected(running.address)));
    await until(() => running.details['connections'] === 5);
    const half = frames(0, 1).subarray(0, 10);
    for (const [sender, socket] of sockets.entries()) {
      socket.write(Buffer.concat([frames(sender, 2000), half]));
    }
    const { events, rejected, dropped, details } = await running.end();
    expect({ events, rejected, dropped }).toEqual({ events: 10_000, rejected: 0, dropped: {} });
    expect(details).toMatchObject({ openAtEnd: 5, unfinished: 5, brokenConnections: 0 });
    await Promise.all(sockets.map((socket) => closedByPeer(socket)));
  });

  it('ends while somebody goes on sending', async () => {
    const running = await start();
    const socket = await connected(running.address);
    const bytes = frames(0, 1000);
    const sendOn = (): void => {
      if (!socket.destroyed) socket.write(bytes, () => setImmediate(sendOn));
    };
    sendOn();
    await until(() => (running.details['messages'] ?? 0) > 5000);
    const { events, rejected, details } = await running.end();
    expect(rejected).toBe(0);
    expect(details['messages']).toBe(events);
    const numbers = running.events().map(({ n }) => n);
    expect(numbers).toEqual(range(0, events).map((i) => i % 1000));
  });

  it('ends while a sender waits for its limit, with all that has been read', async () => {
    const running = await start({ maxEventsPerSecond: 1 });
    const socket = await connected(running.address);
    socket.write(frames(0, 2000));
    await until(() => (running.details['limitWaits'] ?? 0) > 0);
    const { events, rejected, details } = await running.end();
    expect(rejected).toBe(0);
    expect(events).toBe(details['messages']);
    // The limit has let 8 KiB through; 64 had been read.
    expect(events).toBeGreaterThan(1000);
    expect(running.events().map(({ n }) => n)).toEqual(range(0, events));
    await until(() => openSockets() <= 1);
  });

  it('has what was read of a connection that was reset while it waited', async () => {
    const scripted = await new Scripted({}).start();
    const { intake, address } = scripted;
    intake.makeRoom(1);
    const socket = await connected(address);
    const all = frames(0, 410);
    const begun = 400 * frames(0, 1).length;
    socket.write(all.subarray(0, begun));
    await until(() => intake.isFull);
    // Little enough that it is still read, but given to nobody.
    socket.write(all.subarray(begun));
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    socket.resetAndDestroy();
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    intake.makeRoom();
    await until(() => scripted.source.report?.()['messages'] === 410);
    await scripted.end();
    const numbers = intake.taken.map((bytes) => Buffer.from(bytes).toString('hex'));
    const expected = range(0, intake.taken.length).map((n) =>
      Buffer.from(noteBytes(0, n)).toString('hex'),
    );
    expect(numbers).toEqual(expected);
  });

  it('ends with exactly as many events as were asked for', async () => {
    const running = await start({}, { maxEvents: 10 });
    const socket = await connected(running.address);
    socket.write(frames(0, 100));
    const { events, ended: why, details } = await running.done;
    expect({ events, why }).toEqual({ events: 10, why: 'events' });
    expect(details).toMatchObject({ messages: 10 });
  });

  it('ends with the error of a log that takes no more, and lets go of its sockets', async () => {
    const scripted = await new Scripted({}).start();
    scripted.intake.failure = new Error('Full to the brim');
    const socket = await connected(scripted.address);
    socket.resume();
    socket.write(frames(0, 10));
    expect(await rejectionOf(scripted.running)).toBe(scripted.intake.failure);
    await scripted.source.close?.();
    await closedByPeer(socket);
    await until(() => openSockets() === 0);
  });

  it('takes connections that were there before anybody took', async () => {
    const scripted = new Scripted({});
    await scripted.source.open?.(NOTE, scripted.intake.signal);
    const { address, intake } = scripted;
    const endings = [
      ended(await connected(address), frames(0, 10)),
      ended(await connected(address), frames(1, 10)),
    ];
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    scripted.running = scripted.source.run(intake);
    await Promise.all(endings);
    expect(await scripted.end()).toMatchObject({ messages: 20, connections: 2 });
  });

  it('listens on IPv6', async () => {
    const running = await start({ host: '::1' });
    const socket = await connected(running.address);
    await ended(socket, frames(0, 1));
    const { source, details } = await running.end();
    expect(source).toBe(`tcp [::1]:${running.address.port}`);
    expect(details).toMatchObject({ host: '::1', messages: 1 });
  });

  it('says that a port is in use, and leaves no log behind', async () => {
    const running = await start();
    const { port } = running.address;
    const path = temporaryLogPath();
    const error = await rejectionOf(capture(tcpSource({ port }), path, { schema: NOTE }));
    expect(error).toBeInstanceOf(ListenError);
    expect(error).toMatchObject({ code: 'CANNOT_LISTEN', errno: 'EADDRINUSE', port });
    expect(existsSync(path)).toBe(false);
    await running.end();
  });

  it.each([
    { port: -1 },
    { framing: 'words' },
    { framing: 'lines', format: 'flatbuffers' },
    { format: 'csv' },
    { maxConnections: 0 },
    { maxMessageBytes: 0 },
    { idleTimeoutMs: 0 },
    { sender: 'host' },
  ])('refuses %j', (options) => {
    expect(() => tcpSource(options as TcpSourceOptions)).toThrow(/^Invalid /);
  });
});

async function closedByPeer(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}
