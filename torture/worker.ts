/** A process that runs rounds of one campaign. argv: JSON of its `Job`. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Round, Rounds } from './campaign.js';
import { loadCampaign } from './campaigns.js';
import type { FromWorker, Job, ToWorker } from './messages.js';
import { randomFrom, roundSeed } from './random.js';

const job = JSON.parse(process.argv[2] as string) as Job;
const campaign = await loadCampaign(job.campaign);
const folder = join(job.folder, 'shared');
mkdirSync(folder);
const rounds = await campaign.start(folder, job.seed);
process.on('message', (message: ToWorker) => void handle(message));
tell({ kind: 'ready' });

async function handle(message: ToWorker): Promise<void> {
  if (message.kind === 'run') return tell(await runRound(rounds, message.round));
  await rounds.stop?.();
  process.disconnect();
}

async function runRound(by: Rounds, number: number): Promise<FromWorker> {
  const place = join(job.folder, `round-${number}`);
  mkdirSync(place);
  const counts: Record<string, number> = {};
  const seed = roundSeed(job.seed, number);
  const count = (what: string, times = 1): void => {
    counts[what] = (counts[what] ?? 0) + times;
  };
  const round: Round = { number, seed, random: randomFrom(seed), folder: place, count };
  try {
    await by.run(round);
  } catch (error) {
    // With its causes, which its stack does not show.
    return { kind: 'failed', round: number, counts, error: inspect(error) };
  }
  rmSync(place, { recursive: true, force: true });
  return { kind: 'done', round: number, counts };
}

function tell(message: FromWorker): void {
  process.send?.(message);
}
