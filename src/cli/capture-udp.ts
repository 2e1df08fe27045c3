/** `capture udp`: an event in each datagram. */
import { Command, Option } from 'commander';
import { udpSource } from '../index.js';
import { parseSize } from './arguments.js';
import { runCapture } from './capture.js';
import { addListenOptions, listenOptions, type ListenVerbOptions } from './listen.js';

const HELP = `
Each datagram is an event, from any sender. What is no event, or too large, is rejected; what comes faster
than it is read, and finds the receive buffer full, is dropped by the kernel, and counted as such (on
Linux, which tells). What a sender sends beyond its limit is dropped, and counted.

Anybody who can send there writes into the log. So it is the loopback, unless --listen says otherwise;
0.0.0.0 and [::] are all addresses of this machine.`;

const EXAMPLES = `Examples:
  $ stratalog capture udp imu --listen 127.0.0.1:9000 --schema imu.bfbs
  $ stratalog capture udp imu --listen '[::1]:9000' --format json
  $ stratalog capture udp imu --listen 0.0.0.0:9000 --max-events-per-second 20000 --sender address`;

interface Options extends ListenVerbOptions {
  readonly receiveBuffer?: number;
}

export function udpCommand(): Command {
  const command = new Command('udp')
    .summary('datagrams, from many senders')
    .description('Captures datagrams that are an event each, as FlatBuffers or JSON.')
    .addOption(
      new Option('--format <format>', 'how events are written')
        .choices(['flatbuffers', 'json'])
        .default('flatbuffers'),
    )
    .option(
      '--receive-buffer <size>',
      'memory for what has not been read yet (default: 8M)',
      parseSize,
    )
    .addHelpText('after', HELP)
    .action(captureUdp);
  return addListenOptions(command, EXAMPLES);
}

function captureUdp(log: string, options: Options): Promise<void> {
  const { receiveBuffer } = options;
  const source = udpSource({
    ...listenOptions(options),
    ...(receiveBuffer === undefined ? {} : { receiveBufferBytes: receiveBuffer }),
  });
  return runCapture(source, log, options);
}
