/** Schemas of real use, ready-made: for each, the schema as a constant and the types of its events. */
export * from './generated/event-envelope.js';
export * from './generated/imu-sample.js';
export * from './generated/log-line.js';
export * from './generated/market-tick.js';
export * from './generated/sensor-reading.js';
export * from './generated/system-metric.js';
