import { describe, expect, it } from 'vitest';
import { findSocket, kernelAddress } from '../../src/capture/net/kernel-drops.js';

const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  112: 0100007F:9C40 0100007F:2328 01 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 1
  917: 0100007F:2328 00000000:0000 07 00000000:00001B00 00:00000000 00000000  1000        0 90512 2 0000000000000000 4294967295
 1917: 0100007F:2329 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 90513 2 0000000000000000 5
`;

describe('what the kernel tells of a socket', () => {
  it('is in the line of its own address, not of those that send to it', () => {
    const found = findSocket(TABLE, kernelAddress('127.0.0.1', 9000));
    expect(found).toEqual({ inode: '90512', unreadBytes: 0x1b00, drops: 4_294_967_295 });
    expect(findSocket(TABLE, kernelAddress('127.0.0.1', 9001))?.drops).toBe(5);
    expect(findSocket(TABLE, kernelAddress('127.0.0.2', 9000))).toBeUndefined();
    expect(findSocket('', kernelAddress('127.0.0.1', 9000))).toBeUndefined();
  });

  it.each([
    ['0.0.0.0', 53, '00000000:0035'],
    ['192.168.1.2', 65_535, '0201A8C0:FFFF'],
    ['::', 1, '00000000000000000000000000000000:0001'],
    ['::1', 9000, '00000000000000000000000001000000:2328'],
    ['fe80::1:2%eth0', 9000, '000080FE000000000000000002000100:2328'],
    ['2001:db8:1:2:3:4:5:6', 9000, 'B80D0120020001000400030006000500:2328'],
    ['::ffff:127.0.0.1', 9000, '0000000000000000FFFF00000100007F:2328'],
  ])('is filed under %s, port %i, as %s', (address, port, expected) => {
    expect(kernelAddress(address, port)).toBe(expected);
  });
});
