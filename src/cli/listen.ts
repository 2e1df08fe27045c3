/** What the sources that listen have in common on the command line. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ListeningAddress } from '../index.js';
import { parseCount, parseSize } from './arguments.js';
import { addCaptureOptions, type CaptureVerbOptions } from './capture.js';
import { note } from './output.js';

export interface ListenVerbOptions extends CaptureVerbOptions {
  readonly listen: ListeningAddress;
  readonly format?: 'flatbuffers' | 'json';
  readonly sender: 'socket' | 'address';
  readonly maxEventsPerSecond?: number;
  readonly maxBytesPerSecond?: number;
  readonly maxSenders?: number;
}

/** Adds what both have, and what all sources have. */
export function addListenOptions(command: Command, examples: string): Command {
  command
    .argument('<log>', 'directory of the log; created if it does not exist')
    .addOption(
      new Option('--listen <host:port>', 'where to listen; port 0 is one that is free')
        .argParser(parseListen)
        .default({ host: '127.0.0.1', port: 0 }, '127.0.0.1:0'),
    )
    .option('--max-events-per-second <n>', 'of one sender', parseCount)
    .option('--max-bytes-per-second <size>', 'of one sender', parseSize)
    .addOption(
      new Option('--sender <kind>', 'whom the limits are for: each socket, or each address')
        .choices(['socket', 'address'])
        .default('socket'),
    )
    .option('--max-senders <n>', 'senders that are remembered (default: 4096)', parseCount);
  return addCaptureOptions(command, examples);
}

/** Options of a source, of those on the command line. */
export function listenOptions(options: ListenVerbOptions): {
  host: string;
  port: number;
  onListening: (address: ListeningAddress) => void;
  sender: 'socket' | 'address';
  format?: 'flatbuffers' | 'json';
  maxEventsPerSecond?: number;
  maxBytesPerSecond?: number;
  maxSenders?: number;
} {
  const { listen, sender, format, maxEventsPerSecond, maxBytesPerSecond, maxSenders } = options;
  return {
    ...listen,
    onListening: noteListening,
    sender,
    ...(format === undefined ? {} : { format }),
    ...(maxEventsPerSecond === undefined ? {} : { maxEventsPerSecond }),
    ...(maxBytesPerSecond === undefined ? {} : { maxBytesPerSecond }),
    ...(maxSenders === undefined ? {} : { maxSenders }),
  };
}

/** Told in any case: without it nobody knows where to send. */
function noteListening({ host, port }: ListeningAddress): void {
  note(`listening on ${host.includes(':') ? `[${host}]` : host}:${port}`);
}

/** `127.0.0.1:9000`, `[::1]:9000`, `localhost:9000`. */
export function parseListen(text: string): ListeningAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port <= 65_535)) {
    throw new InvalidArgumentError(
      'Expected an address and a port such as 127.0.0.1:9000, [::1]:9000 or 0.0.0.0:9000.',
    );
  }
  return { host, port };
}
