// Made from sensor-reading.fbs by 'stratalog generate' with flatc 25.12.19. Do not edit.
import { eventSchema, type EventSchema, type FieldsView } from '../index.js';

export interface SensorReading {
  time_ns?: number | bigint | undefined;
  sensor?: number | undefined;
  sequence?: number | undefined;
  value?: number | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  deviation?: number | undefined;
}

/** `SensorReading`, read in place. */
export interface SensorReadingView extends FieldsView {
  readonly time_ns: number;
  readonly sensor: number;
  readonly sequence: number;
  readonly value: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly deviation: number;
}

/** The .bfbs file. */
const BFBS = `
HAAAAEJGQlMUACAABAAIAAwAEAAUABgAAAAcABQAAAA4AAAAMAAAACAAAAAUAAAAZAAAAAgAAAAoAAAAAAAAAAAAAAAAAAAABAAA
AFNTRU4AAAAAAAAAAAEAAAA4AAAAAQAAAAwAAAAIAAwABAAIAAgAAAA0AAAABAAAAAAAAAAUABQABAAIAAAADAAAAAAAAAAQABQA
AABMAAAAKAAAAAEAAAAEAAAAFAAAAC8vc2Vuc29yLXJlYWRpbmcuZmJzAAAAAAcAAABAAAAAbAAAAJQAAAAgAQAA5AAAAFwBAACw
AAAAHwAAAHN0cmF0YWxvZy5zY2hlbWFzLlNlbnNvclJlYWRpbmcAIP///wYAEAAYAAAABAAAAND+//8AAAAMCAAAAAEAAAAJAAAA
ZGV2aWF0aW9uAAAAUP///wUADgAYAAAABAAAAAD///8AAAAMCAAAAAEAAAAHAAAAbWF4aW11bQB8////BAAMABgAAAAEAAAALP//
/wAAAAwIAAAAAQAAAAcAAABtaW5pbXVtAKj///8DAAoAGAAAAAQAAABY////AAAADAgAAAABAAAABQAAAHZhbHVlAAAA1P///wIA
CAAUAAAABAAAAMj///8AAAAIAQAAAAgAAABzZXF1ZW5jZQAAAAAMABAACAAMAAQABgAMAAAAAQAGACQAAAAUAAAAEAAMAAcAAAAA
AAAAAAAIABAAAAAAAAAIAQAAAAYAAABzZW5zb3IAAAwAEAAIAAwAAAAGAAwAAAAAAAQAKAAAABQAAAAQABAABwAAAAAAAAAIAAwA
EAAAAAAAAAkIAAAAAQAAAAcAAAB0aW1lX25zAA==
`;

/** The schema of these events. */
export const SensorReading: EventSchema<SensorReading, SensorReadingView> = eventSchema(
  Buffer.from(BFBS, 'base64'),
);
