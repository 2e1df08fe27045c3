import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import { EventImage } from '../../src/capture/system/event-image.js';
import { chooseGroups, survey } from '../../src/capture/system/groups.js';
import {
  countersOf,
  mergePlans,
  type Counter,
  type FilePlan,
} from '../../src/capture/system/plan.js';
import { sampleSchema } from '../../src/capture/system/sample-schema.js';
import { Sampler } from '../../src/capture/system/sampler.js';
import { decodeEvent, type EventSchema, type PlainEvent } from '../../src/index.js';

const made: string[] = [];

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** Files below `/proc` and `/sys`, by their paths. */
export type Tree = Readonly<Record<string, string>>;

/** A machine with two processors, two disks, and sensors, as a kernel would show it. */
export const SMALL_MACHINE: Tree = {
  'proc/stat': `cpu  30 1 20 1000 5 0 3 2 0 0
cpu0 10 1 5 400 2 0 1 1 0 0
cpu1 20 0 15 600 3 0 2 1 0 0
intr 900 7 0 0 33 0 0 55
ctxt 12345
btime 1795257151
processes 77
procs_running 2
procs_blocked 1
softirq 280 1 2 3 4 5 6 7 8 9 10
`,
  'proc/interrupts': `           CPU0       CPU1
  0:          3          4   IO-APIC   2-edge      timer
  3:         30          3   PCI-MSIX-0000:00:01.0   0-edge      virtio0-config
  6:         55          0   IO-APIC   6-edge
 99:          1          1   IO-APIC   6-edge      beyond
NMI:          0          0   Non-maskable interrupts
`,
  'proc/meminfo': `MemTotal:       24684084 kB
MemFree:        24177912 kB
MemAvailable:   24232008 kB
Buffers:            3312 kB
Cached:           103928 kB
SwapCached:            0 kB
Active(anon):       1552 kB
SwapTotal:             0 kB
SwapFree:              0 kB
Dirty:               120 kB
Writeback:             0 kB
AnonPages:         19544 kB
Mapped:            10812 kB
Shmem:              8872 kB
Slab:             303548 kB
Committed_AS:      66772 kB
HugePages_Total:       0
`,
  'proc/vmstat': `nr_free_pages 6044478
pgpgin 17731977
pgpgout 1383916108
pswpin 0
pswpout 4
pgfault 931258674
pgmajfault 28
pgscan_kswapd 5
pgscan_direct 6
oom_kill 1
nr_unstable 0
`,
  'proc/diskstats': `   7       0 loop0 150245 4456 2435520 51189 98131 76610 1416102 33873 0 36276 110792 0 0 0 0 59979 25729
 254       0 vda 963008 81447 35463954 4061608 9053542 611611 2767832216 26535510 3 2089688 31244411 0 0 0 0 5 6
 254       1 vda1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17
 104       0 cciss/c0d0 10 20 30 40 50 60 70 80 90 100 110
`,
  'sys/block/vda/size': '1\n',
  'sys/block/cciss!c0d0/size': '1\n',
  'sys/block/loop0/size': '1\n',
  'proc/net/dev': `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:   12772     116    0    0    0     0          0         0    12773     117    0    0    0     0       0          0
  eth0:2791509115   77553    1    2    0     0          0         0  6619593   52620    3    4    0     0       0          0
eth0.100:       1       2    3    4    5     6          7         8        9      10   11   12   13    14      15         16
veth9:       1       2    3    4    5     6          7         8        9      10   11   12   13    14      15         16
`,
  'proc/pressure/cpu': `some avg10=0.34 avg60=1.00 avg300=3.72 total=9037952337
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
`,
  'proc/pressure/io': `some avg10=0.07 avg60=0.14 avg300=0.32 total=955379242
full avg10=0.05 avg60=0.10 avg300=0.27 total=606773829
`,
  'proc/loadavg': '0.04 0.35 10.80 1/90 22079\n',
  'sys/class/thermal/thermal_zone0/type': 'x86_pkg_temp\n',
  'sys/class/thermal/thermal_zone0/temp': '45000\n',
  'sys/class/thermal/thermal_zone1/type': 'acpitz\n',
  'sys/class/thermal/thermal_zone1/temp': '-5250\n',
  'sys/class/thermal/thermal_zone2/type': 'acpitz\n',
  'sys/class/thermal/thermal_zone2/temp': '16800\n',
  'sys/class/thermal/cooling_device0/temp': '1\n',
  'sys/class/hwmon/hwmon0/name': 'coretemp\n',
  'sys/class/hwmon/hwmon0/temp1_input': '51000\n',
  'sys/class/hwmon/hwmon0/temp1_label': 'Package id 0\n',
  'sys/class/hwmon/hwmon0/temp2_input': '52000\n',
  'sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': '1200000\n',
  'sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq': '3400000\n',
};

