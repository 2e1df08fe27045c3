/** @mcap/core, which is loaded when it is first needed. */
import type * as McapCore from '@mcap/core';

export type Core = typeof McapCore;

export function loadCore(): Promise<Core> {
  return import('@mcap/core');
}
