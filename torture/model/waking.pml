/*
 * Waiting and waking: no reader sleeps while there is something for it to see and nobody is going to wake
 * it. A sleep has no end here (the slices of the code are left out), so that a wake-up that is lost is a
 * deadlock, which the checker finds as an end state that is none.
 *
 *   ringer    append/appender.ts #commit, control/bell.ts ring, #wake
 *   blocked   read/tailer.ts #block, control/bell.ts prepareSleep, sleep; the futex call compares and
 *             falls asleep in one step, as the kernel does
 *   loop      read/tailer.ts #nextUntil, #waitForNews; read/watch.ts wait, #announce: tailers of one
 *             event loop, whose code runs one piece at a time
 *   watcher   read/watch-thread.ts run, #receive, #arm, #sleep; WatchClient.send
 *
 * Two blocked tailers; or, with WATCHED, two on an event loop that share a watch. Stores and loads by `Atomics` are
 * sequentially consistent, so they are single steps; with FLAG_PLAIN the store of the flag waits in a
 * store buffer. Left out: counters that wrap, the death of a writer (a slice's end is what notices it),
 * closing.
 */
#ifdef WATCHED
#define RINGS 2
#else
#define RINGS 3
#endif
#define BLOCKED 2
#define LOOPED 2
#define NOTHING 15

byte data = 0;
byte bell = 0;
bit flag = 0;
bit asleep[BLOCKED];
bit watcher_asleep = 0;

inline wake_all() {
  d_step { asleep[0] = 0; asleep[1] = 0; watcher_asleep = 0 }
}
inline wake_one() {
  if
  :: asleep[0] -> asleep[0] = 0
  :: else -> asleep[1] = 0; watcher_asleep = 0
  fi
}

active proctype ringer() {
  bit seen, cleared;
  do
  :: data == RINGS -> break
  :: else ->
#ifdef COUNTER_BEFORE_NEWS
    cleared = flag;
    if
    :: cleared -> flag = 0
    :: else
    fi;
    bell++;
    seen = flag;
    if
    :: seen || cleared -> wake_all()
    :: else
    fi;
    data++;
#elif defined(CLEARED_AFTER_COUNTING)
    data++;
    bell++;
    seen = flag;
    if
    :: seen ->
      flag = 0;
      wake_all()
    :: else
    fi;
#else
    data++;
    cleared = flag;
    if
    :: cleared -> flag = 0
    :: else
    fi;
#ifdef FLAG_BEFORE_COUNTER
    seen = flag;
    bell++;
#else
    bell++;
    seen = flag;
#endif
    if
#ifdef CLEARED_UNWOKEN
    :: seen ->
#else
    :: seen || cleared ->
#endif
#ifdef WAKES_ONE
      atomic { wake_one() }
#else
      wake_all()
#endif
    :: else
    fi;
#endif
    cleared = 0;
    seen = 0
  od
}

#ifndef WATCHED
active [BLOCKED] proctype blocked() {
  byte count, got;
#ifdef FLAG_PLAIN
  bit stored;
#endif
  do
  :: got == RINGS -> break
  :: else ->
#ifdef COUNTED_AFTER_LOOK
    if
    :: got < data -> got = data; goto next
    :: else
    fi;
    count = bell;
#else
    count = bell;
    if
    :: got < data -> got = data; goto next
    :: else
    fi;
#endif
#ifdef FLAG_PLAIN
    stored = 1;
    if
    :: bell != count -> goto drained
    :: else
    fi;
    atomic {
      if
      :: bell == count -> asleep[_pid - 1] = 1
      :: else
      fi
    };
    flag = 1;
    !asleep[_pid - 1];
    goto next;
drained:
    flag = 1
#elif defined(SLEEPS_UNANNOUNCED)
    atomic {
      if
      :: bell == count -> asleep[_pid - 1] = 1
      :: else
      fi
    };
    !asleep[_pid - 1]
#else
    flag = 1;
    if
    :: bell != count -> goto next
    :: else
    fi;
    /* The system call: the kernel compares once more. */
#ifdef KERNEL_DOES_NOT_COMPARE
    asleep[_pid - 1] = 1;
#else
    atomic {
      if
      :: bell == count -> asleep[_pid - 1] = 1
      :: else
      fi
    };
#endif
    !asleep[_pid - 1]
#endif
next:
    count = 0
  od
}

#else
/* Messages to the watching thread: the count that it is to compare with. */
chan arms = [4] of { byte };
byte command = 0;
bit told = 0;

inline send_arm(n) {
  arms!n;
#ifndef ARMED_SILENTLY
  command = (command + 1) % 8;
  watcher_asleep = 0
#endif
}

/* Both tailers have all there is. */
#define DONE (has[0] == RINGS && has[1] == RINGS)

byte has[LOOPED];
bit waits[LOOPED];

active proctype loop() {
  byte count[LOOPED];
  byte armed = NOTHING;
  byte i;
  do
  :: DONE -> break
  :: !DONE ->
    i = 0;
    if
    :: !waits[0]
    :: !waits[1] -> i = 1
    :: told ->
      /* The thread's message. */
      atomic { told = 0; armed = NOTHING; waits[0] = 0; waits[1] = 0 };
      goto again
    fi;
    count[i] = bell;
    if
    :: has[i] < data -> has[i] = data
    :: else ->
      waits[i] = 1;
      if
      :: armed == count[i] -> skip
      :: else ->
        armed = count[i];
        send_arm(count[i])
      fi
    fi;
again:
    i = 0
  od
}

active proctype watcher() {
  byte expected, seen, armed;
  armed = NOTHING;
end:
  do
  :: DONE -> break
  :: !DONE ->
    expected = command;
    do
    :: arms?seen ->
#ifdef DIFFERENT_COUNTS_KEPT
      armed = seen
#else
      if
      :: armed == NOTHING || armed == seen -> armed = seen
      :: else -> armed = NOTHING; told = 1
      fi
#endif
    :: empty(arms) -> break
    od;
    seen = 0;
    if
    :: armed == NOTHING -> skip
    :: else ->
      flag = 1;
      if
      :: bell != armed -> armed = NOTHING; told = 1
      :: else
      fi
    fi;
    /* Sleeps on its own word and, if it is asked to, on the bell. */
    atomic {
      if
      :: command == expected && (armed == NOTHING || bell == armed) -> watcher_asleep = 1
      :: else
      fi
    };
    !watcher_asleep || DONE;
    expected = 0
  od
}
#endif
