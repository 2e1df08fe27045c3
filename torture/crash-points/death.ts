/** A death in a scenario, as it is ordered and as it was. */
export interface Order {
  /** Index of the scenario. */
  readonly scenario: number;
  /** Only what anybody does who finds the log; the rest of the scenario has happened. */
  readonly recoveryOnly: boolean;
  /** The step to die at, from 1 on; 0: at the end, and tell of all steps. */
  readonly step: number;
  /** What is tried lies in here; there is a witness. */
  readonly folder: string;
}

export interface Death {
  /** The signal that ended the process; 0 for none. */
  readonly signal: number;
  readonly complaint: string | undefined;
  /** Set if a process could not be forked properly: all is to be begun again. */
  readonly isMiscarriage: boolean;
  /** The steps that were passed, if they were asked for. */
  readonly sites: readonly number[] | undefined;
}

/** Where things lie in the folder of an order. */
export const WITNESS = 'witness';
export const SITES = 'sites.json';
export const COMPLAINT = 'complaint.txt';
/** The life whose records a scenario appends. */
export const LIFE = 1;
