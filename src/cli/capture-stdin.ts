/** `capture stdin`: rows and messages on standard input. */
import { Command } from 'commander';
import { streamSource } from '../index.js';
import { addCaptureOptions, runCapture, type CaptureVerbOptions } from './capture.js';
import { INPUT_HELP, addInputOptions, inputFormat, type InputOptions } from './input-format.js';
import { openStandardInput } from './standard-input.js';

const HELP = `${INPUT_HELP}

Without --format, what begins with { is JSON lines, and everything else CSV.`;

const EXAMPLES = `Examples:
  $ vmstat -n 1 | sed 1d | tr -s ' ' , | stratalog capture stdin load
  $ stratalog capture stdin ticks --types symbol:string,price:double < ticks.csv
  $ journalctl -f -o json | jq -c --unbuffered '{PRIORITY, MESSAGE}' | stratalog capture stdin journal
  $ stratalog cat --framing length old | stratalog capture stdin new --format flatbuffers --schema imu.bfbs`;

export function stdinCommand(): Command {
  const command = new Command('stdin')
    .summary('CSV, JSON lines or FlatBuffers on standard input')
    .description(
      'Captures standard input: CSV, JSON lines, or FlatBuffers with their lengths in front.',
    )
    .argument('<log>', 'directory of the log; created if it does not exist')
    .addHelpText('after', HELP)
    .action(captureStdin);
  return addCaptureOptions(
    addInputOptions(command, 'CSV or JSON lines, by the first character'),
    EXAMPLES,
  );
}

function captureStdin(log: string, options: CaptureVerbOptions & InputOptions): Promise<void> {
  const format = inputFormat(options);
  const input = openStandardInput(options.quiet === true);
  return runCapture(streamSource(input, { format, name: 'stdin' }), log, options);
}
