/** `npm run torture`: tries to break the log, for as long as it is told. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import type { Campaign } from './campaign.js';
import { CAMPAIGN_NAMES, loadCampaign } from './campaigns.js';
import { loadProgress, newProgress, type Progress } from './progress.js';
import { runCampaign } from './supervisor.js';

interface Options {
  readonly short?: true;
  readonly for?: number;
  readonly rounds?: number;
  readonly only?: number;
  readonly seed?: number;
  readonly jobs: number;
  readonly resume?: true;
}

const DEFAULT_SECONDS = 60;

function parseDuration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(s|m|h)$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError('Expected 30s, 10m or 2h.');
  return Number(number) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h'];
}

function parseWhole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

const program = new Command('npm run torture --')
  .description(
    'Tries to break the log: kills, power cuts, failing calls, bad bytes, readers in the way',
  )
  .argument('[campaigns...]', `which ones: ${CAMPAIGN_NAMES.join(', ')}`)
  .option(
    '--for <time>',
    'so long for each campaign: 30s, 10m, 2h (1m without any limit)',
    parseDuration,
  )
  .option('--rounds <n>', 'so many rounds of each campaign', parseWhole)
  .option('--only <round>', 'one round again, as a failure says', parseWhole)
  .option('--short', 'the rounds that run with every change')
  .option('--seed <n>', 'what all choices follow from', parseWhole)
  .option('--jobs <n>', 'processes side by side', parseWhole, availableParallelism())
  .option('--resume', 'go on where the last run of each campaign ended, with its seed')
  .action(tortureAll);

await program.parseAsync();

async function tortureAll(names: readonly string[], options: Options): Promise<void> {
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort());
  process.once('SIGTERM', () => interruption.abort());
  const seed = options.seed ?? Date.now() % 2 ** 31;
  console.log(`seed ${seed}, ${options.jobs} jobs`);
  for (const name of names.length > 0 ? names : CAMPAIGN_NAMES) {
    if (interruption.signal.aborted) break;
    const campaign = await loadCampaign(name);
    const reason = campaign.unavailable?.();
    if (reason === undefined) await torture(campaign, options, seed, interruption.signal);
    else console.log(`${name}: skipped, ${reason}`);
  }
}

async function torture(
  campaign: Campaign,
  options: Options,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  const before = options.resume === true ? loadProgress(campaign.name) : undefined;
  const progress = before ?? newProgress(campaign.name, seed, options.only);
  const { failures } = progress;
  const known = failures.length;
  console.log(`\n${campaign.name}: ${campaign.title} (seed ${progress.seed})`);
  await runCampaign(campaign, progress, {
    jobs: options.jobs,
    endRound: endRound(campaign, progress, options),
    seconds: options.for ?? (hasEnd(campaign, options) ? Infinity : DEFAULT_SECONDS),
    signal,
    ...(process.stdout.isTTY ? { onProgress: showProgress } : {}),
  });
  console.log(summary(campaign, progress));
  for (const { round, error, evidence } of failures.slice(known)) {
    process.exitCode = 1;
    console.log(`\nRound ${round} failed: ${error}`);
    if (evidence !== undefined) console.log(`  what is left: ${evidence}`);
    console.log(
      `  again: npm run torture -- ${campaign.name} --seed ${progress.seed} --only ${round}`,
    );
  }
}

function hasEnd(campaign: Campaign, { rounds, only, short }: Options): boolean {
  const isCounted = (rounds ?? only) !== undefined || short === true;
  return isCounted || campaign.totalRounds !== undefined;
}

function endRound(campaign: Campaign, { nextRound }: Progress, options: Options): number {
  const total = campaign.totalRounds?.() ?? Infinity;
  if (options.only !== undefined) return options.only + 1;
  if (options.short === true) return Math.min(total, nextRound + campaign.shortRounds);
  return Math.min(total, nextRound + (options.rounds ?? Infinity));
}

function showProgress(progress: Progress): void {
  process.stdout.write(`\r\u001b[K  ${told(progress)}`);
}

function summary({ totalRounds }: Campaign, progress: Progress): string {
  const of = totalRounds === undefined ? '' : ` of ${totalRounds()}`;
  const start = process.stdout.isTTY ? '\r\u001b[K' : '';
  return `${start}  rounds below ${progress.nextRound}${of}: ${told(progress)}`;
}

function told({ counts, failures, seconds }: Progress): string {
  const parts = Object.entries(counts).map(
    ([what, times]) => `${times.toLocaleString('en')} ${what}`,
  );
  return [...parts, `${failures.length} failures`, `${seconds.toFixed(0)} s`].join(', ');
}
