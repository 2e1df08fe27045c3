/**
 * Appends until it is killed. Says nothing but `o` when it has opened the log. It waits for one line on
 * its standard input, an `Assignment`, so that it may be started before it is needed.
 */
import { readSync, writeSync } from 'node:fs';
import { Witness } from './witness.js';
import { Writing, type Assignment } from './writing.js';

function readAssignment(): Assignment {
  const bytes = Buffer.alloc(4096);
  const length = readSync(0, bytes);
  return JSON.parse(bytes.toString('utf8', 0, length)) as Assignment;
}

const assignment = readAssignment();
const writing = new Writing(assignment, await Witness.map(assignment.witness), true);
writeSync(1, 'o');
await writing.run();