/** Everything of `SMALL_MACHINE`, but for the time. */
export const SMALL_MACHINE_EVENT: PlainEvent = {
  late_ns: 0,
  missed: 0,
  ...cpu('cpu', [30, 1, 20, 1000, 5, 0, 3, 2, 0, 0]),
  ...cpu('cpu0', [10, 1, 5, 400, 2, 0, 1, 1, 0, 0]),
  ...cpu('cpu1', [20, 0, 15, 600, 3, 0, 2, 1, 0, 0]),
  interrupts: 900,
  context_switches: 12345,
  processes_created: 77,
  processes_running: 2,
  processes_blocked: 1,
  softirqs: 280,
  softirq_hi: 1,
  softirq_timer: 2,
  softirq_net_tx: 3,
  softirq_net_rx: 4,
  softirq_block: 5,
  softirq_irq_poll: 6,
  softirq_tasklet: 7,
  softirq_sched: 8,
  softirq_hrtimer: 9,
  softirq_rcu: 10,
  interrupt_0_timer: 7,
  interrupt_3_virtio0_config: 33,
  interrupt_6_6_edge: 55,
  mem_total_bytes: 24684084 * 1024,
  mem_free_bytes: 24177912 * 1024,
  mem_available_bytes: 24232008 * 1024,
  mem_buffers_bytes: 3312 * 1024,
  mem_cached_bytes: 103928 * 1024,
  swap_total_bytes: 0,
  swap_free_bytes: 0,
  mem_dirty_bytes: 120 * 1024,
  mem_writeback_bytes: 0,
  mem_anonymous_bytes: 19544 * 1024,
  mem_mapped_bytes: 10812 * 1024,
  mem_shared_bytes: 8872 * 1024,
  mem_slab_bytes: 303548 * 1024,
  mem_committed_bytes: 66772 * 1024,
  paged_in_kib: 17731977,
  paged_out_kib: 1383916108,
  swapped_in_pages: 0,
  swapped_out_pages: 4,
  page_faults: 931258674,
  major_page_faults: 28,
  scanned_by_kswapd_pages: 5,
  scanned_directly_pages: 6,
  out_of_memory_kills: 1,
  disk_vda_reads: 963008,
  disk_vda_read_bytes: 35463954 * 512,
  disk_vda_read_ms: 4061608,
  disk_vda_writes: 9053542,
  disk_vda_written_bytes: 2767832216 * 512,
  disk_vda_write_ms: 26535510,
  disk_vda_in_flight: 3,
  disk_vda_busy_ms: 2089688,
  disk_vda_queue_ms: 31244411,
  disk_cciss_c0d0_reads: 10,
  disk_cciss_c0d0_read_bytes: 30 * 512,
  disk_cciss_c0d0_read_ms: 40,
  disk_cciss_c0d0_writes: 50,
  disk_cciss_c0d0_written_bytes: 70 * 512,
  disk_cciss_c0d0_write_ms: 80,
  disk_cciss_c0d0_in_flight: 90,
  disk_cciss_c0d0_busy_ms: 100,
  disk_cciss_c0d0_queue_ms: 110,
  ...net('lo', [12772, 116, 0, 0, 12773, 117, 0, 0]),
  ...net('eth0', [2791509115, 77553, 1, 2, 6619593, 52620, 3, 4]),
  ...net('eth0_100', [1, 2, 3, 4, 9, 10, 11, 12]),
  pressure_cpu_some_us: 9037952337,
  pressure_cpu_full_us: 0,
  pressure_io_some_us: 955379242,
  pressure_io_full_us: 606773829,
  load_1min: 0.04,
  load_5min: 0.35,
  load_15min: 10.8,
  tasks: 90,
  temperature_x86_pkg_temp_0_millicelsius: 45000,
  temperature_acpitz_1_millicelsius: -5250,
  temperature_acpitz_2_millicelsius: 16800,
  temperature_coretemp_package_id_0_millicelsius: 51000,
  temperature_coretemp_temp2_millicelsius: 52000,
  cpu0_frequency_khz: 1200000,
  cpu1_frequency_khz: 3400000,
};

