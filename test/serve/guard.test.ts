/** Who is answered, and who is not. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { serveLog, verifyLog } from '../../src/index.js';
import { sensorEvents, sensorLog } from '../support/sensor-log.js';
import { ask, served } from '../support/served.js';
import { rejectionOf } from '../support/logs.js';

const log = (): Promise<string> => sensorLog(sensorEvents(100));

describe('a server on the loopback', () => {
  it('answers to its address and to localhost, with a policy that lets nothing in', async () => {
    const server = await served(await log());
    expect(server).toMatchObject({ host: '127.0.0.1', token: undefined });
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/`);
    for (const host of [
      `127.0.0.1:${server.port}`,
      `localhost:${server.port}`,
      `[::1]:${server.port}`,
    ]) {
      const { status, headers, text } = await ask(server, '/', { headers: { host } });
      expect(status).toBe(200);
      expect(text).toMatch(/<!doctype html>/);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'cross-origin-resource-policy': 'same-origin',
      });
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/^default-src 'none';/);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|\*|data:/);
    }
  });

  it.each([
    ['another name', 'evil.example:PORT'],
    ['a name that begins like ours', 'localhost.evil.example:PORT'],
    ['two names', 'localhost:PORT, evil.example'],
    ['a name with a user', 'localhost:PORT@evil.example'],
  ])('refuses to be asked by %s', async (_, host) => {
    const server = await served(await log());
    const headers = { host: host.replace('PORT', String(server.port)) };
    for (const path of ['/', '/api/log', '/api/rows', '/style.css']) {
      const { status, text } = await ask(server, path, { headers });
      expect(status).toBe(421);
      expect(text).not.toMatch(/sensor/);
    }
  });

  it('answers through a tunnel, which has a port of its own', async () => {
    const server = await served(await log());
    for (const host of ['localhost:8080', 'localhost', '127.0.0.1:1']) {
      const headers = { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
      expect((await ask(server, '/api/log', { headers })).status).toBe(200);
      const { port } = server;
      const elsewhere = { ...headers, origin: `http://localhost:${port}` };
      expect((await ask(server, '/api/log', { headers: elsewhere })).status).toBe(403);
    }
  });

  it.each([
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
  ])('refuses data to another site: %o', async (headers) => {
    const server = await served(await log());
    for (const path of [
      '/api/log',
      '/api/rows',
      '/api/history?y=value',
      '/api/live',
      '/plot/units.js',
    ]) {
      expect((await ask(server, path, { headers })).status).toBe(403);
    }
  });

  it('lets a link from elsewhere open the page, but nobody put it into a frame', async () => {
    const server = await served(await log());
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    const asDocument = { headers: { ...link, 'sec-fetch-dest': 'document' } };
    const asFrame = { headers: { ...link, 'sec-fetch-dest': 'iframe' } };
    expect((await ask(server, '/', asDocument)).status).toBe(200);
    expect((await ask(server, '/', asFrame)).status).toBe(403);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])(
    'has nothing for %s',
    async (method) => {
      const server = await served(await log());
      const { status, headers } = await ask(server, '/api/log', { method });
      expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
    },
  );

  it.each([
    '/etc/passwd',
    '/../package.json',
    '/serve/../../package.json',
    '/serve/page/%2e%2e/%2e%2e/index.js',
    '/serve/page/main.js.map',
    '/serve/serve.js',
    '/index.js',
    '/api',
    '/api/log/',
    '/api/history/../log/x',
    '/__proto__',
    '/%00',
    '/constructor',
  ])('knows of no %s', async (path) => {
    const server = await served(await log());
    expect((await ask(server, path)).status).toBe(404);
  });

  it('takes no absolute addresses, and none that are long', async () => {
    const server = await served(await log());
    expect((await ask(server, 'http://evil.example/api/log')).status).toBe(400);
    expect((await ask(server, '//evil.example/api/log')).status).toBe(400);
    expect((await ask(server, `/api/history?y=${'a'.repeat(5000)}`)).status).toBe(414);
  });

  it('refuses whoever does not say whom he asks', async () => {
    const server = await served(await log());
    expect(await untilClosed(server.port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 421/);
    expect(await untilClosed(server.port, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1.1 400|^$/);
  });

  it('hangs up on what is no HTTP, and on headers that never end', async () => {
    const server = await served(await log());
    const garbage = await untilClosed(server.port, '\x16\x03\x01 garbage\r\n\r\n');
    expect(garbage).toBe('');
    const long = await untilClosed(server.port, `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}`);
    expect(long).toBe('');
    const slow = await untilClosed(server.port, 'GET / HTTP/1.1\r\nHost: localhost\r\n');
    expect(slow).not.toMatch(/200/);
  });
});

describe('a token', () => {
  const token = 'a-token-of-24-characters';

  it('is what every request needs, and goes from the address into a cookie that scripts do not see', async () => {
    const server = await served(await log(), { token });
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/?token=${token}`);
    for (const path of [
      '/',
      '/api/log',
      '/api/live',
      '/style.css',
      '/?token=another-of-16-and-more',
    ]) {
      expect((await ask(server, path)).status).toBe(401);
    }
    const { status, headers } = await ask(server, `/?token=${token}`);
    expect([status, headers.location]).toEqual([303, '/']);
    const [cookie = ''] = headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/; HttpOnly; SameSite=Lax$/);
    const [pair = ''] = cookie.split(';');
    expect((await ask(server, '/api/log', { headers: { cookie: pair } })).status).toBe(200);
    expect(
      (await ask(server, '/api/log', { headers: { cookie: `other=1; ${pair}` } })).status,
    ).toBe(200);
    for (const wrong of [`${pair}x`, pair.slice(0, -1), 'stratalog=', `${pair.split('=')[0]}=`]) {
      expect((await ask(server, '/api/log', { headers: { cookie: wrong } })).status).toBe(401);
    }
  });

  it('opens nothing but the page by an address: data with it in the address is refused', async () => {
    const server = await served(await log(), { token });
    expect((await ask(server, `/api/log?token=${token}`)).status).toBe(401);
  });

  it('is made where others can connect, and is another each time', async () => {
    const path = await log();
    const [a, b] = [
      await served(path, { host: '0.0.0.0' }),
      await served(path, { host: '0.0.0.0' }),
    ];
    // Nobody else reaches what is called 0.0.0.0.
    const { hostname, searchParams } = new URL(a.url);
    expect(hostname).not.toBe('0.0.0.0');
    expect(searchParams.get('token')).toBe(a.token);
    const named = { headers: { host: `${hostname}:${a.port}` } };
    expect((await ask(a, `/?token=${a.token}`, named)).status).toBe(303);
    expect(a.token).toMatch(/^[\w-]{32}$/);
    expect(a.token).not.toBe(b.token);
    expect((await ask(a, '/api/log')).status).toBe(401);
    const { headers } = await ask(a, `/?token=${a.token}`);
    const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    expect((await ask(a, '/api/log', { headers: { cookie } })).status).toBe(200);
    expect((await ask(b, '/api/log', { headers: { cookie } })).status).toBe(401);
  });

  it.each(['short', '', 'with spaces and enough', 'ümlauts-and-more-of-them', 'x'.repeat(300)])(
    'that is none is refused: %j',
    async (wrong) => {
      expect(await rejectionOf(serveLog(await log(), { token: wrong }))).toBeInstanceOf(RangeError);
    },
  );
});

describe('serving', () => {
  it('leaves the log as it was', async () => {
    const path = await log();
    const server = await served(path);
    await ask(server, '/api/log');
    await ask(server, '/api/history?x=time_ns&y=value');
    await server.close();
    await server.close();
    expect(verifyLog(path)).toMatchObject({ isIntact: true, isClosed: true });
  });

  it('is an error where the port is taken, or the log is none', async () => {
    const path = await log();
    const { port } = await served(path);
    expect(await rejectionOf(serveLog(path, { port }))).toMatchObject({
      code: 'CANNOT_LISTEN',
      errno: 'EADDRINUSE',
    });
    expect(await rejectionOf(serveLog(`${path}-none`))).toMatchObject({ code: 'NOT_A_LOG' });
    expect(await rejectionOf(serveLog(path, { port: 70_000 }))).toBeInstanceOf(RangeError);
    expect(await rejectionOf(serveLog(path, { maxClients: 0 }))).toBeInstanceOf(RangeError);
  });
});

/** Sends bytes, and returns what comes until the server hangs up. */
function untilClosed(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}
