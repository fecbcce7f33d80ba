/** What the golden vectors compress, and how other implementations are asked to do the same. */
import { constants, crc32, deflateRawSync, gzipSync } from "node:zlib";
import { Zstd } from "@hpcc-js/wasm-zstd";
import lz4 from "lz4-napi";
import snappy from "snappy";
import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD } from "../../../engine-as/format.ts";
import { Random } from "../random.ts";
import { written } from "./vector-maker.ts";
import { bytesOf, type Bytes, type NamedBytes } from "./vectors.ts";

/** Lines as an app logs them. */
function lines(random: Random, count: number): Uint8Array {
  const states = ["open", "paid", "packed", "shipped", "returned"];
  const text = Array.from({ length: count }, (_, at) =>
    JSON.stringify({ id: `o-${at}`, state: states[random.below(5)], total: random.below(10_000) / 100 }),
  );
  return new TextEncoder().encode(`${text.join("\n")}\n`);
}

/** By name; the long ones are told by what they repeat. */
export const contents: NamedBytes = {
  empty: "",
  byte: "52",
  abc: { repeat: "616263", times: 10 },
  lines: written(lines(new Random(17), 16)),
  noise: written(new Random(18).bytes(300)),
  // More than a block, a window or a history of any codec.
  long: { repeat: [{ name: "lines" }, { name: "noise" }], times: 57 },
  zeros: { repeat: "00", times: 70_000 },
};

/** What another implementation made of a content, which is among the file's named bytes. */
export interface ForeignFrame {
  readonly codec: number;
  readonly content: string;
  readonly by: string;
  readonly name: string;
}

/** Every frame of others, and the bytes of each: those that were recorded, or what is made now. */
export async function foreignFrames(
  recorded: NamedBytes,
): Promise<{ frames: ForeignFrame[]; bytes: NamedBytes }> {
  const bytes: Record<string, Bytes> = {};
  const frames = (await foreignMakers()).flatMap(({ codec, by, contents: names, make }) =>
    names.map((content) => {
      const name = `${content}, by ${by}`;
      bytes[name] = recorded[name] ?? written(make(bytesOf({ name: content }, contents)));
      return { codec, content, by, name };
    }),
  );
  return { frames, bytes };
}

interface ForeignMaker {
  readonly codec: number;
  readonly by: string;
  readonly contents: readonly string[];
  readonly make: (content: Uint8Array) => Uint8Array;
}

const SMALL = ["empty", "byte", "abc", "lines", "noise", "long", "zeros"];

/** Everybody whose frames are recorded. */
async function foreignMakers(): Promise<ForeignMaker[]> {
  const zstd = await Zstd.load();
  const gzip = (level: number, by: string, names = SMALL): ForeignMaker => ({
    codec: CODEC_GZIP,
    by: `node:zlib ${by}`,
    contents: names,
    make: (content) => gzipSync(content, { level }),
  });
  return [
    gzip(1, "level 1"),
    gzip(9, "level 9", ["lines", "long"]),
    gzip(0, "stored", ["empty", "lines"]),
    {
      codec: CODEC_GZIP,
      by: "node:zlib fixed codes, in a header with every field",
      contents: ["lines"],
      make: fullGzipHeader,
    },
    {
      codec: CODEC_SNAPPY,
      by: "snappy, raw",
      contents: SMALL,
      make: (content) => snappy.compressSync(content),
    },
    {
      codec: CODEC_SNAPPY,
      by: "snappy, in blocks as Kafka's Java clients write",
      contents: ["empty", "lines", "long"],
      make: xerial,
    },
    {
      codec: CODEC_LZ4,
      by: "lz4-napi",
      contents: SMALL,
      make: (content) => lz4.compressFrameSync(Buffer.from(content)),
    },
    {
      codec: CODEC_LZ4,
      by: "lz4-napi, every checksum",
      contents: ["lines", "long"],
      make: (content) =>
        lz4.compressFrameSync(Buffer.from(content), { blockChecksums: true, contentChecksum: true }),
    },
    ...[1, 3, 19].map((level) => ({
      codec: CODEC_ZSTD,
      by: `libzstd level ${level}`,
      contents: level === 1 ? SMALL : ["lines", "long"],
      make: (content: Uint8Array) => zstd.compress(content, level),
    })),
  ];
}

/** RFC 1952 with extra field, name, comment and a checksum of the header, around fixed Huffman codes. */
function fullGzipHeader(content: Uint8Array): Uint8Array {
  const header = Buffer.from([0x1f, 0x8b, 8, 0x1e, 1, 2, 3, 4, 0, 3, 2, 0, 0x52, 0x76]);
  const named = Buffer.concat([header, Buffer.from("orders.json\0"), Buffer.from("a comment\0")]);
  const check = Buffer.alloc(2);
  check.writeUInt16LE(crc32(named) & 0xffff);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content));
  trailer.writeUInt32LE(content.length, 4);
  const body = deflateRawSync(content, { strategy: constants.Z_FIXED });
  return Buffer.concat([named, check, body, trailer]);
}

/** The stream of snappy-java, which Kafka's own clients write: a header, then blocks of 32 KiB with their sizes before them. */
function xerial(content: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [
    Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
  ];
  for (let at = 0; at < content.length; at += 32768) {
    const block = snappy.compressSync(content.subarray(at, at + 32768));
    const size = Buffer.alloc(4);
    size.writeUInt32BE(block.length);
    pieces.push(size, block);
  }
  return Buffer.concat(pieces);
}
