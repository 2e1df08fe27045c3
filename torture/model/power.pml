/*
 * Flushing, power cuts and recovery: what was flushed is there after any cut, also one during recovery or
 * behind it; what was truncated never comes back; a sync that failed is never reported as done; opening
 * does not fail.
 *
 * Each piece of a file has a content in the page cache and one on the disk. A sync writes what is dirty; it
 * may fail, and then what it should have written counts as clean all the same (so does a write-back by
 * the kernel), and the error is told to one sync of that descriptor, once. A cut keeps any subset of the
 * dirty pieces, of the names, and of the checkpoint, and nothing else of the cache.
 *
 *   FLUSHER   maintenance/flusher.ts #flush, takeBound, #sync, checkpoint, moveStart; maintenance/gate.ts
 *             throughGate, enter; append/durability.ts #storeAgain. 0 is the appender's, 1 the thread's
 *   append    append/appender.ts append, #commit: the flushed offset goes into the frame
 *   roll      append/appender.ts #roll
 *   drop      append/appender.ts dropBefore, append/log-steps.ts deleteSegments
 *   survey    recovery/survey.ts Walk, #lookBehindTail, #damage
 *   recovering  recovery/recover.ts recoverLog, #truncate, #storeAgain; append/open-appender.ts openLocked
 *
 * Three segment files: 0 with room for two frames; 1 and 2, which a roll makes, for one each. A frame
 * takes two pieces, so it can be torn. One record a frame, so offsets count frames. Left out: index and words
 * (never evidence after a cut), checksums (a frame is sound when both pieces are of it), salvage (death.pml),
 * clean closes, tearing of a piece. Chains, offsets and D are as in the code.
 */
#ifndef FRAMES
#define FRAMES 4
#endif
#ifndef CUTS
#define CUTS 2
#endif
#ifndef FAILURES
#define FAILURES 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

/* Pieces: segment 0 has 0..3; segment 1 has header 4 and frame 5, 6; segment 2 has 7 and 8, 9. */
#define PIECES 10
#define HEADER(s) (s == 1 -> 4 : 7)
#define SLOT(s, k) (s == 0 -> 2 * (k) : (s == 1 -> 5 : 8))
#define SEGMENT_OF(p) (p < 4 -> 0 : (p < 7 -> 1 : 2))
#define ROOM(s) (s == 0 -> 2 : 1)
#define HEADER_MARK 99

byte cache[PIECES];
byte disk[PIECES];
bit dirty[PIECES];
bit failed[3];
bit named[3];
bit named_on_disk[3];
byte base[3];
bit made[3];

/* The checkpoint, in the cache and on the disk. */
byte durable, start, from;
byte disk_durable, disk_start, disk_from;

/* Frames by number; 0 is none. */
byte previous[FRAMES + 1];
byte flushed_in[FRAMES + 1];
byte offset_of[FRAMES + 1];
bit dropped[FRAMES + 1];
byte frames = 0;

/* The log as its appender knows it: the frame of each offset. */
byte log[FRAMES];
byte next_offset = 0;
byte current = 0;
byte filled = 0;
byte last = 0;
/* The flushed word, and the offset that the appender has heard of. */
byte flushed = 0;
byte heard = 0;
bit poisoned = 0;

/* What was acknowledged as flushed. */
byte promised[FRAMES];
byte promises = 0;

byte gate = 0;
byte step[2];
byte bound[2];
bit thread_dead = 0;
bit checkpoints[2];

byte cuts = 0;
byte failures = 0;
byte deaths = 0;
byte drops = 0;
byte drop_step = 0;

/* Recovery. */
byte tail_segment, tail_slot, tail_offset, tail_frame, known;
byte recovering = 1;
byte i, f, s, k;
bool fine, more;

inline forget_appender() {
  gate = 0; step[0] = 0; step[1] = 0; bound[0] = 0; bound[1] = 0;
  checkpoints[0] = 0; checkpoints[1] = 0;
  thread_dead = 0; poisoned = 0; drop_step = 0;
  /* The errors of descriptors go with them. */
  failed[0] = 0; failed[1] = 0; failed[2] = 0;
  next_offset = 0; current = 0; filled = 0; last = 0; flushed = 0; heard = 0;
  i = 0;
  do :: i < FRAMES -> log[i] = 0; i++ :: else -> break od;
  i = 0;
  recovering = 1
}

