/** Schemas and events of typed logs in tests: a small one, and what becomes of it. */
import { eventSchema, type EventSchema } from '../../src/index.js';
import type { Flatc } from './flatc.js';

export interface Reading {
  sensor?: number;
  value?: number;
  unit?: string;
  quality?: number;
}

const V1 = 'namespace t; table Reading { sensor:uint; value:double; unit:string; }';
const V2 =
  'namespace t; table Reading { sensor:uint; value:double; unit:string; quality:ubyte = 9; }';
const V3 =
  'namespace t; table Reading { sensor:uint; value:double; unit:string (deprecated); quality:ubyte = 9; }';
const OTHER = 'namespace t; table Reading { sensor:uint; value:float; unit:string; }';
const ROOT = 'root_type Reading;';

/** Three versions, each of which may follow the one before, and one that may follow none. */
export class ReadingSchemas {
  readonly v1: EventSchema<Reading>;
  readonly v2: EventSchema<Reading>;
  readonly v3: EventSchema<Reading>;
  readonly other: EventSchema<Reading>;
  readonly #flatc: Flatc;

  constructor(flatc: Flatc) {
    this.#flatc = flatc;
    this.v1 = eventSchema(flatc.schema(V1 + ROOT));
    this.v2 = eventSchema(flatc.schema(V2 + ROOT));
    this.v3 = eventSchema(flatc.schema(V3 + ROOT));
    this.other = eventSchema(flatc.schema(OTHER + ROOT));
  }

  /** Bytes as flatc writes them. */
  bytes(schema: EventSchema, event: Reading): Uint8Array {
    return this.#flatc.encode(schema.bytes, JSON.stringify(event), schema.name);
  }
}
