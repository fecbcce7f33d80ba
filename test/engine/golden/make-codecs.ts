/** Golden vectors of compression: what is written, byte for byte, and what is read of others. */
import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD, HEAP_AT } from "../../../engine-as/format.ts";
import { BAD_ARGUMENT, BAD_FRAME, OUTPUT_FULL, UNSUPPORTED_CODEC } from "../../../engine-as/status.ts";
import { contents, type ForeignFrame } from "./contents.ts";
import { ask, makeVector } from "./vector-maker.ts";
import { bytesOf, type Bytes, type NamedBytes, type Vector } from "./vectors.ts";

const CODECS = { gzip: CODEC_GZIP, snappy: CODEC_SNAPPY, lz4: CODEC_LZ4, zstd: CODEC_ZSTD };
/** Numbers that are no codec of Kafka's, and that of no compression. */
const NO_CODECS = [0, 5, 6, 7, 8, -1, 2 ** 31 - 1];

function sizeOf(content: Bytes): number {
  return bytesOf(content, contents).length;
}

/** Vectors of every codec that this engine has. */
export function codecVectors(
  instance: WebAssembly.Instance,
  named: NamedBytes,
  foreign: readonly ForeignFrame[],
): Vector[] {
  const make = makeVector.bind(undefined, instance, named);
  const answers = (call: string, ...values: number[]): number =>
    Number((instance.exports[call] as (...values: number[]) => number)(...values));
  const vectors: Vector[] = [];
  for (const [name, codec] of Object.entries(CODECS)) {
    if (answers("compressedBytesMax", codec, 1) !== UNSUPPORTED_CODEC) vectors.push(...writing(name, codec));
    const frames = foreign.filter((frame) => frame.codec === codec);
    if (answers("decompress", codec, HEAP_AT, 0, HEAP_AT, 0) !== UNSUPPORTED_CODEC)
      vectors.push(...reading(name, frames));
  }
  return [...vectors, ...refusals()];

  function writing(name: string, codec: number): Vector[] {
    return Object.keys(contents).map((content) => {
      const size = sizeOf({ name: content });
      const room = answers("compressedBytesMax", codec, size);
      return make(
        `compress: ${name}: ${content}, and back`,
        { source: { name: content }, output: room, again: size },
        [
          ask("compressedBytesMax", [codec, size], { expect: room }),
          ask("compress", [codec, "@source", size, "@output", room - 1], { expect: OUTPUT_FULL }),
          ask("compress", [codec, "@source", size, "@output", room], { keep: { output: "answer" } }),
        ].concat(
          ask("decompress", [codec, "@output", compressedSize(codec, size, content), "@again", size], {
            expect: size,
            after: { again: { name: content } },
          }),
        ),
      );
    });
  }

  function compressedSize(codec: number, size: number, content: string): number {
    const regions = { source: { name: content }, output: answers("compressedBytesMax", codec, size) };
    const vector = make("size", regions, [ask("compress", [codec, "@source", size, "@output", "#output"])]);
    return vector.steps[0]?.status ?? 0;
  }

  function reading(codecName: string, frames: readonly ForeignFrame[]): Vector[] {
    return frames.map(({ codec, content, by, name }) => {
      const size = sizeOf({ name: content });
      const length = bytesOf({ name }, named).length;
      const whole = ["@frame", "#frame", "@output"] as const;
      const after = { output: { name: content } };
      const asks = [
        ask("decompress", [codec, ...whole, size], { expect: size, after }),
        ask("decompress", [codec, ...whole, "#output"], { expect: size, after }),
        ask("decompress", [codec, "@frame", length - 1, "@output", size], { expect: BAD_FRAME }),
      ];
      if (size > 0) asks.push(ask("decompress", [codec, ...whole, size - 1], { expect: OUTPUT_FULL }));
      return make(
        `decompress: ${codecName}: ${content}, by ${by}`,
        { frame: { name }, output: size + 64 },
        asks,
      );
    });
  }

  function refusals(): Vector[] {
    const regions = { source: { name: "abc" } as Bytes, output: 100 };
    return [
      make(
        "compress: no such codec",
        regions,
        NO_CODECS.flatMap((codec) => [
          ask("compressedBytesMax", [codec, 30], { expect: UNSUPPORTED_CODEC }),
          ask("compress", [codec, "@source", "#source", "@output", "#output"], { expect: UNSUPPORTED_CODEC }),
          ask("decompress", [codec, "@source", "#source", "@output", "#output"], {
            expect: UNSUPPORTED_CODEC,
          }),
        ]),
      ),
      make("compress: regions that are not the host's", regions, [
        ask("compressedBytesMax", [CODEC_LZ4, -1], { expect: BAD_ARGUMENT }),
        ask("compress", [CODEC_LZ4, 1024, 30, "@output", "#output"], { expect: BAD_ARGUMENT }),
        ask("compress", [CODEC_LZ4, "@source", "#source", "@end", 1], { expect: BAD_ARGUMENT }),
        ask("compress", [CODEC_LZ4, "@source", -1, "@output", "#output"], { expect: BAD_ARGUMENT }),
        ask("decompress", [CODEC_LZ4, "@end", 0, "@output", "#output"], { expect: BAD_ARGUMENT }),
        ask("decompress", [CODEC_LZ4, "@source", "#source", 0, 100], { expect: BAD_ARGUMENT }),
      ]),
      make("decompress: what is no frame", regions, [
        ask("decompress", [CODEC_LZ4, "@source", "#source", "@output", "#output"], { expect: BAD_FRAME }),
        ask("decompress", [CODEC_LZ4, "@source", 0, "@output", "#output"], { expect: BAD_FRAME }),
      ]),
    ];
  }
}