/* Everything dirty of a file goes to the disk, or nothing and it is clean all the same. */
inline write_back(file) {
  d_step {
    i = 0;
    do
    :: i < PIECES ->
      if
      :: SEGMENT_OF(i) == file && dirty[i] -> disk[i] = cache[i]; dirty[i] = 0
      :: else
      fi;
      i++
    :: else -> break
    od;
    i = 0
  }
}
inline fail_write_back(file) {
  d_step {
    failures++;
    failed[file] = 1;
    i = 0;
    do
    :: i < PIECES ->
      if
      :: SEGMENT_OF(i) == file -> dirty[i] = 0
      :: else
      fi;
      i++
    :: else -> break
    od;
    i = 0
  }
}
#define IS_DIRTY(file) ((file == 0 && (dirty[0] || dirty[1] || dirty[2] || dirty[3])) || (file == 1 && (dirty[4] || dirty[5] || dirty[6])) || (file == 2 && (dirty[7] || dirty[8] || dirty[9])))
inline sync_begins(file) {
  if
  :: write_back(file)
  :: failures < FAILURES && IS_DIRTY(file) -> fail_write_back(file)
  fi
}

inline publish(r) {
  d_step {
    flushed = (bound[r] > flushed -> bound[r] : flushed);
    i = 0;
    do
    :: i < bound[r] -> promised[i] = log[i]; i++
    :: else -> break
    od;
    i = 0;
    promises = (bound[r] > promises -> bound[r] : promises)
  }
}

/* End of segment 0, if it is sealed. */
#define END0 (current == 0 -> next_offset : base[current])

#define FLUSHER(r) \
  :: !recovering && step[r] == 0 && !poisoned && flushed < next_offset && (r == 0 || !thread_dead) && GATE_OPEN(r) -> \
    atomic { ENTER(r); TAKE_BOUND(r); step[r] = 1 } \
  :: !recovering && step[r] == 1 -> \
    atomic { \
      PUBLISH_EARLY(r); \
      if \
      :: flushed < (bound[r] < END0 -> bound[r] : END0) && (drop_step == 0 || named[0]) || PUBLISHED_EARLY -> sync_begins(0); step[r] = 2 \
      :: else -> step[r] = 3 \
      fi \
    } \
  :: !recovering && step[r] == 2 -> \
    atomic { \
      if \
      :: failed[0] && FAILURE_TOLD -> failed[0] = 0; poisoned = 1; LEAVE(r); step[r] = 0 \
      :: else -> step[r] = 3 \
      fi \
    } \
  :: !recovering && step[r] == 3 -> \
    atomic { \
      if \
      :: current != 0 && bound[r] > base[current] -> sync_begins(current); step[r] = 4 \
      :: else -> step[r] = 6 \
      fi \
    } \
  :: !recovering && step[r] == 4 -> \
    atomic { \
      if \
      :: failed[current] && FAILURE_TOLD -> failed[current] = 0; poisoned = 1; LEAVE(r); step[r] = 0 \
      :: else -> step[r] = 5 \
      fi \
    } \
  :: !recovering && step[r] == 5 -> atomic { SYNC_NAMES; step[r] = 6 } \
  :: !recovering && step[r] == 6 -> \
    atomic { \
      BOUND_LATE(r); \
      publish(r); \
      if :: r == 0 -> heard = flushed :: else fi; \
      if \
      :: step[r] = 7 \
      :: LEAVE(r); step[r] = 0; bound[r] = 0 \
      fi \
    } \
  :: !recovering && step[r] == 7 -> \
    /* The checkpoint is in the cache. */ \
    d_step { \
      durable = (bound[r] > durable -> bound[r] : durable); \
      if :: current != 0 && flushed >= base[current] -> from = base[current] :: else fi; \
      step[r] = 8 \
    } \
  :: !recovering && step[r] == 8 -> \
    d_step { CHECKPOINT_SYNCED; LEAVE(r); step[r] = 0; bound[r] = 0 }

#define CHECKPOINT_SYNCED disk_durable = durable; disk_start = start; disk_from = from

#ifdef NO_GATE
#define GATE_OPEN(r) true
#define ENTER(r) skip
#define LEAVE(r) skip
#else
#define GATE_OPEN(r) (gate == 0 || (r == 0 && gate == 2 && thread_dead))
#ifdef ABANDONED_NOT_STORED_AGAIN
#define ENTER(r) gate = r + 1
#else
#define ENTER(r) if :: gate == 2 -> store_again(flushed) :: else fi; gate = r + 1
#endif
#define LEAVE(r) gate = 0
#endif

