/**
 * Isolates: what capturing a datagram costs beyond receiving it. Events of 64 bytes come over the loopback
 * faster than anybody in JavaScript receives them, and are counted by a bare `dgram` socket, or captured
 * into a log, in turn. The sender is a process of its own that hands the kernel 64 datagrams a call. Both
 * sides receive at their limit, so the kernel drops, and tells how many: sent = received + dropped.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { capture, defineSchema, encodeEvent, udpSource, verifyLog } from '../dist/index.js';
import { KernelDrops } from '../dist/capture/net/kernel-drops.js';
import { GiB, freshPath, line, median, settle, title, warmPageCache } from './harness.mjs';

const SCHEMA = defineSchema('bench.Sample', [
  { name: 'time_ns', type: 'long' },
  { name: 'sensor', type: 'uint' },
  { name: 'x', type: 'double' },
  { name: 'y', type: 'double' },
  { name: 'z', type: 'double' },
  { name: 'flags', type: 'uint' },
]);
const EVENT = encodeEvent(SCHEMA, {
  time_ns: 1_700_000_000_000_000_000n,
  sensor: 7,
  x: 0.5,
  y: 1.5,
  z: 2.5,
});
/** As many as the kernel takes to cut one call into. */
const DATAGRAMS_A_CALL = 64;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const SECONDS = 2;

if (process.argv[2] === 'send') await send(Number(process.argv[3]), Number(process.argv[4]));
else await compare(Number(process.argv[2] ?? 7), Number(process.argv[3] ?? 1));

async function compare(rounds, senders) {
  title(
    `datagrams of ${EVENT.length} bytes on the loopback, ${senders} sender(s), ${SECONDS} s each`,
  );
  warmPageCache(GiB);
  const sides = { bare: [], captured: [] };
  // The first of each is not counted.
  for (let round = 0; round <= rounds; round++) {
    const bare = await receiveBare(senders);
    const captured = await receiveIntoLog(senders);
    if (round === 0) continue;
    sides.bare.push(bare);
    sides.captured.push(captured);
    const ratio = captured.perSecond / bare.perSecond;
    console.log(`  round ${round}: captured ${ratio.toFixed(3)} of bare`);
  }
  show('bare dgram that counts', sides.bare);
  show('captured into a log', sides.captured);
  const ratios = sides.captured.map(({ perSecond }, i) => perSecond / sides.bare[i].perSecond);
  console.log(
    `  processor time of bare by that of captured ${(cpuOf(sides.bare) / cpuOf(sides.captured)).toFixed(3)}`,
  );
  console.log(
    `  captured of bare, median of rounds ${median(ratios).toFixed(3)}, best of each ${(best(sides.captured) / best(sides.bare)).toFixed(3)}`,
  );
}

function show(name, runs) {
  const { sent, received, dropped, events } = runs.at(-1);
  const all = `sent ${sent}, received ${received}, dropped by the kernel ${dropped}`;
  const inLog = events === undefined ? '' : `, in the log ${events}`;
  const rates = runs.map(({ perSecond }) => perSecond);
  const cpu = `${cpuOf(runs).toFixed(2)} us of processor each`;
  line(
    name,
    median(rates),
    'event',
    `best ${Math.round(best(runs))}, ${cpu}; last: ${all}${inLog}`,
  );
}

function cpuOf(runs) {
  return median(runs.map(({ cpuUs }) => cpuUs));
}

function best(runs) {
  return Math.max(...runs.map(({ perSecond }) => perSecond));
}

async function receiveBare(senders) {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
  let received = 0;
  socket.on('message', () => {
    received++;
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  const kernel = KernelDrops.of('127.0.0.1', port);
  const { sent, ...speed } = await flood(port, senders, () => received);
  const dropped = kernel.count();
  socket.close();
  check(sent, received + dropped);
  return { sent, received, dropped, ...speed };
}

async function receiveIntoLog(senders) {
  const path = freshPath('udp');
  settle();
  const enough = new AbortController();
  let received = () => 0;
  const source = udpSource({
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    onListening: ({ port }) => {
      received = () => source.report().datagrams;
      void floodUntilEnough(port);
    },
  });
  let result;
  async function floodUntilEnough(port) {
    result = await flood(port, senders, received);
    enough.abort();
  }
  const { events, dropped, details } = await capture(source, path, {
    schema: SCHEMA,
    signal: enough.signal,
  });
  const kernelDrops = dropped['receive buffer'] ?? 0;
  check(result.sent, details.datagrams + kernelDrops);
  check(details.datagrams, events);
  check(verifyLog(path).records, events);
  freshPath('udp');
  return { ...result, received: details.datagrams, dropped: kernelDrops, events };
}

/** Has senders send, and looks what is received in the middle of that. */
async function flood(port, senders, received) {
  const self = fileURLToPath(import.meta.url);
  const children = Array.from({ length: senders }, () =>
    spawn(process.execPath, [self, 'send', String(port), String(SECONDS)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  await Promise.all(children.map(({ stdout }) => once(stdout, 'data')));
  await passed(200);
  const [from, fromAt, cpuFrom] = [received(), performance.now(), threadNs()];
  await passed((SECONDS - 0.4) * 1000);
  const count = received() - from;
  const perSecond = (count * 1000) / (performance.now() - fromAt);
  const cpuUs = (threadNs() - cpuFrom) / 1000 / count;
  const counts = await Promise.all(children.map(sentBy));
  // What is in the kernel's buffer is received.
  let before;
  do {
    before = received();
    await passed(50);
  } while (received() !== before);
  return { sent: counts.reduce((sum, each) => sum + each, 0), perSecond, cpuUs };
}

/** Processor time of this thread. */
function threadNs() {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
}

async function sentBy({ stdout }) {
  const [text] = await once(stdout, 'data');
  return Number(text);
}

function passed(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function check(expected, found) {
  if (expected !== found) throw new Error(`Expected ${expected}, found ${found}`);
}

/** The kernel cuts what it is given into datagrams (UDP_SEGMENT), so sending costs little. */
async function send(port, seconds) {
  const library = koffi.load(null);
  const socket = library.func('socket', 'int', ['int', 'int', 'int']);
  const setOption = library.func('setsockopt', 'int', [
    'int',
    'int',
    'int',
    'uint8_t *',
    'uint32_t',
  ]);
  const connect = library.func('connect', 'int', ['int', 'uint8_t *', 'uint32_t']);
  const sendBytes = library.func('send', 'int64_t', ['int', 'uint8_t *', 'size_t', 'int']);
  const [AF_INET, SOCK_DGRAM, SOL_UDP, UDP_SEGMENT] = [2, 2, 17, 103];
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  check(0, setOption(fd, SOL_UDP, UDP_SEGMENT, Buffer.from(Int32Array.of(EVENT.length).buffer), 4));
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  check(0, connect(fd, address, address.length));
  const events = Buffer.concat(Array.from({ length: DATAGRAMS_A_CALL }, () => EVENT));
  process.stdout.write('ready');
  let sent = 0;
  const endsAt = performance.now() + seconds * 1000;
  while (performance.now() < endsAt) {
    if (sendBytes(fd, events, events.length, 0) === events.length) sent += DATAGRAMS_A_CALL;
  }
  process.stdout.write(String(sent));
}
