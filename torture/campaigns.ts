/** The campaigns, in the order in which they run. */
import type { Campaign } from './campaign.js';

type Load = () => Promise<{ campaign: Campaign }>;

const CAMPAIGNS: Readonly<Record<string, Load>> = {
  fuzz: () => import('./campaigns/fuzz.js'),
  kills: () => import('./campaigns/kills.js'),
  'failing-calls': () => import('./campaigns/failing-calls.js'),
  'kernel-calls': () => import('./campaigns/kernel-calls.js'),
  endurance: () => import('./campaigns/endurance.js'),
  shutdowns: () => import('./campaigns/shutdowns.js'),
  'full-disks': () => import('./campaigns/full-disks.js'),
  segments: () => import('./campaigns/segments.js'),
  pages: () => import('./campaigns/pages.js'),
  truncations: () => import('./campaigns/truncations.js'),
  'bit-flips': () => import('./campaigns/bit-flips.js'),
  model: () => import('./campaigns/model.js'),
  'power-cuts': () => import('./campaigns/power-cuts.js'),
  'crash-points': () => import('./campaigns/crash-points.js'),
  rules: () => import('./campaigns/rules.js'),
  readers: () => import('./campaigns/readers.js'),
};

export const CAMPAIGN_NAMES: readonly string[] = Object.keys(CAMPAIGNS);

export async function loadCampaign(name: string): Promise<Campaign> {
  const load = CAMPAIGNS[name];
  if (load === undefined) {
    throw new RangeError(`No campaign is named ${name}: there are ${CAMPAIGN_NAMES.join(', ')}`);
  }
  const { campaign } = await load();
  return campaign;
}
