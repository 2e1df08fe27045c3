/** Finds: the length from which the native CRC-32C beats slicing-by-8 (`NATIVE_FROM_BYTES`). */
import { crc32c } from '@node-rs/crc32';
import { crc32cWords } from '../dist/format/checksum.js';
import { seconds, title } from './harness.mjs';

title('CRC-32C: native call against slicing-by-8');
const words = new Int32Array(16384);
for (const length of [64, 96, 128, 192, 256, 312]) {
  const n = 1_000_000;
  const script = seconds(() => {
    for (let i = 0; i < n; i++) crc32cWords(words, 64, length, i);
  });
  const native = seconds(() => {
    for (let i = 0; i < n; i++) crc32c(new Uint8Array(words.buffer, 64, length), i);
  });
  console.log(
    `  ${length} B: ${((script / n) * 1e9).toFixed(0)} ns here, ${((native / n) * 1e9).toFixed(0)} ns native`,
  );
}
