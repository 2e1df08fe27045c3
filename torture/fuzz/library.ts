/** The modules of the library that have decoders in them: of a copy that counts its branches, or not. */
import type * as ApplicationHeader from '../../dist/format/application-header.js';
import type * as Arguments from '../../dist/cli/arguments.js';
import type * as Bfbs from '../../dist/events/bfbs.js';
import type * as Checksum from '../../dist/format/checksum.js';
import type * as Columns from '../../dist/capture/formats/columns.js';
import type * as Condition from '../../dist/cli/condition.js';
import type * as ControlPage from '../../dist/format/control-page.js';
import type * as CsvScanner from '../../dist/capture/formats/csv-scanner.js';
import type * as Decimal from '../../dist/capture/formats/decimal.js';
import type * as Duration from '../../dist/cli/duration.js';
import type * as Frame from '../../dist/format/frame.js';
import type * as FrameScan from '../../dist/format/frame-scan.js';
import type * as Identity from '../../dist/format/identity.js';
import type * as Index from '../../dist/index.js';
import type * as IndexHeader from '../../dist/format/index-header.js';
import type * as JsonRows from '../../dist/capture/formats/json-rows.js';
import type * as JsonText from '../../dist/events/json-text.js';
import type * as Model from '../../dist/events/model.js';
import type * as Names from '../../dist/format/names.js';
import type * as ColumnNames from '../../dist/capture/formats/names.js';
import type * as Plan from '../../dist/query/plan.js';
import type * as QueryWords from '../../dist/cli/query-words.js';
import type * as ReadersPage from '../../dist/format/readers-page.js';
import type * as Record from '../../dist/format/record.js';
import type * as RowParser from '../../dist/capture/system/row-parser.js';
import type * as SegmentHeader from '../../dist/format/segment-header.js';
import type * as TerminalText from '../../dist/cli/terminal-text.js';
import type * as TextBytes from '../../dist/capture/formats/text-bytes.js';
import type * as TimeText from '../../dist/capture/formats/time-text.js';

interface Modules {
  readonly applicationHeader: typeof ApplicationHeader;
  readonly arguments: typeof Arguments;
  readonly bfbs: typeof Bfbs;
  readonly checksum: typeof Checksum;
  readonly columnNames: typeof ColumnNames;
  readonly columns: typeof Columns;
  readonly condition: typeof Condition;
  readonly controlPage: typeof ControlPage;
  readonly csvScanner: typeof CsvScanner;
  readonly decimal: typeof Decimal;
  readonly duration: typeof Duration;
  readonly frame: typeof Frame;
  readonly frameScan: typeof FrameScan;
  readonly identity: typeof Identity;
  readonly index: typeof Index;
  readonly indexHeader: typeof IndexHeader;
  readonly jsonRows: typeof JsonRows;
  readonly jsonText: typeof JsonText;
  readonly model: typeof Model;
  readonly names: typeof Names;
  readonly plan: typeof Plan;
  readonly queryWords: typeof QueryWords;
  readonly readersPage: typeof ReadersPage;
  readonly record: typeof Record;
  readonly rowParser: typeof RowParser;
  readonly segmentHeader: typeof SegmentHeader;
  readonly terminalText: typeof TerminalText;
  readonly textBytes: typeof TextBytes;
  readonly timeText: typeof TimeText;
}

const FILES: Readonly<globalThis.Record<keyof Modules, string>> = {
  applicationHeader: 'format/application-header.js',
  arguments: 'cli/arguments.js',
  bfbs: 'events/bfbs.js',
  checksum: 'format/checksum.js',
  columnNames: 'capture/formats/names.js',
  columns: 'capture/formats/columns.js',
  condition: 'cli/condition.js',
  controlPage: 'format/control-page.js',
  csvScanner: 'capture/formats/csv-scanner.js',
  decimal: 'capture/formats/decimal.js',
  duration: 'cli/duration.js',
  frame: 'format/frame.js',
  frameScan: 'format/frame-scan.js',
  identity: 'format/identity.js',
  index: 'index.js',
  indexHeader: 'format/index-header.js',
  jsonRows: 'capture/formats/json-rows.js',
  jsonText: 'events/json-text.js',
  model: 'events/model.js',
  names: 'format/names.js',
  plan: 'query/plan.js',
  queryWords: 'cli/query-words.js',
  readersPage: 'format/readers-page.js',
  record: 'format/record.js',
  rowParser: 'capture/system/row-parser.js',
  segmentHeader: 'format/segment-header.js',
  terminalText: 'cli/terminal-text.js',
  textBytes: 'capture/formats/text-bytes.js',
  timeText: 'capture/formats/time-text.js',
};

export type Library = Modules;

/** `load` imports a file below `dist`, wherever that is. */
export async function loadLibrary(load: (file: string) => Promise<unknown>): Promise<Library> {
  const entries = Object.entries(FILES).map(async ([name, file]) => [name, await load(file)]);
  return Object.fromEntries(await Promise.all(entries)) as Library;
}
