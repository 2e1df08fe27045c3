/** `/proc/diskstats` and `/proc/net/dev`: a line for each device. */
import { join } from 'node:path';
import type { ColumnPlan, CounterGroup, FilePlan } from './plan.js';
import { Namer, entriesOf, identifier, planOf, type Line, type Roots } from './survey.js';

interface DeviceColumn {
  readonly column: number;
  readonly name: string;
  readonly meaning: string;
  readonly scale?: number;
}

const SECTOR_BYTES = 512;

const DISK_COLUMNS: readonly DeviceColumn[] = [
  { column: 0, name: 'reads', meaning: 'Reads completed' },
  { column: 2, name: 'read_bytes', meaning: 'Bytes read', scale: SECTOR_BYTES },
  { column: 3, name: 'read_ms', meaning: 'Time that reads have taken, added up, in ms' },
  { column: 4, name: 'writes', meaning: 'Writes completed' },
  { column: 6, name: 'written_bytes', meaning: 'Bytes written', scale: SECTOR_BYTES },
  { column: 7, name: 'write_ms', meaning: 'Time that writes have taken, added up, in ms' },
  { column: 8, name: 'in_flight', meaning: 'Requests under way, at this moment' },
  { column: 9, name: 'busy_ms', meaning: 'Time with requests under way, in ms' },
  { column: 10, name: 'queue_ms', meaning: 'Time of requests under way, added up, in ms' },
];

const NET_COLUMNS: readonly DeviceColumn[] = [
  { column: 0, name: 'rx_bytes', meaning: 'Bytes received' },
  { column: 1, name: 'rx_packets', meaning: 'Packets received' },
  { column: 2, name: 'rx_errors', meaning: 'Packets received with errors' },
  { column: 3, name: 'rx_dropped', meaning: 'Packets received and dropped' },
  { column: 8, name: 'tx_bytes', meaning: 'Bytes sent' },
  { column: 9, name: 'tx_packets', meaning: 'Packets sent' },
  { column: 10, name: 'tx_errors', meaning: 'Packets that could not be sent' },
  { column: 11, name: 'tx_dropped', meaning: 'Packets dropped instead of sent' },
];

/** Files seen as disks, and parts of memory: what they do is done to other disks. */
const NO_DISK = /^(?:loop|ram)\d+$/;
/** Where nothing tells whole disks from their partitions but their names. */
const PARTITION = /^(?:(?:[shv]d|xvd)[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+|nbd\d+)p\d+)$/;
/** One end of a container's cable: names made up at random, each for as long as the container runs. */
const SHORT_LIVED_INTERFACE = /^veth/;

export function surveyDisks({ proc, sys }: Roots): FilePlan[] {
  // There `/` in a name is `!`.
  const whole = new Set(entriesOf(join(sys, 'block')).map((name) => name.replaceAll('!', '/')));
  const isWhole = (name: string): boolean =>
    whole.size > 0 ? whole.has(name) : !PARTITION.test(name);
  const namer = new Namer();
  const columnsOf = ({ key, words }: Line): ColumnPlan[] => {
    if (NO_DISK.test(key) || !isWhole(key)) return [];
    const prefix = namer.unique(`disk_${identifier(key)}`);
    return deviceColumns('disks', prefix, `disk ${key}`, DISK_COLUMNS, words.length);
  };
  return planOf(join(proc, 'diskstats'), columnsOf, { keyColumn: 2 });
}

export function surveyNetwork({ proc }: Roots): FilePlan[] {
  const namer = new Namer();
  return planOf(join(proc, 'net/dev'), ({ key, words }) => {
    // Two lines are headings.
    if (!/^\d+$/.test(words[0] ?? '') || SHORT_LIVED_INTERFACE.test(key)) return [];
    const prefix = namer.unique(`net_${identifier(key)}`);
    return deviceColumns('network', prefix, `interface ${key}`, NET_COLUMNS, words.length);
  });
}

function deviceColumns(
  group: CounterGroup,
  prefix: string,
  device: string,
  columns: readonly DeviceColumn[],
  count: number,
): ColumnPlan[] {
  return columns
    .filter(({ column }) => column < count)
    .map(({ column, name, meaning, scale = 1 }) => ({
      column,
      notation: 'unsigned',
      scale,
      counter: {
        group,
        name: `${prefix}_${name}`,
        type: 'ulong',
        comment: `${meaning}; ${device}`,
      },
    }));
}
