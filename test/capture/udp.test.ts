import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  capture,
  ListenError,
  SchemaError,
  udpSource,
  type CaptureOptions,
  type PlainEvent,
  type UdpSourceOptions,
} from '../../src/index.js';
import {
  NOTE,
  RunningCapture,
  ScriptedIntake,
  datagramSender,
  noteBytes,
  notes,
  numbersBySender,
  until,
} from '../support/network-captures.js';
import { SMALL_SEGMENT_BYTES, range, rejectionOf } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

function start(
  options: UdpSourceOptions = {},
  capturing: CaptureOptions<PlainEvent> = {},
): Promise<RunningCapture> {
  return RunningCapture.start((listening) => udpSource({ ...options, ...listening }), capturing);
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length;
}

describe('udpSource()', () => {
  it('takes an event of each datagram, of many senders, each in its order', async () => {
    const running = await start();
    const senders = await Promise.all(range(0, 20).map(() => datagramSender(running.address)));
    for (let n = 0; n < 50; n++) {
      for (const [sender, socket] of senders.entries()) socket.send(noteBytes(sender, n));
    }
    const { events, rejected, dropped, details } = await running.end();
    expect({ events, rejected, dropped }).toEqual({ events: 1000, rejected: 0, dropped: {} });
    const numbers = numbersBySender(running.events());
    for (const sender of senders.keys()) expect(numbers.get(sender)).toEqual(range(0, 50));
    expect(details).toMatchObject({ datagrams: 1000, senders: { seen: 20, forgotten: 0 } });
  });

  it('takes JSON', async () => {
    const running = await start({ format: 'json' });
    const sender = await datagramSender(running.address);
    sender.send('{"sender": 1, "n": 7, "text": "é"}');
    sender.send('{"sender": 1, "m": 8}');
    sender.send(Buffer.of(0xff, 0xfe));
    await running.end();
    expect(running.events()).toEqual([{ sender: 1, n: 7, text: 'é' }]);
    expect(running.rejects.map(({ line }) => line)).toEqual([2, 3]);
  });

  it('rejects what is empty, too large or no event, and names the sender', async () => {
    const running = await start({}, { segmentSizeBytes: SMALL_SEGMENT_BYTES });
    const sender = await datagramSender(running.address);
    const { address, port } = sender.address();
    const large = noteBytes(0, 1, 'x'.repeat(20_000));
    for (const message of ['', 'junk that is no event', large, noteBytes(0, 2)]) {
      sender.send(message);
    }
    const { events, rejected } = await running.end();
    expect({ events, rejected }).toEqual({ events: 1, rejected: 3 });
    const from = ` (from ${address}:${port})`;
    const [empty, junk, tooLarge] = running.rejects;
    expect(empty).toMatchObject({ reason: `An empty datagram${from}`, line: 1 });
    expect(junk?.reason).toMatch(/^Malformed event/);
    expect(Buffer.from(junk?.content ?? []).toString()).toBe('junk that is no event');
    expect(tooLarge?.reason).toMatch(/^Cannot append a record of \d+ bytes.* \(from /);
    expect(tooLarge?.content).toEqual(large);
  });

  it.runIf(process.platform === 'linux')(
    'counts exactly what the kernel drops when it is not read in time',
    async () => {
      const running = await start({ receiveBufferBytes: 1024 });
      const senders = await Promise.all(range(0, 3).map(() => datagramSender(running.address)));
      // The event loop does not turn, so nothing is read meanwhile.
      for (let n = 0; n < 500; n++) {
        for (const [sender, socket] of senders.entries()) socket.send(noteBytes(sender, n));
      }
      const { events, dropped, details } = await running.end();
      const kernelDrops = dropped['receive buffer'] ?? 0;
      expect(events).toBeGreaterThan(0);
      expect(kernelDrops).toBeGreaterThan(0);
      expect(events + kernelDrops).toBe(1500);
      expect(details).toMatchObject({ datagrams: events, kernelDrops, unreadBytes: 0 });
      expect(details['receiveBufferBytes']).toBeLessThan(10_000);
    },
  );

  it.runIf(process.platform === 'linux')('tells of drops while it goes on', async () => {
    const running = await start({ receiveBufferBytes: 1024 });
    const sender = await datagramSender(running.address);
    for (const message of notes(0, 500)) sender.send(message);
    await until(() => (running.details['kernelDrops'] ?? 0) > 0);
    const { events, dropped } = await running.end();
    expect(events + (dropped['receive buffer'] ?? 0)).toBe(500);
  });

  it('drops what a sender sends beyond its limit, and takes what others send', async () => {
    const running = await start({ maxEventsPerSecond: 10 });
    const flooder = await datagramSender(running.address);
    const other = await datagramSender(running.address);
    for (const message of notes(0, 1000)) flooder.send(message);
    for (const message of notes(1, 5)) other.send(message);
    const { events, dropped, details } = await running.end();
    const numbers = numbersBySender(running.events());
    expect(numbers.get(1)).toEqual(range(0, 5));
    expect(numbers.get(0)?.slice(0, 10)).toEqual(range(0, 10));
    const limitDrops = dropped['sender limit'] ?? 0;
    expect(limitDrops).toBeGreaterThan(0);
    expect(events + limitDrops).toBe(1005);
    expect(details).toMatchObject({ limitDrops, datagrams: 1005 });
  });

  it('limits bytes, and addresses as a whole, if told so', async () => {
    const [message] = notes(0, 1) as [Uint8Array];
    const running = await start({ maxBytesPerSecond: 4 * message.length, sender: 'address' });
    const [one, two] = [
      await datagramSender(running.address),
      await datagramSender(running.address),
    ];
    for (let i = 0; i < 500; i++) {
      one.send(message);
      two.send(message);
    }
    const { events, dropped, details } = await running.end();
    expect(events).toBeGreaterThanOrEqual(4);
    expect(dropped['sender limit']).toBeGreaterThan(0);
    expect(events + (dropped['sender limit'] ?? 0)).toBe(1000);
    const top = [{ sender: '127.0.0.1', events, bytes: events * message.length }];
    expect(details).toMatchObject({ senders: { seen: 1, top } });
  });

  it('says who sends most', async () => {
    const running = await start();
    const senders = await Promise.all(range(0, 7).map(() => datagramSender(running.address)));
    for (const [count, socket] of senders.entries()) {
      for (const message of notes(count, count)) socket.send(message);
    }
    const { details } = await running.end();
    const names = senders.map((socket) => `127.0.0.1:${socket.address().port}`);
    const top = [6, 5, 4, 3, 2].map((i) => ({ sender: names[i], events: i, dropped: 0 }));
    expect(details).toMatchObject({ senders: { seen: 6, top } });
  });

  it('ends with exactly as many events as were asked for', async () => {
    const running = await start({}, { maxEvents: 10 });
    const sender = await datagramSender(running.address);
    for (const message of notes(0, 100)) sender.send(message);
    const { events, ended, rejected, details } = await running.done;
    expect({ events, ended, rejected }).toEqual({ events: 10, ended: 'events', rejected: 0 });
    expect(details).toMatchObject({ datagrams: 10 });
    await until(() => openSockets() === 1);
  });

  it('ends while somebody goes on sending, and has all that it has read', async () => {
    const running = await start();
    const sender = await datagramSender(running.address);
    let sent = 0;
    let isDone = false;
    const sendOn = (): void => {
      if (isDone) return;
      for (let i = 0; i < 20; i++) sender.send(noteBytes(0, sent++));
      setImmediate(sendOn);
    };
    sendOn();
    await until(() => (running.details['datagrams'] ?? 0) > 1000);
    const sentBefore = sent;
    const { events, details, dropped } = await running.end();
    isDone = true;
    expect(events).toBe(details['datagrams']);
    expect(events).toBeGreaterThanOrEqual(sentBefore);
    expect(dropped).toEqual({});
    const numbers = running.events().map(({ n }) => n);
    expect(numbers).toEqual(range(0, events));
  });

  it('listens on IPv6', async () => {
    const running = await start({ host: '::1' });
    const sender = await datagramSender(running.address);
    sender.send(noteBytes(0, 1));
    const { source, details } = await running.end();
    const { port } = running.address;
    expect(source).toBe(`udp [::1]:${port}`);
    const name = `[::1]:${sender.address().port}`;
    expect(details).toMatchObject({ host: '::1', port, senders: { top: [{ sender: name }] } });
    expect(running.events()).toEqual([{ sender: 0, n: 1 }]);
  });

  it.runIf(process.platform === 'linux')('asks the kernel for drops on IPv6, too', async () => {
    const running = await start({ host: '::1', receiveBufferBytes: 1024 });
    const sender = await datagramSender(running.address);
    for (const message of notes(0, 500)) sender.send(message);
    const { events, dropped } = await running.end();
    expect(dropped['receive buffer']).toBeGreaterThan(0);
    expect(events + (dropped['receive buffer'] ?? 0)).toBe(500);
  });

  it('takes what has come before anybody takes, and counts what was too much', async () => {
    let port = 0;
    const onListening = (address: { readonly port: number }): void => void (port = address.port);
    const source = udpSource({ onListening, receiveBufferBytes: 100_000 });
    const intake = new ScriptedIntake();
    await source.open?.(NOTE, intake.signal);
    const sender = await datagramSender({ host: '127.0.0.1', port });
    for (const message of notes(0, 200)) sender.send(message);
    // A turn of the event loop reads 32 of them.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    const running = source.run(intake);
    intake.end();
    await running;
    await source.close?.();
    const droppedEarly = intake.dropped['receive buffer'] ?? 0;
    expect(intake.taken.length).toBeGreaterThan(0);
    expect(droppedEarly).toBeGreaterThan(0);
    expect(intake.taken.length + droppedEarly).toBe(200);
  });

  it('ends with the error of a log that takes no more, and lets go of its socket', async () => {
    const source = udpSource({ onListening: ({ port }) => void send(port) });
    const send = async (port: number): Promise<void> => {
      const sender = await datagramSender({ host: '127.0.0.1', port });
      sender.send(noteBytes(0, 0));
    };
    const intake = new ScriptedIntake();
    intake.failure = new Error('Full to the brim');
    await source.open?.(NOTE, intake.signal);
    expect(await rejectionOf(source.run(intake))).toBe(intake.failure);
    await source.close?.();
    await until(() => openSockets() === 1);
  });

  it('says that a port is in use, and leaves no log behind', async () => {
    const running = await start();
    const { port } = running.address;
    const path = temporaryLogPath();
    const error = await rejectionOf(capture(udpSource({ port }), path, { schema: NOTE }));
    expect(error).toBeInstanceOf(ListenError);
    expect(error).toMatchObject({ code: 'CANNOT_LISTEN', errno: 'EADDRINUSE', port });
    expect((error as Error).message).toBe(
      `Cannot listen on udp 127.0.0.1:${port}: the port is in use; name another, or 0 for one that is free`,
    );
    expect(existsSync(path)).toBe(false);
    await running.end();
  });

  it.each([
    ['192.0.2.1', /does not have the address/],
    ['no-such-name.invalid', /no such name|could not be looked up/],
  ])('says that it cannot listen on %s', async (host, message) => {
    const path = temporaryLogPath();
    const error = await rejectionOf(capture(udpSource({ host }), path, { schema: NOTE }));
    expect(error).toBeInstanceOf(ListenError);
    expect((error as Error).message).toMatch(message);
    expect(existsSync(path)).toBe(false);
    await until(() => openSockets() === 0);
  });

  it('says what to do where nobody says what events are', async () => {
    const path = temporaryLogPath();
    const error = await rejectionOf(capture(udpSource(), path));
    expect(error).toBeInstanceOf(SchemaError);
    expect((error as Error).message).toContain('--schema');
    expect(existsSync(path)).toBe(false);
  });

  it('takes the schema that the log remembers', async () => {
    const running = await start();
    await running.end();
    let sending: Promise<void> | undefined;
    const send = async (port: number): Promise<void> => {
      const sender = await datagramSender({ host: '127.0.0.1', port });
      sender.send(noteBytes(3, 4));
    };
    const source = udpSource({ onListening: ({ port }) => (sending = send(port)) });
    await capture(source, running.path, { maxEvents: 1 });
    await sending;
    expect(running.events()).toEqual([{ sender: 3, n: 4 }]);
  });

  it.each([
    { port: 65_536 },
    { port: 0.5 },
    { host: '' },
    { format: 'csv' },
    { sender: 'host' },
    { receiveBufferBytes: 0 },
    { maxSenders: 0 },
    { maxEventsPerSecond: 0 },
    { maxBytesPerSecond: -1 },
    { onListening: 'log' },
  ])('refuses %j', (options) => {
    expect(() => udpSource(options as UdpSourceOptions)).toThrow(/^Invalid /);
  });
});
