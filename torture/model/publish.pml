/*
 * Publishing and reading: the appender's stores against a cursor and random access, over a roll.
 *
 * The appender never reads what it has stored, so it is a list of stores. Each becomes visible at some
 * time: plain ones in any order (of one word: in theirs), one by `Atomics` only after all before it.
 * Nothing here is x64's order; what `Atomics` gives is release and acquire, and system calls and
 * `Atomics.add` are fences.
 *
 *   0..10   append/open-frame.ts appendBatch, seal; append/appender.ts #commit: records 0 and 1
 *   11..18  append/open-frame.ts append, seal; append/appender.ts #commit: record 2
 *   19..21  append/appender.ts #roll (segment/writable-segment.ts adopt names the segment)
 *   22..29  as before, in the new segment: record 3
 *   cursor  read/cursor.ts next, #walkOn, #atEnd, #enterSegment, previous;
 *           read/readable-segment.ts enterFrame, #checkFrame; read/segment-set.ts refresh
 *   access  read/reader.ts get; read/cursor.ts moveTo; read/readable-segment.ts locate
 *
 * Left out: what bytes there are (a word is stored or not), checksums (a frame is sound when all its
 * words are there), the flushed bound, verification remembered, damage. Loads below a bound are of
 * words that never change again, so that one order of them stands for all.
 *
 * Shows: no torn, half-committed or phantom record; none missed over a seal; a record below the count lies
 * below the position; the record before one that was seen is the one that `previous` goes to.
 */
#define STORES 30
#define WINDOW 9

#define PLAIN 0
#define RELEASE 1
#define FENCE 2

/* Words. */
#define PAYLOAD(r) (r)
#define LENGTH(r) (4 + (r))
#define ENTRY(r) (8 + (r))
#define HEADER(f) (12 + (f))
#define FRAME_LENGTH(f) (15 + (f))
#define POSITION(s) (18 + (s))
#define COUNT(s) (20 + (s))
#define SEALED(s) (22 + (s))
#define NAMED 24
#define BELL 25
#define WORDS 26

byte word[WORDS];
byte at_word[STORES];
byte value[STORES];
byte kind[STORES];
bit visible[STORES];
/* All stores below are visible. */
byte first = 0;

byte stores = 0;
inline store(w, v, k) { at_word[stores] = w; value[stores] = v; kind[stores] = k; stores++ }

inline commit(frame, segment, position, count) {
#ifdef POSITION_BEFORE_FRAME
  store(HEADER(frame), 1, PLAIN);
  store(POSITION(segment), position, RELEASE);
  store(FRAME_LENGTH(frame), 1, RELEASE);
  store(COUNT(segment), count, RELEASE);
#elif defined(COUNT_BEFORE_POSITION)
  store(HEADER(frame), 1, PLAIN);
  store(FRAME_LENGTH(frame), 1, RELEASE);
  store(COUNT(segment), count, RELEASE);
  store(POSITION(segment), position, RELEASE);
#elif defined(POSITION_PLAIN)
  store(HEADER(frame), 1, PLAIN);
  store(FRAME_LENGTH(frame), 1, PLAIN);
  store(POSITION(segment), position, PLAIN);
  store(COUNT(segment), count, RELEASE);
#else
  store(HEADER(frame), 1, PLAIN);
  store(FRAME_LENGTH(frame), 1, RELEASE);
  store(POSITION(segment), position, RELEASE);
  store(COUNT(segment), count, RELEASE);
#endif
  store(BELL, 1, FENCE)
}

