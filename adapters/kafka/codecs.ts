import { promisify } from "node:util";
import { constants, gunzip, gzip, zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";
import { compressFrame, decompressFrame } from "lz4-napi";
import { compress as snappyCompress, uncompress as snappyUncompress } from "snappy";
import { lz4Bound } from "./lz4-size.js";
import { unreadableRecord } from "./unreadable.js";

/** What one batch may become, in bytes: a batch has about a million where a broker has its defaults, so more means harm. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Java's producers put a head before snappy's blocks, each with its length (snappy-java, `SnappyOutputStream`). */
const SNAPPY_HEAD = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const SNAPPY_HEAD_BYTES = 16;

/** As kafkajs calls one. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

const [gzipped, unzipped] = [promisify(gzip), promisify(gunzip)];
const [zstdCompressed, zstdDecompressed] = [promisify(zstdCompress), promisify(zstdDecompress)];

const GZIP: Codec = {
  compress: async ({ buffer }) => await gzipped(buffer),
  decompress: async (bytes) => await unzipped(bytes, { maxOutputLength: MOST_BYTES }),
};

const ZSTD: Codec = {
  compress: async ({ buffer }) => await zstdCompressed(buffer),
  decompress: async (bytes) => {
    // Frames without a size, as streaming producers write them, need the decoder's end told.
    const options = { maxOutputLength: MOST_BYTES, finishFlush: constants.ZSTD_e_end };
    return await zstdDecompressed(bytes, options);
  },
};

const SNAPPY: Codec = {
  compress: async ({ buffer }) => await snappyCompress(buffer),
  async decompress(bytes) {
    const blocks = bytes.subarray(0, SNAPPY_HEAD.length).equals(SNAPPY_HEAD) ? blocksOf(bytes) : [bytes];
    const size = blocks.reduce((sum, block) => sum + snappySize(block), 0);
    refuseMore(size);
    const plain = await Promise.all(blocks.map(async (block) => (await snappyUncompress(block)) as Buffer));
    return Buffer.concat(plain);
  },
};

const LZ4: Codec = {
  compress: async ({ buffer }) => await compressFrame(buffer),
  async decompress(bytes) {
    refuseMore(lz4Bound(bytes));
    return await decompressFrame(bytes);
  },
};

/**
 * kafkajs knows gzip alone, and ends a consumer for good where a batch comes in another codec, which are the defaults of other
 * languages' producers. With these it reads all of Kafka's.
 */
export function registerCodecs(): void {
  // Its types know them as functions that make one.
  const { CompressionCodecs, CompressionTypes } = kafkajs as unknown as {
    readonly CompressionCodecs: Record<number, () => Codec>;
    readonly CompressionTypes: Readonly<Record<"GZIP" | "Snappy" | "LZ4" | "ZSTD", number>>;
  };
  const codecs = { GZIP, Snappy: SNAPPY, LZ4, ZSTD };
  for (const [name, codec] of Object.entries(codecs)) {
    CompressionCodecs[CompressionTypes[name as keyof typeof codecs]] = () => safe(name, codec);
  }
}

/** What can't be unpacked is a message that says so. */
function safe(name: string, codec: Codec): Codec {
  return {
    compress: codec.compress,
    async decompress(bytes) {
      try {
        return await codec.decompress(bytes);
      } catch (error) {
        return unreadableRecord(bytes, `a batch packed by ${name} can't be unpacked: ${(error as Error).message}`);
      }
    },
  };
}

function blocksOf(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = SNAPPY_HEAD_BYTES; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    blocks.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

/** A block begins with what it becomes, seven bits a byte, the lowest first. */
function snappySize(block: Buffer): number {
  let size = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = block[index] ?? 0;
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) break;
  }
  return size;
}

function refuseMore(bytes: number): void {
  if (bytes > MOST_BYTES) throw new RangeError(`a batch becomes ${bytes} bytes, and at most ${MOST_BYTES} are taken`);
}
