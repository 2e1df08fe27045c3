import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface FixtureResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last line of its output, parsed. */
  readonly result: unknown;
}

/** Starts `test/fixtures/<name>.mjs` in a process of its own. */
export function startFixture(
  name: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): ChildProcess {
  const path = fileURLToPath(new URL(`../fixtures/${name}.mjs`, import.meta.url));
  return spawn(process.execPath, [...nodeOptions, path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** Waits for a fixture's end. */
export async function finished(child: ChildProcess): Promise<FixtureResult> {
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  const last = output.trimEnd().split('\n').at(-1);
  return { code, signal, result: last ? (JSON.parse(last) as unknown) : undefined };
}

export function runFixture(
  name: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<FixtureResult> {
  return finished(startFixture(name, args, nodeOptions));
}

/** Resolves when the fixture has printed `line`. Leaves its further output to be read. */
export async function printed(child: ChildProcess, line: string): Promise<void> {
  let output = '';
  for (;;) {
    const [chunk] = (await Promise.race([
      once(child.stdout as NodeJS.ReadableStream, 'data'),
      once(child, 'close').then(() => {
        throw new Error(`The fixture ended without printing ${line}: ${output}`);
      }),
    ])) as [Buffer];
    output += String(chunk);
    if (output.includes(line)) return;
  }
}