/* One after the other becomes visible. */
active proctype appender() {
  byte i, j;
  bool may;
  d_step {
    store(PAYLOAD(0), 1, PLAIN); store(ENTRY(0), 1, PLAIN);
    store(PAYLOAD(1), 1, PLAIN); store(LENGTH(1), 1, PLAIN); store(ENTRY(1), 1, PLAIN);
    store(LENGTH(0), 1, PLAIN);
    commit(0, 0, 1, 2);
    store(PAYLOAD(2), 1, PLAIN); store(LENGTH(2), 1, PLAIN); store(ENTRY(2), 1, PLAIN);
#ifdef SEALED_BEFORE_POSITION
    store(NAMED, 1, FENCE);
    store(SEALED(0), 1, RELEASE);
    commit(1, 0, 2, 3);
#else
    commit(1, 0, 2, 3);
    store(NAMED, 1, FENCE);
    store(SEALED(0), 1, RELEASE);
#endif
    store(BELL, 2, FENCE);
    store(PAYLOAD(3), 1, PLAIN); store(LENGTH(3), 1, PLAIN); store(ENTRY(3), 1, PLAIN);
    commit(2, 1, 1, 1);
    assert(stores == STORES)
  }
  do
  :: first == STORES -> break
  :: else ->
    atomic {
      i = first;
      do
      :: i + 1 < STORES && i + 1 < first + WINDOW -> i++
      :: break
      od;
      d_step {
        may = !visible[i];
        j = first;
        do
        :: j < i ->
          if
          :: !visible[j] && (kind[i] != PLAIN || kind[j] == FENCE || at_word[j] == at_word[i]) -> may = false
          :: else
          fi;
          j++
        :: else -> break
        od;
        if
        :: may ->
          visible[i] = 1;
          word[at_word[i]] = value[i];
          do
          :: first < STORES && visible[first] -> first++
          :: else -> break
          od
        :: else
        fi;
        i = 0; j = 0
      }
    }
  od
}

/* Offset of the first record, and behind the last, of frame f. */
#define FROM(f) ((f) == 0 -> 0 : (f) + 1)
#define TO(f) ((f) + 2)

/* Reads a frame below the position, in the order of read/readable-segment.ts. */
inline check_frame() {
  assert(word[FRAME_LENGTH(frame)] == 1);
  assert(word[HEADER(frame)] == 1);
  r = FROM(frame);
  do
  :: r < TO(frame) ->
    assert(word[PAYLOAD(r)] == 1 && word[LENGTH(r)] == 1);
    assert(word[ENTRY(r)] == 1);
    r++
  :: else -> break
  od;
  r = 0
}

/* Offset that the count gives: read/segment-set.ts committedOffset, after refresh. */
inline bound() {
  if
  :: word[SEALED(0)] == 0 -> below = word[COUNT(0)]
  :: else -> below = 3 + word[COUNT(1)]
  fi
}

active proctype cursor() {
  byte segment, next, offset, position, frame, r, below, target;
  bool sealed;
  do
  :: offset == 4 -> break
  :: else ->
    position = word[POSITION(segment)];
    if
    :: next >= position ->
      sealed = word[SEALED(segment)];
#ifndef NO_SECOND_LOOK
      position = word[POSITION(segment)];
#endif
      if
      :: next < position -> skip
      :: next >= position && !sealed -> goto at_end
      :: next >= position && sealed ->
        assert(word[NAMED] == 1);
        /* Otherwise a segment would be looked for that never was. */
        assert(offset == 3);
        segment = 1;
        next = 0;
        goto at_end
      fi
    :: else
    fi;
    frame = (segment == 0 -> next : 2);
    check_frame();
    assert(offset == FROM(frame));
    offset = TO(frame);
    next++;
    /* Stands on the last record of the frame: back to the one before. */
    if
    :: offset == 2 ->
      target = 0;
#ifdef BACK_BY_COUNT
      bound();
      if
      :: target >= below -> target = below - 1
      :: else
      fi;
      below = 0;
#endif
      assert(target == 0)
    :: else
    fi;
at_end:
    position = 0;
    sealed = false;
    target = 0
  od
}

active proctype access() {
  byte below, offset, segment, position, frame, r, looks;
  do
  :: looks == 2 -> break
  :: looks < 2 ->
    bound();
    if
    :: below == 0 -> goto looked
    :: else
    fi;
    offset = 0;
    do
    :: offset + 1 < below -> offset++
    :: break
    od;
    segment = (offset < 3 -> 0 : 1);
    assert(word[ENTRY(offset)] == 1);
    position = word[POSITION(segment)];
    /* The frame that the entry leads to lies below the position. */
    assert((offset < 2 -> 0 : (offset == 2 -> 1 : 0)) < position);
    frame = (offset < 2 -> 0 : offset - 1);
    check_frame();
looked:
    below = 0; offset = 0; segment = 0; position = 0; frame = 0;
    looks++
  od
}
