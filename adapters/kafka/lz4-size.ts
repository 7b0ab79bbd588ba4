const MAGIC = 0x184d2204;
const HAS_BLOCK_CHECKSUM = 0x10;
const HAS_CONTENT_SIZE = 0x08;
const HAS_DICTIONARY = 0x01;

/**
 * The most that an LZ4 frame can become, in bytes: its blocks' own most. Its decoder knows no limit.
 * @throws RangeError for what is no frame
 * Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
export function lz4Bound(frame: Buffer): number {
  if (frame.length < 7 || frame.readUInt32LE(0) !== MAGIC) throw new RangeError("it is no LZ4 frame");
  const [flags = 0, blockCode = 0] = [frame[4], (frame[5] ?? 0) >> 4];
  // 4 is 64 KiB, and each one more is four times as much.
  const blockMost = 2 ** (8 + 2 * (blockCode & 0x07));
  let at = 7 + (flags & HAS_CONTENT_SIZE ? 8 : 0) + (flags & HAS_DICTIONARY ? 4 : 0);
  let bound = 0;
  while (at + 4 <= frame.length) {
    // The highest bit says that a block is as it was.
    const size = frame.readUInt32LE(at) & 0x7fffffff;
    if (size === 0) break;
    bound += blockMost;
    at += 4 + size + (flags & HAS_BLOCK_CHECKSUM ? 4 : 0);
  }
  return bound;
}
