import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openEventAppender, type ListeningAddress } from '../../src/index.js';
import {
  connected,
  datagramSender,
  frames,
  lines,
  notes,
  notesOf,
  NOTE,
} from '../support/network-captures.js';
import { finished, reportOf, runCli, startCli } from '../support/cli.js';
import { fingerprint, range } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

/** The schema as a file beside the log. */
function schemaFile(path: string): string {
  const file = `${path}.bfbs`;
  writeFileSync(file, NOTE.bytes);
  return file;
}

/** Where it says that it listens. */
async function listening(child: ChildProcessWithoutNullStreams): Promise<ListeningAddress> {
  let said = '';
  for (;;) {
    const [chunk] = (await once(child.stderr, 'data')) as [Buffer];
    said += chunk.toString();
    const [, host, port] = /listening on (?:udp |tcp )?\[?([^\]\s]+?)\]?:(\d+)\n/.exec(said) ?? [];
    if (host !== undefined) return { host, port: Number(port) };
  }
}

/** Something else that listens. */
async function otherServer(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

describe('capture udp', () => {
  it('says where it listens, and captures until Ctrl-C', async () => {
    const path = temporaryLogPath();
    const child = startCli(['capture', 'udp', path, '--schema', schemaFile(path), '--json']);
    const done = finished(child);
    const address = await listening(child);
    expect(address.host).toBe('127.0.0.1');
    const senders = await Promise.all(range(0, 3).map(() => datagramSender(address)));
    for (const [sender, socket] of senders.entries()) {
      for (const message of [...notes(sender, 50), Buffer.from('junk')]) socket.send(message);
    }
    child.kill('SIGINT');
    const { code, stdout } = await done;
    expect(code).toBe(130);
    const { events, rejected, dropped, details } = reportOf({ stdout });
    expect({ events, rejected, dropped }).toEqual({ events: 150, rejected: 3, dropped: {} });
    expect(details).toMatchObject({ port: address.port, datagrams: 153, senders: { seen: 3 } });
    expect(notesOf(path).length).toBe(150);
  });

  it('takes JSON on IPv6, as many as asked for', async () => {
    const path = temporaryLogPath();
    const args = ['--listen', '[::1]:0', '--schema', schemaFile(path), '--format', 'json'];
    const child = startCli(['capture', 'udp', path, ...args, '--count', '2']);
    const done = finished(child);
    const address = await listening(child);
    expect(address.host).toBe('::1');
    const sender = await datagramSender(address);
    for (const n of [7, 8, 9]) sender.send(JSON.stringify({ sender: 1, n }));
    const { code } = await done;
    expect(code).toBe(0);
    expect(notesOf(path).map(({ n }) => n)).toEqual([7, 8]);
  });

  it('accounts for everything that many processes send', async () => {
    const path = temporaryLogPath();
    const args = ['--schema', schemaFile(path), '--format', 'json', '--json'];
    const child = startCli(['capture', 'udp', path, ...args]);
    const done = finished(child);
    const { port } = await listening(child);
    const script = `
      const socket = require('node:dgram').createSocket('udp4');
      socket.connect(${port}, '127.0.0.1', () => {
        for (let n = 0; n < 2000; n++) socket.send(JSON.stringify({ sender: process.pid, n }));
        socket.close();
      });`;
    const processes = range(0, 3).map(() => spawn(process.execPath, ['-e', script]));
    const codes = await Promise.all(processes.map((each) => once(each, 'close')));
    expect(codes.map(([code]) => code as number)).toEqual([0, 0, 0]);
    child.kill('SIGTERM');
    const { code, stdout } = await done;
    expect(code).toBe(143);
    const { events, rejected, dropped } = reportOf({ stdout });
    expect(rejected).toBe(0);
    expect(events + (dropped['receive buffer'] ?? 0)).toBe(6000);
  });

  it('exits with 1 when the port is in use, and changes nothing', async () => {
    const path = temporaryLogPath();
    const schema = schemaFile(path);
    const child = startCli(['capture', 'udp', path, '--schema', schema]);
    const done = finished(child);
    const { port } = await listening(child);
    const other = temporaryLogPath();
    const listen = ['--listen', `127.0.0.1:${port}`];
    const { code, stderr } = await runCli(['capture', 'udp', other, ...listen, '--schema', schema]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `stratalog: Cannot listen on udp 127.0.0.1:${port}: the port is in use; name another, or 0 for one that is free\n`,
    );
    expect(existsSync(other)).toBe(false);
    child.kill('SIGINT');
    await done;
    const before = fingerprint(path);
    const held = await otherServer();
    const tcp = ['capture', 'tcp', path, '--listen', `127.0.0.1:${held.port}`];
    expect((await runCli(tcp)).code).toBe(1);
    expect(fingerprint(path)).toBe(before);
    held.close();
  });

  it.each([
    ['9000', /address and a port/],
    ['[::1]', /address and a port/],
    ['127.0.0.1:65536', /address and a port/],
    ['192.0.2.1:0', /this machine does not have the address/],
    ['no-such-name.invalid:0', /no such name|could not be looked up/],
  ])('exits with 1 for --listen %s', async (listen, message) => {
    const path = temporaryLogPath();
    const args = ['--listen', listen, '--schema', schemaFile(path)];
    const { code, stderr } = await runCli(['capture', 'udp', path, ...args]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(existsSync(path)).toBe(false);
  });

  it('says what to do where nobody says what events are', async () => {
    const path = temporaryLogPath();
    const { code, stderr } = await runCli(['capture', 'udp', path]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^stratalog: .*--schema.*\n$/);
    expect(existsSync(path)).toBe(false);
  });

  it('exits with 3, and listens no more, when the log is locked', async () => {
    const path = temporaryLogPath();
    const appender = openEventAppender(path, { schema: NOTE });
    const { code } = await runCli(['capture', 'udp', path]);
    expect(code).toBe(3);
    await appender.close();
  });
});

describe('capture tcp', () => {
  it('takes what netcat sends', async () => {
    const path = temporaryLogPath();
    const args = ['--framing', 'lines', '--schema', schemaFile(path), '--json'];
    const child = startCli(['capture', 'tcp', path, ...args]);
    const done = finished(child);
    const socket = await connected(await listening(child));
    socket.resume();
    socket.end(`${lines(0, 100)}junk\n${lines(1, 100)}`);
    await once(socket, 'close');
    child.kill('SIGINT');
    const { code, stdout } = await done;
    expect(code).toBe(130);
    expect(reportOf({ stdout })).toMatchObject({ events: 200, rejected: 1 });
    expect(notesOf(path).length).toBe(200);
  });

  it('ends promptly, with all that has come, while connections are open', async () => {
    const path = temporaryLogPath();
    const child = startCli(['capture', 'tcp', path, '--schema', schemaFile(path), '--json']);
    const done = finished(child);
    const address = await listening(child);
    const sockets = await Promise.all(range(0, 5).map(() => connected(address)));
    await Promise.all(
      sockets.map(
        (socket, sender) =>
          new Promise((resolve) => {
            socket.write(frames(sender, 100), resolve);
          }),
      ),
    );
    child.kill('SIGTERM');
    const { code, stdout } = await done;
    expect(code).toBe(143);
    expect(reportOf({ stdout })).toMatchObject({ events: 500, rejected: 0 });
  });

  it.each([
    [['--framing', 'lines', '--format', 'flatbuffers'], /lines are JSON/],
    [['--max-connections', '0'], /maxConnections/],
    [['--root', 'Note'], /--root goes with --schema/],
    [['--schema', 'no-such-file.bfbs'], /Cannot read the schema/],
  ])('exits with 1 for %j', async (args, message) => {
    const path = temporaryLogPath();
    const { code, stderr } = await runCli(['capture', 'tcp', path, ...args]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(existsSync(path)).toBe(false);
  });
});
