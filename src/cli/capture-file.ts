/** `capture file`: a file or a named pipe, also while it grows. */
import { Command } from 'commander';
import { fileSource } from '../index.js';
import { addCaptureOptions, runCapture, type CaptureVerbOptions } from './capture.js';
import { INPUT_HELP, addInputOptions, inputFormat, type InputOptions } from './input-format.js';
import { note } from './output.js';

const HELP = `${INPUT_HELP}

With --follow it goes on as the file grows, until it is stopped. A file that is truncated, or replaced by
another of its name, is read from its start; a named pipe waits for its next writer.

Without --format the name of the file tells: .csv, .tsv (with tabs), .json, .jsonl, .ndjson, .fb; else, what
begins with { is JSON lines, and everything else CSV.`;

const EXAMPLES = `Examples:
  $ stratalog capture file weather.csv weather
  $ stratalog capture file --follow /var/log/sensors.csv sensors
  $ mkfifo ticks.pipe; stratalog capture file --follow --format json ticks.pipe ticks`;

interface Options extends CaptureVerbOptions, InputOptions {
  readonly follow?: boolean;
}

export function fileCommand(): Command {
  const command = new Command('file')
    .summary('a file or named pipe, also while it grows')
    .description(
      'Captures a file or a named pipe: CSV, JSON lines, or FlatBuffers with their lengths in front.',
    )
    .argument('<path>', 'what to read')
    .argument('<log>', 'directory of the log; created if it does not exist')
    .option('--follow', 'go on as the file grows, until stopped')
    .addHelpText('after', HELP)
    .action(captureFile);
  return addCaptureOptions(
    addInputOptions(command, "by the file's name, or what is in it"),
    EXAMPLES,
  );
}

function captureFile(path: string, log: string, options: Options): Promise<void> {
  const source = fileSource(path, {
    format: inputFormat(options, path),
    follow: options.follow ?? false,
    onNotice: (notice) => (options.quiet === true ? undefined : note(notice)),
  });
  return runCapture(source, log, options);
}
