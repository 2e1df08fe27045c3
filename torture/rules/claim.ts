/** What the table of rules consists of. */
import type { Mutation } from '../variant.js';

/** One claim of a rule of the protocol, and what takes it out. */
export interface Claim {
  /** Number of the rule, and a letter: `4c`. */
  readonly id: string;
  /** What holds with the rule, in a line. */
  readonly claim: string;
  /** Takes the rule out of the built library; all of them together. */
  readonly mutations: readonly Mutation[];
  readonly caughtBy: CaughtByTests | CaughtByCampaign;
}

export interface CaughtByTests {
  readonly kind: 'tests';
  /** Each of them has to fail without the rule. */
  readonly tests: readonly NamedTest[];
  /** How a test ends that does not come to its assertions: it may wait for ever, or end its process. */
  readonly without?: 'hang' | 'crash';
}

/** For what no test of one process on one machine can show. Its mutation is kept applicable. */
export interface CaughtByCampaign {
  readonly kind: 'campaign';
  readonly campaign: string;
  readonly why: string;
}

export interface NamedTest {
  /** Below `test`, without `.test.ts`. */
  readonly file: string;
  /** A part of its full name; of several that match, one has to fail. */
  readonly name: string;
}

/** Text of a built file, and what stands there without the rule. */
export function change(file: string, find: string, replace: string): Mutation {
  return { file, find, replace };
}

export function test(file: string, name: string): NamedTest {
  return { file, name };
}

export function tests(...named: readonly NamedTest[]): CaughtByTests {
  return { kind: 'tests', tests: named };
}
