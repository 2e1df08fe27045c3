// Made from event-envelope.fbs by 'stratalog generate' with flatc 25.12.19. Do not edit.
import { eventSchema, type EventSchema, type FieldsView } from '../index.js';

export interface EventId {
  bytes: ArrayLike<number>;
}

/** `EventId`, read in place. */
export interface EventIdView extends FieldsView {
  readonly bytes: Uint8Array;
}

export type AccountEvent = AccountOpened | MoneyDeposited | MoneyWithdrawn | AccountClosed;

export interface AccountClosed {
  reason?: string | undefined;
}

/** `AccountClosed`, read in place. */
export interface AccountClosedView extends FieldsView {
  readonly reason: string | undefined;
}

export interface AccountOpened {
  owner: string;
  currency: string;
}

/** `AccountOpened`, read in place. */
export interface AccountOpenedView extends FieldsView {
  readonly owner: string;
  readonly currency: string;
}

export type EventEnvelope = {
  time_ns?: number | bigint | undefined;
  id: EventId;
  stream: string;
  version?: number | bigint | undefined;
  cause?: EventId | undefined;
  actor?: string | undefined;
} & (
  | { event_type: 'AccountOpened'; event: AccountOpened }
  | { event_type: 'MoneyDeposited'; event: MoneyDeposited }
  | { event_type: 'MoneyWithdrawn'; event: MoneyWithdrawn }
  | { event_type: 'AccountClosed'; event: AccountClosed }
);

/** `EventEnvelope`, read in place. */
export type EventEnvelopeView = FieldsView & {
  readonly time_ns: number;
  readonly id: EventIdView;
  readonly stream: string;
  readonly version: number;
  readonly cause: EventIdView | undefined;
  readonly actor: string | undefined;
} & (
  | { readonly event_type: 'AccountOpened'; readonly event: AccountOpenedView }
  | { readonly event_type: 'MoneyDeposited'; readonly event: MoneyDepositedView }
  | { readonly event_type: 'MoneyWithdrawn'; readonly event: MoneyWithdrawnView }
  | { readonly event_type: 'AccountClosed'; readonly event: AccountClosedView }
  | { readonly event_type: number; readonly event: undefined }
);

export interface MoneyDeposited {
  amount?: number | bigint | undefined;
  reference?: string | undefined;
}

/** `MoneyDeposited`, read in place. */
export interface MoneyDepositedView extends FieldsView {
  readonly amount: number;
  readonly reference: string | undefined;
}

export interface MoneyWithdrawn {
  amount?: number | bigint | undefined;
  reference?: string | undefined;
}

/** `MoneyWithdrawn`, read in place. */
export interface MoneyWithdrawnView extends FieldsView {
  readonly amount: number;
  readonly reference: string | undefined;
}

