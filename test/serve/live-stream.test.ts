/** A client that does not take what it is sent, by a clock that is set. */
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiveStream } from '../../src/serve/live-stream.js';

/** As much of a response as a stream uses. */
class Response extends EventEmitter {
  readonly written: string[] = [];
  isTaking = true;
  headersSent = false;
  isDestroyed = false;

  writeHead(): void {
    this.headersSent = true;
  }

  write(text: string): boolean {
    this.written.push(text);
    return this.isTaking;
  }

  end(): void {
    this.isDestroyed = true;
    this.emit('close');
  }

  destroy(): void {
    this.end();
  }
}

function opened(): { response: Response; stream: LiveStream; ends: () => number } {
  const response = new Response();
  let ends = 0;
  const stream = new LiveStream(response as unknown as ServerResponse, () => ends++);
  stream.send('hello', '{}');
  return { response, stream, ends: () => ends };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a live stream', () => {
  it('writes nothing more to a client that has not taken the last event, and goes on when it has', () => {
    const { response, stream } = opened();
    response.isTaking = false;
    stream.send('frame', 'one');
    const before = response.written.length;
    stream.send('frame', 'two');
    expect(response.written.length).toBe(before);
    response.isTaking = true;
    response.emit('drain');
    stream.send('frame', 'three');
    expect(response.written.slice(before)).toEqual(['event: frame\ndata: three\n\n']);
  });

  it('cuts off a client that takes nothing for fifteen seconds, and not before', () => {
    const { response, stream, ends } = opened();
    response.isTaking = false;
    stream.send('frame', 'one');
    vi.advanceTimersByTime(15_000);
    stream.send('frame', 'two');
    expect(response.isDestroyed).toBe(false);
    vi.advanceTimersByTime(1);
    stream.send('frame', 'three');
    expect(response.isDestroyed).toBe(true);
    expect(ends()).toBe(1);
  });

  it('counts the time anew whenever the client has taken something', () => {
    const { response, stream } = opened();
    response.isTaking = false;
    for (let i = 0; i < 4; i++) {
      stream.send('frame', String(i));
      vi.advanceTimersByTime(10_000);
      response.emit('drain');
    }
    expect(response.isDestroyed).toBe(false);
  });

  it('ends once, and says nothing afterwards', () => {
    const { response, stream, ends } = opened();
    stream.end();
    const before = response.written.length;
    stream.end();
    stream.send('frame', 'late');
    expect(ends()).toBe(1);
    expect(response.written.length).toBe(before);
  });
});
