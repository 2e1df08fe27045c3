import { describe, expect, it } from 'vitest';
import { finished, runCli, startCli } from '../support/cli.js';
import { ask, served } from '../support/served.js';
import { sensorEvents, sensorLog } from '../support/sensor-log.js';

describe('serve', () => {
  it('prints the address of the page, and ends in good order when it is interrupted', async () => {
    const child = startCli(['serve', await sensorLog(sensorEvents(10)), '--port', '0']);
    const ended = finished(child);
    const url = await new Promise<string>((resolve) =>
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\n$/);
    const port = Number(new URL(url).port);
    expect((await ask({ port }, '/api/log')).status).toBe(200);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([130, '']);
  });

  it('says why it cannot: no log, a port in use, a token that is none', async () => {
    const path = await sensorLog(sensorEvents(10));
    const { port } = await served(path);
    expect((await runCli(['serve', `${path}-none`])).code).not.toBe(0);
    const taken = await runCli(['serve', path, '--port', String(port)]);
    expect(taken.stderr).toContain('the port is in use');
    expect((await runCli(['serve', path, '--token', 'short'])).stderr).toContain('Invalid token');
    expect((await runCli(['serve', path, '--port', '70000'])).code).toBe(1);
  });
});
