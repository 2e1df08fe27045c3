/*
 * Death of the process between any two stores, of an appender and of recovery itself: everything that was
 * appended is there, and nothing else, whole batches only; recovery comes to the same when it is
 * interrupted and begun again, and the next appender goes on.
 *
 * One thread stores in the order of its program, and the page cache keeps what it has stored: a death is
 * a jump to recovery, possible before every store.
 *
 *   append, batch  append/open-frame.ts append, appendBatch, #publish
 *   reservation    append/appender.ts reserve, #finishReservation; append/open-frame.ts clearReserved,
 *                  publishReserved
 *   commit         append/open-frame.ts seal, #begin; format/frame.ts sealFrame, publishFrame
 *   walk           recovery/survey.ts Walk, format/frame-scan.ts next
 *   salvage        recovery/recover.ts #salvage; format/frame.ts measureOpenFrame
 *   truncate       recovery/recover.ts #truncate
 *
 * A segment is a row of cells. A frame takes two for its header (length; all other fields and the
 * checksum) and two for each record (the length word with the distance; the payload). Whatever lies behind
 * what was stored is GARBAGE, which looks like a record of whatever frame: nothing here relies on memory
 * that is zero. (The word that a record clears is the next record's, and the next frame's length if the
 * frame ends there.) Left out: whether pages are resident (everything here is one boot), index and words
 * (never evidence), rolls, syncs, the copy of what is truncated.
 */
#define CELLS 16
#define RECORDS 4
#define DEATHS 3
#define GARBAGE 99
#define PRESENT(frame) (50 + (frame))

byte cell[CELLS];
/* Cells that a reservation may write. */
#define RESERVED 4

byte deaths = 0;
/* Records whose append has returned, and those that the call at hand adds. */
byte acknowledged = 0;
byte intended = 0;

/* The appender's variables. */
byte frame = 0;
byte position = 2;
byte count = 0;
byte committed = 0;

/* The walk's. */
byte tail, found, i, n, at;
bool fine;

#define DIES if :: deaths < DEATHS -> deaths++; goto dead :: true fi
#define STORE(c, v) DIES; cell[c] = v

inline check_frame_at(start) {
  fine = false;
  if
  :: start + 4 <= CELLS && cell[start] >= 4 && cell[start] < PRESENT(0) && start + cell[start] <= CELLS ->
    n = (cell[start] - 2) / 2;
    fine = (cell[start + 1] == 100 + n);
    i = 0;
    do
    :: i < n && fine ->
      fine = (cell[start + 2 + 2 * i] == PRESENT(start));
      i++
    :: else -> break
    od
  :: else
  fi
}

