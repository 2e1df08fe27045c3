/** What a capture takes events from, and what it gives them to. */
import type { EventSchema } from '../events/schema.js';

/**
 * Where events come from: a few lines for a serial port, a sensor binding, a message bus. What can be
 * written as an (async) iterable of events needs none: `capture` takes that as it is.
 */
export interface CaptureSource<Event = unknown> {
  /** What it is, for people: `udp 127.0.0.1:9000`. */
  readonly name: string;

  /**
   * Whether it gives, after the signal and before `run` returns, what it had received by then (default:
   * no, and nothing is taken after the signal).
   */
  readonly drains?: boolean;

  /**
   * Says what its events are, before anything of the log is changed. `own` is the schema that the options
   * of `capture` give, or else the one that the log has already; what is returned is the schema of the
   * capture, and must be the log's, or one that may follow it. May read a part of the input first; `signal`
   * ends that. Without this method it is `own`.
   * @throws whatever is wrong: nothing has happened then
   */
  open?(own: EventSchema | undefined, signal: AbortSignal): Promise<EventSchema<Event>>;

  /**
   * Gives events to `intake` until there are none left, or `intake.signal` says that it is enough: then it
   * has to end soon, because the capture waits for it. What it throws ends the capture as a failure, unless
   * it is an `AbortError` after that signal; everything that was taken stays.
   *
   * Let the event loop turn every few milliseconds: limits of time, other events, and commits by delay
   * depend on it.
   */
  run(intake: Intake<Event>): Promise<void>;

  /** Lets go of everything; called once, whatever happened, `open` having failed included. */
  close?(): Promise<void> | void;

  /** What it has to tell besides, for the report: its timing, its senders. Plain data. */
  report?(): Readonly<Record<string, unknown>>;
}

/** Where an event was in the input, for those who look at what was refused. */
export interface Origin {
  /** Number of the line, message or frame, from 1 on. */
  readonly line: number;
  /** The bytes of it; they are copied. */
  content(): Uint8Array;
  /** Who has sent it, if there may be several: `127.0.0.1:40312`. It is put behind the reason. */
  readonly sender?: string;
}

/** Takes the events of a source into the log. For one thread. */
export interface Intake<Event = unknown> {
  /** What events are. */
  readonly schema: EventSchema<Event>;
  /**
   * Aborted when the capture is to end: a limit is reached, the user has had enough, the disk is full. What
   * is given after that is not taken, but from a source that `drains`, until the intake is closed.
   */
  readonly signal: AbortSignal;
  /** Nothing is taken any more: a limit is reached, or the log takes no more. */
  readonly isClosed: boolean;
  /** Bytes of the largest event that the log takes. */
  readonly maxEventBytes: number;

  /**
   * Appends an event; the object may be used again. One that does not fit the schema is counted as
   * rejected, told to whoever watches, and is no error here.
   * @throws {LogError} the log takes nothing any more. The source passes it on, or just ends: the capture
   *   knows
   */
  append(event: Event, origin?: Origin): void;

  /** The same for an event that is a FlatBuffer already. It is checked, and copied. */
  appendFlatBuffer(bytes: Uint8Array, origin?: Origin): void;

  /** Counts input that is no event. */
  reject(reason: string, origin?: Origin): void;

  /**
   * Counts events that came and could not be taken, or never came: missed ticks, overflows of a receive
   * buffer. `why` is a word or two, always the same for the same reason. Counts also when the capture is
   * ending.
   */
  drop(count: number, why: string): void;

  /**
   * Whether the log needs time (it makes room): before giving more, `await ready()`. What is given all the
   * same is kept in memory up to 32 MiB, and beyond that counted as dropped (`log full`).
   */
  readonly isFull: boolean;
  /** Resolves when the log has room again, or the capture is ending. */
  ready(): Promise<void>;
}
