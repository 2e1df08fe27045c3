/** What is published, and what installing it needs. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { publint } from 'publint';

const root = fileURLToPath(new URL('..', import.meta.url));
const readJson = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));

interface Manifest {
  readonly type: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
}
const manifest = readJson('package.json') as Manifest;

interface Locked {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

describe('the package', () => {
  it('is published as ESM with types, without a complaint', async () => {
    const { messages } = await publint({ pkgDir: root, strict: true, pack: false });
    // What `npm run torture` keeps has manifests of its own, and is not published.
    const published = messages.filter(
      (message) => !JSON.stringify(message).includes('./.torture/'),
    );
    expect(published).toEqual([]);
    expect(manifest).toMatchObject({ type: 'module', license: 'MIT', engines: { node: '>=20' } });
  });

  it('holds what it runs, its types, its format and its licence, and no tests', () => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files }] = JSON.parse(output) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    for (const path of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/cli/main.js',
      'dist/maintenance/thread.js',
      'dist/schemas.js',
      'dist/generated/flatc/stratalog/schemas/imu-sample.js',
      'schemas/imu-sample.fbs',
      'schemas/FORMAT.md',
      'LICENSE',
      'README.md',
    ]) {
      expect(paths).toContain(path);
    }
    expect(paths.filter((path) => /^(?:test|bench|node_modules)\//.test(path))).toEqual([]);
  });

  it('has the schemas and the classes that flatc makes of them as entries of their own', () => {
    const program = `
      import { ImuSample } from 'stratalog/schemas';
      import { ImuSample as Class } from 'stratalog/schemas/flatc/imu-sample';
      console.log(ImuSample.name, typeof Class.getRootAsImuSample);`;
    const args = ['--input-type=module', '--eval', program];
    const output = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect(output).toBe('stratalog.schemas.ImuSample function\n');
  });

  it('works without any install script: every binary is a package of its own', () => {
    expect(Object.keys(manifest.scripts)).not.toContain('install');
    expect(Object.keys(manifest.scripts)).not.toContain('postinstall');
    const { packages } = readJson('package-lock.json') as { packages: Record<string, Locked> };
    const scripted = Object.entries(packages).filter(
      ([path, { dev, hasInstallScript }]) =>
        path !== '' && dev !== true && hasInstallScript === true,
    );
    // koffi's only checks that its binary is there; it builds nothing where there is one.
    expect(scripted.map(([path]) => path)).toEqual(['node_modules/koffi']);
    const scopes = ['@koromix', '@node-rs'].map((scope) => join(root, 'node_modules', scope));
    for (const scope of scopes.filter(existsSync)) {
      const binaries = readdirSync(scope, { recursive: true, encoding: 'utf8' });
      expect(binaries.some((path) => path.endsWith('.node'))).toBe(true);
    }
  });

  it('has one decoder of frames and records: their constants are known to the format alone', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
    const users = sources.filter(
      (path) =>
        path.endsWith('.ts') &&
        !path.startsWith('format') &&
        /\bFRAME_MAGIC\b|\bRECORD_FLAGS_MASK\b|\bcrc32cWords\b/.test(
          readFileSync(join(root, 'src', path), 'utf8'),
        ),
    );
    expect(users).toEqual([]);
  });
});

describe('README.md', () => {
  it('names commands that exist, one to see it work and one for all tests', () => {
    const commands = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^npm .*$/gm)];
    expect(commands.map(([command]) => command)).toEqual([
      'npm ci && npm start',
      'npm ci && npm test',
    ]);
    expect(manifest.scripts).toMatchObject({ start: expect.any(String), test: expect.any(String) });
    expect(readFileSync(join(root, '.ci', 'run'), 'utf8')).toContain('npm ci && npm test');
  });
});