/** The .bfbs file. */
const BFBS = `
IAAAAEJGQlMAAAAAFAAsAAQACAAMABAAFAAYACAAHAAUAAAASAAAADwAAAAsAAAAIAAAACgCAAAUAAAATAAAAAEAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAQAAABTRVZUAAAAAAEAAABMAAAABgAAAHQEAACIBgAA5AEAANAHAACMBQAA5AQAAAEAAAAEAAAA5Pf//9QH
AAAEAAAAAAAAAAAAEgAYAAgADAAHABAAAAAAABQAEgAAAAAAAAE8AAAAIAAAAAgAAACgBwAApP3//wAAAAEAAAAAAQAAAAEAAAAF
AAAARAEAAPwAAACwAAAAZAAAACgAAAAeAAAAc3RyYXRhbG9nLnNjaGVtYXMuQWNjb3VudEV2ZW50AABE////IAAAAAwAAAAEAAAA
AAAAAKD8//8AAAAPAAAAAAEAAAANAAAAQWNjb3VudENsb3NlZAAAAMT///8kAAAAEAAAAAMAAAAAAAAAAAAAANz8//8AAAAPBQAA
AAEAAAAOAAAATW9uZXlXaXRoZHJhd24AAAwAGAAEAAwAAAAIAAwAAAAkAAAAEAAAAAIAAAAAAAAAAAAAACT9//8AAAAPBAAAAAEA
AAAOAAAATW9uZXlEZXBvc2l0ZWQAAAwAFAAEAAwAAAAIAAwAAAAgAAAADAAAAAEAAAAAAAAAaP3//wAAAA8BAAAAAQAAAA0AAABB
Y2NvdW50T3BlbmVkAAAADAAMAAQAAAAAAAgADAAAACQAAAAUAAAAEAAMAAAAAAAAAAAABAAIABAAAAABAAAAAQAAAAQAAABOT05F
AAAAAHT7//80AAAADAAAAAEAAAD8BQAACAAAAOgAAAAQAQAAPAAAAJgAAADIAQAAaAEAACwCAAA0AQAAHwAAAHN0cmF0YWxvZy5z
Y2hlbWFzLkV2ZW50RW52ZWxvcGUAePv//wAAAAEHABIASAAAADQAAAAEAAAAAQAAAAQAAAAs+v//EAAAAAQAAAABAAAAMAAAAAgA
AAByZXF1aXJlZAAAAABs/v//AAAAEAAAAAABAAAABQAAAGV2ZW50AAAAYP///wYAEAAsAAAAFAAAABAAFAAHAAAACAAAAAwAEAAQ
AAAAAAAAAQAAAAABAAAAAQAAAAoAAABldmVudF90eXBlAAAI/f//AAAAAQUADgAUAAAABAAAAGD7//8AAAANAQAAAAUAAABhY3Rv
cgAAADT9//8AAAABBAAMABgAAAAEAAAADP///wAAAA8DAAAAAQAAAAUAAABjYXVzZQAAAAwAEAAIAAwABAAGAAwAAAADAAoAGAAA
AAQAAAAY/f//AAAACggAAAABAAAABwAAAHZlcnNpb24AsPz//wAAAAECAAgARAAAADQAAAAEAAAAAQAAAAQAAABk+///EAAAAAQA
AAABAAAAMAAAAAgAAAByZXF1aXJlZAAAAAAk/P//AAAADQEAAAAGAAAAc3RyZWFtAAAM/f//AAAAAQEABgBYAAAARAAAAAQAAAAB
AAAABAAAAMD7//8QAAAABAAAAAEAAAAwAAAACAAAAHJlcXVpcmVkAAAAABAAEAAHAAAACAAAAAAADAAQAAAAAAAADwMAAAABAAAA
AgAAAGlkAAAY/v//AAAEABgAAAAEAAAADP7//wAAAAkIAAAAAQAAAAcAAAB0aW1lX25zAPz9//8YAAAADAAAAAEAAAB0AwAAAQAA
AEQAAAAfAAAAc3RyYXRhbG9nLnNjaGVtYXMuQWNjb3VudENsb3NlZAAcABAACAAMAAAABgAAAAAAAAAAAAAAAAAAAAUAHAAAAAAB
BAAUAAAABAAAAED9//8AAAANAQAAAAYAAAByZWFzb24AAID+//8cAAAADAAAAAEAAADwAgAAAgAAAGAAAAAsAAAAIAAAAHN0cmF0
YWxvZy5zY2hlbWFzLk1vbmV5V2l0aGRyYXduAAAAAFz///8AAAABAQAGABQAAAAEAAAAtP3//wAAAA0BAAAACQAAAHJlZmVyZW5j
ZQAAAED///8AAAQAGAAAAAQAAAA0////AAAACggAAAABAAAABgAAAGFtb3VudAAAJP///xwAAAAMAAAAAQAAAEwCAAACAAAAiAAA
AEgAAAAgAAAAc3RyYXRhbG9nLnNjaGVtYXMuTW9uZXlEZXBvc2l0ZWQAAAAAHAAUAAwAEAAIAAoAAAAAAAAAAAAAAAAAAAAHABwA
AAAAAAABAQAGABQAAAAEAAAAdP7//wAAAA0BAAAACQAAAHJlZmVyZW5jZQAAAAwAEAAIAAwAAAAGAAwAAAAAAAQAKAAAABQAAAAQ
ABAABwAAAAAAAAAIAAwAEAAAAAAAAAoIAAAAAQAAAAYAAABhbW91bnQAABQAFAAEAAgAAAAMAAAAAAAAABAAFAAAABwAAAAMAAAA
AQAAAFwBAAACAAAARAAAALgAAAAfAAAAc3RyYXRhbG9nLnNjaGVtYXMuQWNjb3VudE9wZW5lZAAYABgADAAQAAgACgAAAAAAAAAH
AAAAFAAYAAAAAAAAAQEABgBEAAAANAAAAAQAAAABAAAABAAAAMz+//8QAAAABAAAAAEAAAAwAAAACAAAAHJlcXVpcmVkAAAAAIz/
//8AAAANAQAAAAgAAABjdXJyZW5jeQAAAAAYABQACAAMAAAABgAAAAAAAAAFAAAAEAAYAAAAAAEEAFQAAABEAAAABAAAAAEAAAAE
AAAAQP///xAAAAAEAAAAAQAAADAAAAAIAAAAcmVxdWlyZWQAAAAAEAAMAAcAAAAAAAAAAAAIABAAAAAAAAANAQAAAAUAAABvd25l
cgAAABQAHAAIAAwABwAQABQAAAAAABgAFAAAAAAAAAE4AAAALAAAAAEAAAAQAAAABAAAABQAAAAvL2V2ZW50LWVudmVsb3BlLmZi
cwAAAAABAAAALAAAABkAAABzdHJhdGFsb2cuc2NoZW1hcy5FdmVudElkAAAACAAMAAQACAAIAAAAJAAAABQAAAAQAAwABAAFAAAA
BgAAAAgAEAAAABEEEAABAAAABQAAAGJ5dGVzAAAA
`;

/** The schema of these events. */
export const EventEnvelope: EventSchema<EventEnvelope, EventEnvelopeView> = eventSchema(
  Buffer.from(BFBS, 'base64'),
);
