/** Clients that do not take what they have asked for. */
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Answers, type AnswerLimits } from '../../src/serve/answers.js';
import { RefusedRequest } from '../../src/serve/parameters.js';
import { thrownBy } from '../support/logs.js';

/** More than the system takes for a connection. */
const CONTENT = Buffer.alloc(24 * 1024 * 1024, 'x');

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});

interface Answering {
  readonly answers: Answers;
  readonly port: number;
  /** How the connections have ended that were. */
  readonly ended: Promise<void>;
}

async function answering(limits: AnswerLimits): Promise<Answering> {
  const answers = new Answers(limits);
  const server = createServer((request, response) =>
    answers.send(request, response, 'text/plain', CONTENT),
  );
  servers.push(server);
  const ended = new Promise<void>((end) =>
    server.on('connection', (socket) => socket.on('close', () => end())),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { answers, port: (server.address() as AddressInfo).port, ended };
}

/** Asks so many times at once, and takes what comes only if it is told to. */
function ask(port: number, times: number): Socket {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(times));
  return socket;
}

/** Bytes that come, of which none are taken for a moment after some were. */
async function takenSlowly(socket: Socket): Promise<number> {
  let taken = 0;
  socket.on('data', ({ length }: Buffer) => {
    taken += length;
    socket.pause();
    setTimeout(() => socket.resume(), 10);
    if (taken > CONTENT.length) socket.end();
  });
  socket.resume();
  await new Promise((closed) => socket.on('close', closed));
  return taken;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((later) => setTimeout(later, 5));
}

describe('answers', () => {
  it('end the connection of a client that does not take them, and are forgotten', async () => {
    const { answers, port, ended } = await answering({ patienceMs: 300, maxWaitingBytes: 1e9 });
    ask(port, 3);
    await until(() => answers.waitingBytes === 3 * CONTENT.length);
    await ended;
    expect(answers.waitingBytes).toBe(0);
  });

  it('go on as long as something of them is taken', async () => {
    const { answers, port } = await answering({ patienceMs: 2000, maxWaitingBytes: 1e9 });
    const begun = performance.now();
    expect(await takenSlowly(ask(port, 1))).toBeGreaterThan(CONTENT.length);
    expect(performance.now() - begun).toBeGreaterThan(2000);
    await until(() => answers.waitingBytes === 0);
  });

  it('are refused while too much of them is waiting', async () => {
    const { answers, port } = await answering({ patienceMs: 60_000, maxWaitingBytes: 1e7 });
    answers.checkRoom();
    const socket = ask(port, 1);
    await until(() => answers.waitingBytes > 0);
    expect(thrownBy(() => answers.checkRoom())).toBeInstanceOf(RefusedRequest);
    socket.resume();
    await until(() => answers.waitingBytes === 0);
    answers.checkRoom();
  });
});
