/** `capture tcp`: events one behind the other, over many connections. */
import { Command, Option } from 'commander';
import { tcpSource } from '../index.js';
import { parseCount, parseSeconds, parseSize } from './arguments.js';
import { runCapture } from './capture.js';
import { addListenOptions, listenOptions, type ListenVerbOptions } from './listen.js';

const HELP = `
Each message is preceded by its length, a little-endian u32; or with '--framing lines' each line is an event
as JSON. What is no event is rejected, and the connection goes on; a length that cannot be, or an end
within a message, ends that connection, and no other. Nothing is dropped: a sender that is faster than the
log, or than its limit, has to wait.

Anybody who can connect writes into the log. So it is the loopback, unless --listen says otherwise;
0.0.0.0 and [::] are all addresses of this machine.`;

const EXAMPLES = `Examples:
  $ stratalog capture tcp imu --listen 127.0.0.1:9000 --schema imu.bfbs
  $ stratalog capture tcp imu --listen 127.0.0.1:9000 --framing lines
  $ nc 127.0.0.1 9000 < events.jsonl`;

interface Options extends ListenVerbOptions {
  readonly framing: 'length' | 'lines';
  readonly maxMessage?: number;
  readonly maxConnections?: number;
  readonly idleTimeout?: number;
}

export function tcpCommand(): Command {
  const command = new Command('tcp')
    .summary('connections, each with many events')
    .description('Captures what comes over connections, as FlatBuffers or JSON.')
    .addOption(
      new Option('--framing <kind>', 'how messages follow one another')
        .choices(['length', 'lines'])
        .default('length'),
    )
    .addOption(
      new Option(
        '--format <format>',
        'how events are written (default: flatbuffers; json in lines)',
      ).choices(['flatbuffers', 'json']),
    )
    .option('--max-message <size>', 'the largest message (default: 1M)', parseSize)
    .option('--max-connections <n>', 'at a time; others are refused (default: 1024)', parseCount)
    .option('--idle-timeout <seconds>', 'end connections that send no whole message', parseSeconds)
    .addHelpText('after', HELP)
    .action(captureTcp);
  return addListenOptions(command, EXAMPLES);
}

function captureTcp(log: string, options: Options): Promise<void> {
  const { framing, maxMessage, maxConnections, idleTimeout } = options;
  const source = tcpSource({
    ...listenOptions(options),
    framing,
    ...(maxMessage === undefined ? {} : { maxMessageBytes: maxMessage }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(idleTimeout === undefined ? {} : { idleTimeoutMs: Math.ceil(idleTimeout * 1000) }),
  });
  return runCapture(source, log, options);
}
