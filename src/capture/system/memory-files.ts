/** `/proc/meminfo` and `/proc/vmstat`: what memory holds, and what moves in and out of it. */
import { join } from 'node:path';
import type { ColumnPlan, FilePlan } from './plan.js';
import { NOT_EVERY_TICK, planOf, type Line, type Roots } from './survey.js';

type Meanings = Readonly<Record<string, readonly [name: string, meaning: string]>>;

const MEMORY: Meanings = {
  MemTotal: ['mem_total_bytes', 'Memory that the kernel has'],
  MemFree: ['mem_free_bytes', 'Memory that holds nothing'],
  MemAvailable: ['mem_available_bytes', 'Memory that programs could get without swapping'],
  Buffers: ['mem_buffers_bytes', 'Cache of block devices'],
  Cached: ['mem_cached_bytes', 'Page cache of files'],
  Dirty: ['mem_dirty_bytes', 'Pages that have to be written to disk'],
  Writeback: ['mem_writeback_bytes', 'Pages on their way to disk'],
  AnonPages: ['mem_anonymous_bytes', 'Memory of programs that is of no file'],
  Mapped: ['mem_mapped_bytes', 'Files mapped into programs'],
  Shmem: ['mem_shared_bytes', 'Shared memory and tmpfs'],
  Slab: ['mem_slab_bytes', 'Structures of the kernel'],
  Committed_AS: ['mem_committed_bytes', 'Memory that programs have been promised'],
  SwapTotal: ['swap_total_bytes', 'Swap space'],
  SwapFree: ['swap_free_bytes', 'Swap space that holds nothing'],
};

const PAGING: Meanings = {
  pgpgin: ['paged_in_kib', 'Read from disks since the start, in KiB'],
  pgpgout: ['paged_out_kib', 'Written to disks since the start, in KiB'],
  pswpin: ['swapped_in_pages', 'Pages read from swap since the start'],
  pswpout: ['swapped_out_pages', 'Pages written to swap since the start'],
  pgfault: ['page_faults', 'Page faults since the start'],
  pgmajfault: ['major_page_faults', 'Page faults that needed a disk, since the start'],
  pgscan_kswapd: ['scanned_by_kswapd_pages', 'Pages looked at in the background for reclaim'],
  pgscan_direct: ['scanned_directly_pages', 'Pages looked at for reclaim while a program waited'],
  oom_kill: ['out_of_memory_kills', 'Processes killed for want of memory, since the start'],
};

const KIB = 1024;
/** Most of it the kernel itself adds up over all processors once a second; and both files are long. */
const MAX_HZ = 100;

export function surveyMemory({ proc }: Roots): FilePlan[] {
  return planOf(join(proc, 'meminfo'), memoryColumns, { maxHz: MAX_HZ });
}

function memoryColumns({ key, words: [, unit] }: Line): ColumnPlan[] {
  const known = Object.hasOwn(MEMORY, key) ? MEMORY[key] : undefined;
  // The kernel's kB are KiB.
  if (known === undefined || unit !== 'kB') return [];
  const [name, meaning] = known;
  const counter = {
    group: 'memory',
    name,
    type: 'ulong',
    comment: `${meaning}, in bytes${NOT_EVERY_TICK}`,
  } as const;
  return [{ column: 0, notation: 'unsigned', scale: KIB, counter }];
}

export function surveyPaging({ proc }: Roots): FilePlan[] {
  return planOf(join(proc, 'vmstat'), pagingColumns, { maxHz: MAX_HZ });
}

function pagingColumns({ key }: Line): ColumnPlan[] {
  const known = Object.hasOwn(PAGING, key) ? PAGING[key] : undefined;
  if (known === undefined) return [];
  const [name, meaning] = known;
  const comment = `${meaning}${NOT_EVERY_TICK}`;
  const counter = { group: 'paging', name, type: 'ulong', comment } as const;
  return [{ column: 0, notation: 'unsigned', counter }];
}
