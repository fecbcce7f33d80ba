import { describe, expect, test } from "vitest";
import { CODEC_LZ4, CODEC_NONE, CONTROL_BIT, TRANSACTIONAL_BIT } from "../../engine-as/format.ts";
import { BatchHeader } from "../../log/batch.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { comparable, options, randomRecords } from "./batches.ts";
import { engineKinds, loadEngine } from "./load.ts";
import { Random } from "./random.ts";

const MAX = 1 << 22;

function codeOf(run: () => unknown): number {
  try {
    run();
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe.each(engineKinds)("batches split, %s build", (kind) => {
  const engine = loadEngine(kind);

  test.each([CODEC_NONE, CODEC_LZ4])(
    "codec %i: all records in order, sequences that go on, no batch above the limit",
    (codec) => {
      for (let seed = 1; seed <= 40; seed++) {
        const random = new Random(seed);
        const records = randomRecords(random, 1 + random.below(300));
        const baseSequence = random.oneIn(4)
          ? 2 ** 31 - 1 - random.below(records.length)
          : random.below(1000);
        const producer = { producerId: 12n, producerEpoch: 7, baseSequence, transactional: random.oneIn(2) };
        const batch = engine.writeBatch(records, options({ codec, ...producer }));
        const largest = Math.max(
          ...records.map((record) => engine.writeBatch([record], options({ codec })).length),
        );
        const bytesMax = largest + random.below(Math.max(batch.length - largest, 0) + 10);
        const pieces = engine.splitBatch(batch, { bytesMax, uncompressedBytesMax: MAX });
        const label = `seed ${seed}`;
        const found = pieces.flatMap((piece) => [...engine.readBatch(piece, MAX)]);
        expect(comparable(found), label).toEqual(comparable(records));
        let sequence = baseSequence;
        for (const piece of pieces) {
          const header = new BatchHeader(piece);
          expect(piece.length, label).toBeLessThanOrEqual(bytesMax);
          expect(engine.checkBatch(piece, true, MAX), label).toBe(piece.length);
          expect(header.recordsCount, label).toBe(header.lastOffsetDelta + 1);
          expect(header, label).toMatchObject({ producerId: 12n, producerEpoch: 7, codec });
          expect(header.attributes & TRANSACTIONAL_BIT, label).toBe(
            producer.transactional ? TRANSACTIONAL_BIT : 0,
          );
          expect(header.baseSequence, label).toBe(sequence);
          sequence = (sequence + header.recordsCount) % 2 ** 31;
        }
        if (batch.length <= bytesMax) expect(pieces, label).toEqual([batch]);
        else expect(pieces.length, label).toBeGreaterThan(1);
      }
    },
  );

  test("without a producer there is no sequence to go on", () => {
    const batch = engine.writeBatch(randomRecords(new Random(2), 100), options({ control: true }));
    const pieces = engine.splitBatch(batch, { bytesMax: batch.length - 1, uncompressedBytesMax: MAX });
    expect(pieces.map((piece) => new BatchHeader(piece).baseSequence)).toEqual(pieces.map(() => -1));
    expect(pieces.map((piece) => new BatchHeader(piece).attributes)).toEqual(pieces.map(() => CONTROL_BIT));
  });

  test("a record above the limit, a batch with holes and one with no records are refused by name", () => {
    const [small, large] = [new Uint8Array(10), new Uint8Array(1000)].map((value) => ({
      key: null,
      value,
      timestamp: 1,
    }));
    if (small === undefined || large === undefined) throw new Error("no records");
    const batch = engine.writeBatch([small, large, small], options());
    const limits = { bytesMax: 900, uncompressedBytesMax: MAX };
    expect(codeOf(() => engine.splitBatch(batch, limits))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    for (const kept of [0, 1]) {
      const cleaned = engine.rewriteBatch(batch, (index) => index < kept, {
        deleteHorizonMs: -1n,
        uncompressedBytesMax: MAX,
      });
      expect(codeOf(() => engine.splitBatch(cleaned, limits))).toBe(ErrorCode.INVALID_RECORD);
    }
  });
});