function cpu(name: string, ticks: readonly number[]): PlainEvent {
  const times = 'user nice system idle iowait irq softirq steal guest guest_nice'.split(' ');
  return Object.fromEntries(times.map((time, i) => [`${name}_${time}_ticks`, ticks[i]]));
}

function net(name: string, values: readonly number[]): PlainEvent {
  const kinds = ['bytes', 'packets', 'errors', 'dropped'];
  const fields = ['rx', 'tx'].flatMap((way) => kinds.map((kind) => `net_${name}_${way}_${kind}`));
  return Object.fromEntries(fields.map((field, i) => [field, values[i]]));
}

/** A `/proc` and a `/sys` in a directory that is deleted after the test. */
export class FakeMachine {
  readonly directory = mkdtempSync(join(tmpdir(), 'stratalog-machine-'));

  constructor(tree: Tree = SMALL_MACHINE) {
    made.push(this.directory);
    for (const [path, content] of Object.entries(tree)) this.write(path, content);
  }

  get roots(): { readonly proc: string; readonly sys: string } {
    return { proc: join(this.directory, 'proc'), sys: join(this.directory, 'sys') };
  }

  get options(): { readonly procPath: string; readonly sysPath: string } {
    return { procPath: this.roots.proc, sysPath: this.roots.sys };
  }

  /** What holds the file open sees what is written, as with the kernel's. */
  write(path: string, content: string | Uint8Array): void {
    const full = join(this.directory, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content, 'latin1');
  }

  remove(path: string): void {
    rmSync(join(this.directory, path), { recursive: true });
  }
}

/** Samples a machine by hand. */
export class Sampling {
  readonly counters: readonly Counter[];
  readonly schema: EventSchema<PlainEvent>;
  readonly sampler: Sampler;
  readonly #files: readonly FilePlan[];
  #tick = 0;

  constructor(machine: FakeMachine, groups: readonly string[] = ['all'], rateHz = 1000) {
    const files = mergePlans(survey(chooseGroups(groups), machine.roots));
    this.#files = files;
    this.counters = countersOf(files);
    this.schema = sampleSchema(this.counters, undefined);
    const pace = { rateHz, isEveryTick: true };
    this.sampler = new Sampler({ files, others: [] }, this.schema, pace);
  }

  /** Names of the fields that the line number `i` of a file as it is in `SMALL_MACHINE` gives. */
  fieldsOfLine(path: string, i: number): string[] {
    const line = (SMALL_MACHINE[path] as string).split('\n')[i] as string;
    const rows = this.#planOf(path)?.rows ?? [];
    const words = line.trim().split(/[ :]+/);
    const row = rows.find(({ key }) => key === (path.endsWith('diskstats') ? words[2] : words[0]));
    return (row?.columns ?? []).map(({ counter }) => counter.name);
  }

  fieldsOfFile(path: string): string[] {
    const rows = this.#planOf(path)?.rows ?? [];
    return rows.flatMap(({ columns }) => columns.map(({ counter }) => counter.name));
  }

  /** Byte of the event at which a field's value lies. */
  placeOf(name: string): number {
    return 4 * new EventImage(this.schema).placeOf(name).word;
  }

  /** The bytes of an event at `nowMs`. */
  bytesAt(nowMs: number): Uint8Array {
    return this.sampler.sample(this.#tick++, nowMs, 0, 0);
  }

  /** An event without its time. Within 100 ms of another, files are not looked through again. */
  eventAt(nowMs: number): PlainEvent {
    const { time_ns: _, ...event } = decodeEvent(this.schema, this.bytesAt(nowMs));
    return event;
  }

  #planOf(path: string): FilePlan | undefined {
    return this.#files.find((plan) => plan.path.endsWith(`/${path}`));
  }
}
