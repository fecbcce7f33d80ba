/** Golden vectors of compaction: batches written again without some of their records. */
import { BATCH_HEADER_BYTES, CODEC_LZ4, RECORDS_COUNT_AT } from "../../../engine-as/format.ts";
import {
  BAD_ARGUMENT,
  BAD_CRC,
  BAD_FRAME,
  BAD_OFFSET,
  BAD_RECORDS,
  OUTPUT_FULL,
} from "../../../engine-as/status.ts";
import type { Engine } from "../../../log/engine.ts";
import { BASE_TIMESTAMP, options, resealed } from "../batches.ts";
import { contents } from "./contents.ts";
import { changed, hex, RECORDS } from "./records.ts";
import { ask, makeVector, written } from "./vector-maker.ts";
import type { Vector } from "./vectors.ts";

const NO_HORIZON = "-1n";
const ROOM = 1000;

/** `codecs` are those that this engine writes. */
export function rewriteVectors(
  instance: WebAssembly.Instance,
  engine: Engine,
  codecs: readonly number[],
): Vector[] {
  const plain = engine.writeBatch(RECORDS, options({ producerId: 7n, producerEpoch: 1, baseSequence: 40 }));
  const lz4 = engine.writeBatch(RECORDS, options({ codec: CODEC_LZ4 }));
  const make = (
    name: string,
    batch: Uint8Array,
    keep: string,
    asks: Parameters<typeof makeVector>[4],
  ): Vector =>
    makeVector(
      instance,
      contents,
      `rewriteBatch: ${name}`,
      { batch: written(batch), keep, output: ROOM, scratch: ROOM },
      asks,
    );
  const rewrite = (outputMax: number, scratchMax: number, horizon = NO_HORIZON): (string | number)[] => [
    "@batch",
    "#batch",
    "@keep",
    "@output",
    outputMax,
    "@scratch",
    scratchMax,
    horizon,
  ];
  const whole = rewrite(ROOM, ROOM);
  const kept = { keep: { output: "answer" } } as const;
  const wrong = (name: string, batch: Uint8Array, expect: number): Vector =>
    make(name, batch, "01", [ask("rewriteBatch", whole, { expect })]);
  return [
    make("all are kept: the bytes stay as they are", plain, "0f", [
      ask("rewriteBatch", whole, { expect: plain.length, after: { output: written(plain) } }),
      ask("rewriteBatch", rewrite(plain.length - 1, ROOM), { expect: OUTPUT_FULL }),
    ]),
    make("the second and fourth", plain, "fa", [ask("rewriteBatch", whole, kept)]),
    make("none: the header remains", plain, "f0", [
      ask("rewriteBatch", whole, { expect: BATCH_HEADER_BYTES, keep: { output: BATCH_HEADER_BYTES } }),
      ask("rewriteBatch", rewrite(BATCH_HEADER_BYTES - 1, ROOM), { expect: OUTPUT_FULL }),
    ]),
    make("with a delete horizon", plain, "05", [
      ask("rewriteBatch", rewrite(ROOM, ROOM, `${BASE_TIMESTAMP + 1_000_000}n`), kept),
    ]),
    ...codecs.map((codec) =>
      make(`the first and third, in codec ${codec}`, engine.writeBatch(RECORDS, options({ codec })), "05", [
        ask("rewriteBatch", whole, kept),
        ask("rewriteBatch", rewrite(ROOM, 200), { expect: OUTPUT_FULL }),
        ask("rewriteBatch", rewrite(BATCH_HEADER_BYTES, ROOM), { expect: OUTPUT_FULL }),
      ]),
    ),
    wrong(
      "what has rotted is not sealed anew",
      changed(plain, (view) => view.setInt8(120, 1), false),
      BAD_CRC,
    ),
    wrong("records that are cut short", resealed(plain.slice(0, -1)), BAD_RECORDS),
    wrong(
      "one more than the header says",
      changed(plain, (view) => view.setInt32(RECORDS_COUNT_AT, 3)),
      BAD_RECORDS,
    ),
    wrong(
      "offsets that do not rise",
      changed(plain, (view) => {
        // The second record's offset delta: 1 becomes 0.
        view.setInt8(hex(plain).indexOf("050201") / 2 + 1, 0);
      }),
      BAD_OFFSET,
    ),
    wrong("a frame that is cut short", resealed(lz4.slice(0, -5)), BAD_FRAME),
    make("arguments outside", plain, "0f", [
      ask(
        "rewriteBatch",
        ["@batch", plain.length - 1, "@keep", "@output", ROOM, "@scratch", ROOM, NO_HORIZON],
        {
          expect: BAD_ARGUMENT,
        },
      ),
      ask("rewriteBatch", ["@batch", "#batch", "@end", "@output", ROOM, "@scratch", ROOM, NO_HORIZON], {
        expect: BAD_ARGUMENT,
      }),
      ask("rewriteBatch", ["@batch", "#batch", "@keep", 0, ROOM, "@scratch", ROOM, NO_HORIZON], {
        expect: BAD_ARGUMENT,
      }),
    ]),
  ];
}
