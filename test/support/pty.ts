import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Whether `script` is there that makes a terminal (util-linux). */
export const hasPty = ((): boolean => {
  try {
    return execFileSync('script', ['--version']).includes('util-linux');
  } catch {
    return false;
  }
})();

/** Runs the built program on a terminal of so many columns; what it would show, without colours. */
export function runOnTerminal(
  args: readonly string[],
  columns: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const command = [process.execPath, main, ...args].map(shellWord).join(' ');
  const env = { ...process.env, NO_COLOR: '1', TERM: 'xterm', LANG: 'C.UTF-8', ...environment };
  const child = spawn('script', ['-qec', `stty cols ${columns}; ${command}`, '/dev/null'], { env });
  child.stdin.end();
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(withoutProgress(Buffer.concat(chunks).toString())));
  });
}

/** A line that is drawn again and again, and taken away at the end. */
function withoutProgress(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => line.split('\r\u001B[K').at(-1) ?? '')
    .join('\n');
}

function shellWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
