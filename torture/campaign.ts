/**
 * What a campaign is: something that tries to break the log, in rounds that are numbered, that follow
 * from a seed, and that can be run again one by one.
 */
export interface Campaign {
  /** As on the command line. */
  readonly name: string;
  /** What it does to a log, in a line. */
  readonly title: string;
  /** Rounds of the short form, which runs with every change. */
  readonly shortRounds: number;
  /** Rounds after which everything has been tried; a campaign without them goes on for ever. */
  readonly totalRounds?: () => number;
  /** Where its folders lie: `memory` (the default) is a tmpfs, if there is one. */
  readonly place?: 'memory' | 'disk';
  /** Processes that run its rounds side by side at most. As many as there are cores by default. */
  readonly maxJobs?: number;
  /** A round that takes longer hangs. Five minutes by default. */
  readonly patienceMs?: number;
  /** Why it cannot run on this machine. */
  readonly unavailable?: () => string | undefined;
  /** Called once in each process that runs rounds. `folder` is empty, and its own; `seed` is the run's. */
  start(folder: string, seed: number): Promise<Rounds> | Rounds;
}

export interface Rounds {
  /** Throws if the log did not keep what it promises. */
  run(round: Round): Promise<void> | void;
  /** After the last round of this process. */
  stop?(): Promise<void> | void;
}

export interface Round {
  readonly number: number;
  /** Follows from the seed of the run and the number of the round. */
  readonly seed: number;
  /** Numbers from 0 to 1 that follow from `seed`. */
  readonly random: () => number;
  /** Empty; kept if the round fails, deleted otherwise. */
  readonly folder: string;
  /** Adds to what the summary tells. */
  readonly count: (what: string, times?: number) => void;
}

export type Counts = Readonly<Record<string, number>>;
