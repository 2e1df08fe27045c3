/** `serve`: a log as a page in the browser. */
import { Command, InvalidArgumentError } from 'commander';
import { serveLog } from '../index.js';
import { collect } from './arguments.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { note, print } from './output.js';

const HELP = `
Prints the address of a page that shows the log: plots that move with what is appended, any stretch of its
history, the newest events, segments, rates and tailers. It listens on this machine alone unless --host
says otherwise; then a browser has to bring the token that is part of the address, and what it reads goes
over the network as plain text. The log is only read. Ctrl-C ends it.

Examples:
  $ stratalog serve counters
  $ stratalog serve counters --port 8080
  $ stratalog serve counters --host 0.0.0.0
${EXIT_CODES_HELP}`;

/** Tried first, so that links go on working from one time to the next. */
const USUAL_PORT = 7171;

interface Options {
  readonly port?: number;
  readonly host?: string;
  readonly token?: string;
  readonly name?: readonly string[];
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('show a log in the browser, live')
    .description('Serves a page that shows a log: live plots, history, the newest events, rates.')
    .argument('<log>', 'directory of the log')
    .option('--port <n>', `where to listen; 0: any (default: ${USUAL_PORT}, or any)`, parsePort)
    .option('--host <address>', 'where to listen (default: 127.0.0.1)')
    .option('--token <text>', 'what a browser has to bring: 16 characters or more')
    .option(
      '--name <host>',
      'another name that the server may be asked by; may be repeated',
      collect,
    )
    .addHelpText('after', HELP)
    .action(serve);
}

async function serve(path: string, options: Options): Promise<void> {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const interruption = new Interruption(() => end());
  try {
    const server = await start(path, options);
    print(server.url);
    await ended;
    await server.close();
  } finally {
    interruption.release();
  }
  interruption.setExitCode();
}

async function start(
  path: string,
  { port, host, token, name }: Options,
): ReturnType<typeof serveLog> {
  const settings = { host, token, names: name };
  if (port !== undefined) return serveLog(path, { ...settings, port });
  try {
    return await serveLog(path, { ...settings, port: USUAL_PORT });
  } catch (error) {
    if (!isPortTaken(error)) throw error;
    note(`Port ${USUAL_PORT} is taken; using another`);
    return serveLog(path, settings);
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && error.errno === 'EADDRINUSE';
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('Expected a port from 0 to 65535.');
}