#ifdef FAILURE_IGNORED
#define FAILURE_TOLD false
#else
#define FAILURE_TOLD true
#endif
#ifdef NAMES_NOT_SYNCED
#define SYNC_NAMES skip
#else
#define SYNC_NAMES named_on_disk[0] = named[0]; named_on_disk[1] = named[1]; named_on_disk[2] = named[2]
#endif
#ifdef FLUSHED_BEFORE_SYNC
#define PUBLISH_EARLY(r) publish(r)
#define PUBLISHED_EARLY true
#elif defined(CHECKPOINT_BEFORE_SYNC)
#define PUBLISH_EARLY(r) durable = (bound[r] > durable -> bound[r] : durable)
#define PUBLISHED_EARLY false
#else
#define PUBLISH_EARLY(r) skip
#define PUBLISHED_EARLY false
#endif
#define TAKE_BOUND(r) bound[r] = next_offset
#ifdef BOUND_AFTER_SYNC
#define BOUND_LATE(r) bound[r] = next_offset
#else
#define BOUND_LATE(r) skip
#endif

/* Everything of the log from an offset on becomes dirty: also what the kernel believes to be clean. */
inline store_again(below) {
  d_step {
    i = 0;
    do
    :: i < next_offset ->
      if
      :: i >= below ->
        s = (current != 0 && i >= base[current] -> current : 0);
        k = SLOT(s, (s == 0 -> i : 0));
        dirty[k] = 1; dirty[k + 1] = 1
      :: else
      fi;
      i++
    :: else -> break
    od;
    /* The header page goes with the first frames. */
    if :: current != 0 && below <= base[current] -> dirty[HEADER(current)] = 1 :: else fi;
    i = 0; s = 0; k = 0
  }
}

/* Takes note of the frame in a slot: `f`, or 0 if none is sound there. */
inline look(segment, slot) {
  f = cache[SLOT(segment, slot)];
  f = (f == cache[SLOT(segment, slot) + 1] -> f : 0)
}
#define USABLE(x) (named[x] && base[x] >= start && (x == 0 || cache[HEADER(x)] == HEADER_MARK))

inline walk_segment(segment) {
  tail_segment = segment; tail_slot = 0;
  do
  :: tail_slot < ROOM(segment) ->
    look(segment, tail_slot);
    if
    :: f != 0 && offset_of[f] == tail_offset && (previous[f] == tail_frame || more) ->
      log[tail_offset] = f;
      tail_offset++; tail_frame = f; tail_slot++; more = false;
      known = (flushed_in[f] > known -> flushed_in[f] : known)
    :: else -> break
    fi
  :: else -> break
  od
}

inline look_for_flushed(segment) {
  k = 0;
  do
  :: k < ROOM(segment) ->
    look(segment, k);
    known = (f != 0 && flushed_in[f] > known -> flushed_in[f] : known);
    k++
  :: else -> break
  od;
  k = 0
}

inline survey() {
  d_step {
    known = durable; tail_offset = start; tail_frame = 0; more = (start > 0);
    /* Segments below the start that are still there are no part of it; one missing above is damage. */
    assert(start > 0 || named[0]);
    tail_segment = 0; tail_slot = 0;
    if
    :: from > 0 && USABLE(1) && base[1] == from -> s = 1
    :: from > 0 && USABLE(2) && base[2] == from -> s = 2
    :: else -> s = 0
    fi;
    if
    :: s != 0 && start < from ->
      /* What is before `from` is not walked; it must be there. */
      i = start;
      do
      :: i < from -> look(0, i); assert(f != 0 && offset_of[f] == i); log[i] = f; tail_frame = f; i++
      :: else -> break
      od;
      tail_offset = from
    :: else
    fi;
    if
    :: s == 0 && USABLE(0) ->
      walk_segment(0);
      /* On into the next segment from a frame of length 0, or the end. */
      if
      :: tail_slot == 2 || cache[SLOT(0, tail_slot)] == 0 ->
        if
        :: USABLE(1) && base[1] == tail_offset -> walk_segment(1)
        :: USABLE(2) && base[2] == tail_offset -> walk_segment(2)
        :: else
        fi
      :: else
      fi
    :: s == 0 && !USABLE(0) ->
      if
      :: USABLE(1) && base[1] == start -> walk_segment(1)
      :: USABLE(2) && base[2] == start -> walk_segment(2)
      :: else -> tail_segment = 3
      fi
    :: s != 0 -> walk_segment(s)
    fi;
    i = 0;
    do
    :: i < 3 ->
      if
      :: named[i] && base[i] >= start && (i == tail_segment || i != 0) -> look_for_flushed(i)
      :: else
      fi;
      i++
    :: else -> break
    od;
    /* Nothing that is known to be durable is missing. */
    assert(tail_offset >= known);
    assert(tail_offset >= promises);
    i = start;
    do
    :: i < promises -> assert(log[i] == promised[i]); i++
    :: else -> break
    od;
    /* Nothing that was truncated is anywhere in the log. */
    i = 0;
    do
    :: i < PIECES ->
      f = (i == 4 || i == 7 -> 0 : cache[i]);
      if
      :: named[SEGMENT_OF(i)] && f != 0 -> assert(!dropped[f])
      :: else
      fi;
      i++
    :: else -> break
    od;
    i = 0; f = 0; s = 0; more = false
  }
}

