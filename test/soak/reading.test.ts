/** The soak's own eyes: each damage that it exists to see is seen. */
import { beforeEach, describe, expect, test } from "vitest";
import { loadEngine } from "../engine/load.ts";
import { PartitionModel } from "./partition-model.ts";
import { Reading } from "./reading.ts";
import { type SoakTopic, soakTopics } from "./topics.ts";

const SEED = 11;
const COUNT = 600;
const engine = loadEngine();

interface Written {
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** A batch for each record, at its offset. */
function batchesOf(records: readonly Written[]): Uint8Array {
  const batches = records.map(({ offset, key, value }) => {
    const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 2 ** 20 };
    const batch = engine.writeBatch([{ key, value, timestamp: Date.now() }], options);
    new DataView(batch.buffer).setBigInt64(0, BigInt(offset));
    return batch;
  });
  return Buffer.concat(batches);
}

describe.each(soakTopics.map((topic) => [topic.name, topic] as const))(
  "a reader of %s",
  (_, topic: SoakTopic) => {
    let model: PartitionModel;
    let all: Written[];
    let reading: Reading;
    const take = (records: readonly Written[], to = COUNT): void => reading.take(batchesOf(records), to);

    beforeEach(() => {
      model = new PartitionModel(topic, 0, SEED);
      all = model.seal(COUNT).map((record, offset) => ({ ...record, offset }));
      reading = new Reading(engine, model, 0);
    });

    /** The last record of some key that has a value. */
    const lastOfItsKey = (): number => {
      const text = ({ key }: Written): string => String(key);
      return all.findLastIndex(
        (one, at) => one.value !== null && !all.slice(at + 1).some((other) => text(other) === text(one)),
      );
    };

    test("finds nothing wrong with the log as it was written", () => {
      take(all);
      reading.checkLatest();
      expect([reading.records, reading.next]).toEqual([COUNT, COUNT]);
    });

    test("sees a record with another one's value", () => {
      const wrong = all.map((one, at) => (at === 7 ? { ...one, value: Uint8Array.of(1) } : one));
      expect(() => take(wrong)).toThrow("the record at 7 is");
    });

    test("sees that the last record of a key is missing", () => {
      const missing = lastOfItsKey();
      expect(() => take(all.filter(({ offset }) => offset !== missing))).toThrow(/missing|no records from/);
    });

    test("sees that the end of a range is missing", () => {
      expect(() => take(all.slice(0, lastOfItsKey()))).toThrow(/missing|no records from/);
    });

    test("sees a record that comes twice", () => {
      expect(() => take([...all.slice(0, 9), ...all.slice(8)])).toThrow("8 comes where 9 is next");
    });

    test("sees a log that begins later though nothing deletes its records, and one that begins earlier again", () => {
      if (!topic.deletes) expect(() => reading.skipTo(5)).toThrow("nothing deletes its records");
      else {
        reading.skipTo(5);
        expect(() => new Reading(engine, model, 0).skipTo(4)).toThrow("began at 5, and now begins at 4");
      }
    });

    test("sees keys whose last records it has not seen", () => {
      take(all);
      // The model has gone on, and nothing of that has come.
      reading.next += model.seal(20).length;
      expect(() => reading.checkLatest()).toThrow(/was written last at 6\d\d, and found at/);
    });
  },
);