init {
  byte k;
  d_step {
    k = 0;
    do
    :: k < CELLS -> cell[k] = GARBAGE; k++
    :: else -> break
    od;
    k = 0
  };
  /* A segment begins with zeros, or behind what recovery has cleared; and OpenFrame's constructor. */
  cell[0] = 0;
  cell[2] = 0;

appending:
  do
  :: position + 2 <= CELLS && acknowledged < RECORDS ->
    /* One record. */
    intended = 1;
#ifdef LENGTH_BEFORE_PAYLOAD
    if :: position + 2 < CELLS -> STORE(position + 2, 0) :: else fi;
    STORE(position, PRESENT(frame));
    STORE(position + 1, acknowledged);
#else
    STORE(position + 1, acknowledged);
#ifndef NEXT_NOT_CLEARED
    if :: position + 2 < CELLS -> STORE(position + 2, 0) :: else fi;
#endif
    STORE(position, PRESENT(frame));
#endif
    position = position + 2;
    count++;
    acknowledged++;
    intended = 0
  :: position + 4 <= CELLS && acknowledged + 2 <= RECORDS ->
    /* A batch of two. */
    intended = 2;
    STORE(position + 1, acknowledged);
#ifdef FIRST_OF_BATCH_FIRST
    STORE(position, PRESENT(frame));
#endif
    STORE(position + 3, acknowledged + 1);
    STORE(position + 2, PRESENT(frame));
#ifndef NEXT_NOT_CLEARED
    if :: position + 4 < CELLS -> STORE(position + 4, 0) :: else fi;
#endif
#ifndef FIRST_OF_BATCH_FIRST
    STORE(position, PRESENT(frame));
#endif
    position = position + 4;
    count = count + 2;
    acknowledged = acknowledged + 2;
    intended = 0
  :: position + 1 + RESERVED <= CELLS && acknowledged < RECORDS ->
    /* A reservation, filled with what looks like records and lengths. */
    k = 0;
    do
    :: k < RESERVED -> STORE(position + 1 + k, PRESENT(frame)); k++
    :: else -> break
    od;
    k = 0;
    if
    :: true ->
      /* Abandoned. */
      do
      :: k < RESERVED -> STORE(position + 1 + k, 0); k++
      :: else -> break
      od
    :: true ->
      /* Published, with one cell of payload. */
      intended = 1;
      STORE(position + 1, acknowledged);
      k = 1;
      do
      :: k < RESERVED -> STORE(position + 1 + k, 0); k++
      :: else -> break
      od;
      if :: position + 2 < CELLS -> STORE(position + 2, 0) :: else fi;
      STORE(position, PRESENT(frame));
      position = position + 2;
      count++;
      acknowledged++;
      intended = 0
    fi;
    k = 0
  :: count > 0 ->
    /* Commit. */
#ifdef LENGTH_BEFORE_HEADER
    if :: position + 2 < CELLS -> STORE(position + 2, 0) :: else fi;
    STORE(frame, position - frame);
    STORE(frame + 1, 100 + count);
#elif defined(NEXT_FRAME_AFTER_PUBLISHING)
    STORE(frame + 1, 100 + count);
    STORE(frame, position - frame);
    if :: position + 2 < CELLS -> STORE(position + 2, 0) :: else fi;
#else
    STORE(frame + 1, 100 + count);
    if :: position + 2 < CELLS -> STORE(position + 2, 0) :: else fi;
    STORE(frame, position - frame);
#endif
    frame = position;
    position = position + 2;
    count = 0;
    committed = acknowledged
  :: acknowledged == RECORDS || position + 2 > CELLS -> goto finished
  od;

dead:
  k = 0;
  /* Survey: no store, so nothing to be interrupted. */
  d_step {
    tail = 0; found = 0;
    do
    :: check_frame_at(tail);
      if
      :: fine ->
        i = 0;
        do
        :: i < n ->
          /* Neither torn, nor reordered, nor invented. */
          assert(cell[tail + 3 + 2 * i] == found);
          found++; i++
        :: else -> break
        od;
        tail = tail + cell[tail]
      :: else -> break
      fi
    od;
    i = 0; n = 0; fine = false;
    assert(found >= committed)
  };
  /* Salvage: length word 0, and records that are present. */
  if
  :: tail + 4 <= CELLS && cell[tail] == 0 ->
    d_step {
      at = tail + 2; n = 0;
      do
      :: at + 2 <= CELLS && (cell[at] == PRESENT(tail) || cell[at] == GARBAGE) -> at = at + 2; n++
      :: else -> break
      od
    };
    if
    :: n > 0 ->
#ifndef SALVAGE_LEAVES_NEXT
      if :: at + 2 < CELLS -> STORE(at + 2, 0) :: else fi;
#endif
#ifdef SALVAGE_PUBLISHES_FIRST
      STORE(tail, at - tail);
      STORE(tail + 1, 100 + n);
#else
      STORE(tail + 1, 100 + n);
      STORE(tail, at - tail);
#endif
      d_step {
        i = 0;
        do
        :: i < n -> assert(cell[tail + 3 + 2 * i] == found); found++; i++
        :: else -> break
        od;
        i = 0
      };
      tail = at
    :: else
    fi
  :: else
  fi;
  n = 0; at = 0;
  /* All that returned; of the call at hand all or nothing. */
  assert(found == acknowledged || found == acknowledged + intended);
  d_step { acknowledged = found; intended = 0; committed = found };
  k = tail;
  do
  :: k < CELLS -> STORE(k, 0); k++
  :: else -> break
  od;
  k = 0;
  /* The next appender: OpenFrame's constructor. */
  frame = tail;
  position = tail + 2;
  count = 0;
  if :: position < CELLS -> STORE(position, 0) :: else fi;
  tail = 0; found = 0;
  goto appending;

finished:
  skip
}
