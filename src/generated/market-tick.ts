// Made from market-tick.fbs by 'stratalog generate' with flatc 25.12.19. Do not edit.
import { eventSchema, type EventSchema, type FieldsView } from '../index.js';

export const Aggressor = {
  Unknown: 0,
  Buyer: 1,
  Seller: 2,
} as const;
export type Aggressor = keyof typeof Aggressor;

export const TickFlags = {
  LastOfPacket: 1,
  Recovered: 2,
  Auction: 4,
  Cancelled: 8,
} as const;
/** One name, or several with spaces between. */
export type TickFlags = keyof typeof TickFlags | `${keyof typeof TickFlags} ${string}`;

export const TickKind = {
  Trade: 0,
  Bid: 1,
  Ask: 2,
} as const;
export type TickKind = keyof typeof TickKind;

export interface MarketTick {
  exchange_time_ns?: number | bigint | undefined;
  receive_time_ns?: number | bigint | undefined;
  instrument?: number | undefined;
  sequence?: number | bigint | undefined;
  kind?: TickKind | number | undefined;
  aggressor?: Aggressor | number | undefined;
  flags?: TickFlags | number | undefined;
  price?: number | bigint | undefined;
  quantity?: number | bigint | undefined;
}

/** `MarketTick`, read in place. */
export interface MarketTickView extends FieldsView {
  readonly exchange_time_ns: number;
  readonly receive_time_ns: number;
  readonly instrument: number;
  readonly sequence: number;
  readonly kind: TickKind | number;
  readonly aggressor: Aggressor | number;
  readonly flags: TickFlags | number;
  readonly price: number;
  readonly quantity: number;
}

/** The .bfbs file. */
const BFBS = `
HAAAAEJGQlMUACAABAAIAAwAEAAUABgAAAAcABQAAABEAAAAMAAAACAAAAAUAAAAyAMAAAgAAAA0AAAAAAAAAAAAAAAAAAAABAAA
AFNUQ0sAAAAAAwAAAJwBAAA8AAAAgAIAAAEAAACQAwAAAQAAAAQAAAC8////lAMAAAQAAAAAAAAAAAASABgABAAIAAAADAAQAAAA
FAASAAAAcAAAAFgAAABAAAAACAAAAGADAAABAAAADAAAAAgADAAEAAgACAAAABAAAAAEAAAAAQAAADAAAAAJAAAAYml0X2ZsYWdz
AAAApPv//wAAAAYBAAAAAgAAAAEAAAAEAAAAwAAAAIwAAABYAAAAJAAAABsAAABzdHJhdGFsb2cuc2NoZW1hcy5UaWNrRmxhZ3MA
vP3//xwAAAAMAAAACAAAAAAAAACE/f//AQAAAAEAAAAJAAAAQ2FuY2VsbGVkAAAAJP7//yAAAAAQAAAABAAAAAAAAAAAAAAAuP3/
/wEAAAABAAAABwAAAEF1Y3Rpb24AHP7//xwAAAAMAAAAAgAAAAAAAADk/f//AQAAAAEAAAAJAAAAUmVjb3ZlcmVkAAAAhP7//yAA
AAAQAAAAAQAAAAAAAAAAAAAAGP7//wEAAAABAAAADAAAAExhc3RPZlBhY2tldAAAAAAm////NAAAACAAAAAIAAAACAIAAMj8//8A
AAAEAAAAAAEAAAABAAAAAwAAAIgAAABYAAAAJAAAABsAAABzdHJhdGFsb2cuc2NoZW1hcy5BZ2dyZXNzb3IAFP///yAAAAAQAAAA
AgAAAAAAAAAAAAAAqP7//wEAAAABAAAABgAAAFNlbGxlcgAADP///xwAAAAMAAAAAQAAAAAAAADU/v//AQAAAAEAAAAFAAAAQnV5
ZXIAAAAE////FAAAAAQAAAD4/v//AQAAAAEAAAAHAAAAVW5rbm93bgAAABIAFAAEAAgAAAAMAAAAAAAQABIAAAA0AAAAIAAAAAgA
AAAcAQAAtP3//wAAAAQCAAAAAQAAAAEAAAADAAAApAAAAGwAAAAwAAAAGgAAAHN0cmF0YWxvZy5zY2hlbWFzLlRpY2tLaW5kAAAM
ABgABAAMAAAACAAMAAAAIAAAABAAAAACAAAAAAAAAAAAAACg////AQAAAAEAAAADAAAAQXNrAAwAFAAEAAwAAAAIAAwAAAAcAAAA
DAAAAAEAAAAAAAAA1P///wEAAAABAAAAAwAAAEJpZAAMAAwABAAAAAAACAAMAAAAJAAAABQAAAAQAAwAAAAAAAAAAAAEAAgAEAAA
AAEAAAABAAAABQAAAFRyYWRlAAAAFAAUAAQACAAAAAwAAAAAAAAAEAAUAAAAUAAAACQAAAABAAAABAAAABEAAAAvL21hcmtldC10
aWNrLmZicwAAAAkAAADUAAAA/AEAAJwAAABsAQAA+AAAAGQAAAAwAAAApAEAACgBAAAcAAAAc3RyYXRhbG9nLnNjaGVtYXMuTWFy
a2V0VGljawAAAACU/v//CAAUABgAAAAEAAAASP7//wAAAAoIAAAAAQAAAAgAAABxdWFudGl0eQAAAADE/v//BwASABgAAAAEAAAA
eP7//wAAAAkIAAAAAQAAAAUAAABwcmljZQAAAPD+//8GABAAHAAAAAQAAACc////AAAABgEAAAACAAAAAQAAAAUAAABmbGFncwAA
ACD///8FAA4AHAAAAAQAAADM////AAAABAAAAAABAAAAAQAAAAkAAABhZ2dyZXNzb3IAAABU////BAAMACwAAAAUAAAAEAAUAAcA
AAAIAAAADAAQABAAAAAAAAAEAgAAAAEAAAABAAAABAAAAGtpbmQAAAAAlP///wMACgAYAAAABAAAAEj///8AAAAKCAAAAAEAAAAI
AAAAc2VxdWVuY2UAAAAAxP///wIACAAkAAAAFAAAABAADAAHAAAAAAAAAAAACAAQAAAAAAAACAEAAAAKAAAAaW5zdHJ1bWVudAAA
DAAQAAgADAAEAAYADAAAAAEABgAYAAAABAAAAMD///8AAAAJCAAAAAEAAAAPAAAAcmVjZWl2ZV90aW1lX25zAAwAEAAIAAwAAAAG
AAwAAAAAAAQAKAAAABQAAAAQABAABwAAAAAAAAAIAAwAEAAAAAAAAAkIAAAAAQAAABAAAABleGNoYW5nZV90aW1lX25zAAAAAA==
`;

/** The schema of these events. */
export const MarketTick: EventSchema<MarketTick, MarketTickView> = eventSchema(
  Buffer.from(BFBS, 'base64'),
);