inline recover_sync(file) {
  sync_begins(file);
  if
  :: failed[file] -> forget_appender()
  :: else -> recovering++
  fi
}

init {
  d_step { named[0] = 1; named_on_disk[0] = 1; made[0] = 1 };
end:
  do
  /* --- The appender --- */
  :: !recovering && !poisoned && frames < FRAMES && filled < ROOM(current) ->
    d_step {
      frames++;
      previous[frames] = last;
      flushed_in[frames] = heard;
      offset_of[frames] = next_offset;
      k = SLOT(current, filled);
      cache[k] = frames; cache[k + 1] = frames; dirty[k] = 1; dirty[k + 1] = 1;
      log[next_offset] = frames;
      last = frames;
      filled++; next_offset++; k = 0
    }
  :: !recovering && !poisoned && current == 0 && filled > 0 && frames < FRAMES && step[0] == 0 && !(made[1] && made[2]) ->
    d_step {
      s = (made[1] -> 2 : 1);
      made[s] = 1; named[s] = 1; base[s] = next_offset;
      cache[HEADER(s)] = HEADER_MARK; dirty[HEADER(s)] = 1;
      current = s; filled = 0; s = 0
    }
  :: !recovering && heard != flushed && step[0] == 0 -> heard = flushed
  /* --- Dropping segment 0 --- */
  :: !recovering && !poisoned && drop_step == 0 && start == 0 && current != 0 && flushed >= base[current] && gate == 0 && step[0] == 0 ->
    d_step {
#ifdef UNLINKED_BEFORE_START
      named[0] = 0;
#else
      start = base[current]; from = (from > start -> from : start); durable = (durable > start -> durable : start);
#endif
      gate = 1; drop_step = 1
    }
  :: !recovering && drop_step == 1 ->
    d_step {
#ifdef UNLINKED_BEFORE_START
      start = base[current]; from = (from > start -> from : start); durable = (durable > start -> durable : start);
#elif !defined(START_NOT_SYNCED)
      CHECKPOINT_SYNCED;
#endif
      drop_step = 2
    }
  :: !recovering && drop_step == 2 ->
    d_step {
#ifdef UNLINKED_BEFORE_START
      CHECKPOINT_SYNCED;
#endif
      named[0] = 0; gate = 0; drop_step = 3
    }
  :: !recovering && drop_step == 3 && gate == 0 ->
    d_step { SYNC_NAMES; drop_step = 4 }
  /* --- The two flushers --- */
  FLUSHER(0)
  FLUSHER(1)
  /* --- The thread ends inside the gate; an error may have been told to it. --- */
  :: !recovering && !thread_dead && step[1] > 0 && deaths < DEATHS ->
    atomic {
      deaths++; thread_dead = 1;
      if
      :: failed[0] = 0; failed[1] = 0; failed[2] = 0
      :: true
      fi;
      step[1] = 0; bound[1] = 0
    }
  /* --- The kernel writes back by itself, and fails --- */
  :: failures < FAILURES && IS_DIRTY(0) -> fail_write_back(0)
  :: failures < FAILURES && current == 1 && IS_DIRTY(1) -> fail_write_back(1)
  /* --- The process dies, or closes its poisoned log --- */
  :: deaths < DEATHS || poisoned ->
    d_step { if :: !poisoned -> deaths++ :: else fi; forget_appender() }
  /* --- The power goes --- */
  :: cuts < CUTS ->
    atomic {
      cuts++;
      i = 0;
      do
      :: i < PIECES ->
        if
        :: !dirty[i]
        :: dirty[i] -> disk[i] = cache[i]
        :: dirty[i]
        fi;
        i++
      :: else -> break
      od;
      i = 0;
      do
      :: i < 3 ->
        if
        :: named[i] == named_on_disk[i]
        :: named[i] != named_on_disk[i] -> named_on_disk[i] = named[i]
        :: named[i] != named_on_disk[i]
        fi;
        i++
      :: else -> break
      od;
      i = 0;
      if
      :: CHECKPOINT_SYNCED
      :: true
      fi;
      d_step {
        do
        :: i < PIECES -> cache[i] = disk[i]; dirty[i] = 0; i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < 3 -> named[i] = named_on_disk[i]; i++
        :: else -> break
        od;
        i = 0;
        durable = disk_durable; start = disk_start; from = disk_from;
        forget_appender()
      }
    }
  /* --- Recovery --- */
  :: recovering == 1 ->
    survey();
#ifndef LEFTOVERS_BEFORE_START
    /* What a drop has left is deleted when its start is durable, and not before. */
    d_step {
      if
      :: start > 0 && named[0] -> CHECKPOINT_SYNCED
      :: else
      fi
    };
#endif
    recovering = 2
  :: recovering == 2 ->
    /* Later segments go aside. */
    d_step {
      i = 1;
#ifndef NOT_SET_ASIDE
      do
      :: i < 3 ->
        if
        :: named[i] && i != tail_segment && base[i] >= start -> named[i] = 0
        :: else
        fi;
        i++
      :: else -> break
      od;
#endif
      if
      :: tail_segment != 0 && start > 0 -> named[0] = 0
      :: else
      fi;
      i = 0;
      recovering = 3
    }
  :: recovering == 3 ->
    d_step {
#ifndef ASIDE_NOT_SYNCED
      SYNC_NAMES;
#endif
      recovering = (tail_segment == 3 -> 9 : 4)
    }
  :: recovering == 4 ->
    /* Zeros behind the tail. */
    d_step {
      i = SLOT(tail_segment, tail_slot);
      more = (tail_slot < ROOM(tail_segment));
#ifndef NOT_ZEROED
      fine = false;
      k = (tail_segment == 0 -> 4 : i + 2);
      do
      :: more && i < k -> fine = (fine || cache[i] != 0); cache[i] = 0; i++
      :: else -> break
      od;
#ifndef ZEROS_NOT_STORED_AGAIN
      fine = true;
#endif
      i = SLOT(tail_segment, tail_slot);
      do
      :: more && fine && i < k -> dirty[i] = 1; i++
      :: else -> break
      od;
#endif
      more = false; fine = false; i = 0; k = 0;
      recovering = 5
    }
#ifdef RECOVERY_NOT_SYNCED
  :: recovering == 5 -> recovering = 9
#else
  :: recovering == 5 -> atomic { recover_sync(tail_segment) }
#endif
  :: recovering == 6 ->
#ifdef NOT_STORED_AGAIN
    recovering = 9
#else
    d_step {
      next_offset = tail_offset; current = tail_segment;
      store_again(known);
      next_offset = 0; current = 0;
      recovering = 7
    }
#endif
  :: recovering == 7 -> atomic { if :: USABLE(0) -> recover_sync(0) :: else -> recovering = 8 fi }
  :: recovering == 8 -> atomic { if :: tail_segment != 0 -> recover_sync(tail_segment) :: else -> recovering = 9 fi }
  :: recovering == 9 ->
    d_step {
#ifndef ASIDE_NOT_SYNCED
      SYNC_NAMES;
#endif
      recovering = 10
    }
  :: recovering == 10 && tail_segment != 3 ->
    d_step { durable = tail_offset; from = base[tail_segment]; recovering = 11 }
  :: recovering == 10 && tail_segment == 3 -> break
  :: recovering == 11 ->
    d_step {
      CHECKPOINT_SYNCED;
      next_offset = tail_offset; current = tail_segment; filled = tail_slot; last = tail_frame;
      flushed = tail_offset; heard = tail_offset;
      i = 0;
      do
      :: i < tail_offset -> promised[i] = log[i]; i++
      :: else -> break
      od;
      promises = (tail_offset > promises -> tail_offset : promises);
      /* Every frame that is not part of the log now is gone for good. */
      i = 1;
      do
      :: i <= frames ->
        dropped[i] = (offset_of[i] >= tail_offset || log[offset_of[i]] != i);
        if :: offset_of[i] < start -> dropped[i] = 0 :: else fi;
        i++
      :: else -> break
      od;
      i = 0; known = 0; tail_offset = 0; tail_segment = 0; tail_slot = 0; tail_frame = 0;
      recovering = 0
    }
  :: !recovering && frames == FRAMES && flushed == next_offset && gate == 0 && step[0] == 0 && step[1] == 0 -> break
  :: poisoned && cuts == CUTS -> break
  od
}
