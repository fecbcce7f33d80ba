import { describe, expect, it } from "vitest";
import { PRODUCERS_MAX } from "../../log/limits.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { decodeProducerSnapshot, encodeProducerSnapshot } from "../../log/producer-snapshot.ts";
import { ProducerState, sequenceAfter } from "../../log/producer-state.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, config, engine, failureOf, openLeader, readValues } from "./harness.ts";

const SEQUENCE_MAX = 2 ** 31 - 1;
const batch = (baseSequence: number, records = 1, producerEpoch = 0, producerId = 1n) => ({
  producerId,
  producerEpoch,
  baseSequence,
  lastOffsetDelta: records - 1,
});

/** A state after these batches, which stand one after the other from offset 0. */
function stateAfter(...batches: ReturnType<typeof batch>[]): ProducerState {
  const state = new ProducerState();
  let offset = 0n;
  for (const one of batches) {
    expect(state.duplicateOf(one)).toBeUndefined();
    offset += BigInt(one.lastOffsetDelta + 1);
    state.note(one, offset - 1n, 0n, 0);
  }
  return state;
}

describe("what a producer sends", () => {
  it("is new in sequence, whatever sequence an unknown producer begins with", () => {
    stateAfter(batch(0), batch(1, 3), batch(4));
    stateAfter(batch(77), batch(78));
    stateAfter(batch(-1, 2, -1, -1n), batch(-1, 1, -1, -1n));
  });

  it("is a duplicate when it is one of the last five batches, and gets that one's offsets", () => {
    const batches = [0, 2, 4, 6, 8, 10].map((sequence) => batch(sequence, 2));
    const state = stateAfter(...batches);
    for (const at of [1, 2, 3, 4, 5]) {
      expect(state.duplicateOf(batch(at * 2, 2))).toEqual({
        baseOffset: BigInt(at * 2),
        lastOffset: BigInt(at * 2 + 1),
        timestamp: 0n,
      });
    }
    expect(() => state.duplicateOf(batch(0, 2))).toThrow(/expected 12/);
  });

  it("is out of order with a gap, or with a part of an earlier batch", async () => {
    const state = stateAfter(batch(0, 3));
    for (const wrong of [batch(4), batch(2), batch(0, 2), batch(1, 2), batch(0, 4)]) {
      expect((await failureOf(() => state.duplicateOf(wrong))).code).toBe(
        ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      );
    }
  });

  it("begins again at 0 in a new epoch, and is refused in an old one", async () => {
    const state = stateAfter(batch(0), batch(1), batch(0, 1, 1));
    expect((await failureOf(() => state.duplicateOf(batch(2)))).code).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect((await failureOf(() => state.duplicateOf(batch(1, 1, 2)))).code).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
    expect(state.duplicateOf(batch(0, 1, 2))).toBeUndefined();
    expect(state.duplicateOf(batch(0, 1, 1))).toEqual({ baseOffset: 2n, lastOffset: 2n, timestamp: 0n });
  });

  it("wraps its sequence from 2^31-1 to 0", async () => {
    expect(sequenceAfter(SEQUENCE_MAX, 1)).toBe(0);
    expect(sequenceAfter(SEQUENCE_MAX - 1, 5)).toBe(3);
    expect(sequenceAfter(2, -3)).toBe(SEQUENCE_MAX);
    stateAfter(batch(SEQUENCE_MAX), batch(0));
    const state = stateAfter(batch(SEQUENCE_MAX - 1, 4), batch(2));
    expect(state.duplicateOf(batch(SEQUENCE_MAX - 1, 4))).toEqual({
      baseOffset: 0n,
      lastOffset: 3n,
      timestamp: 0n,
    });
    expect((await failureOf(() => state.duplicateOf(batch(0)))).code).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
  });

  it("is forgotten when its producer was silent too long, or too many others came", () => {
    const state = stateAfter(batch(0));
    state.note(batch(0, 1, 0, 2n), 1n, 0n, 500);
    state.expire(1000, 1000);
    expect(state.size).toBe(1);
    for (let id = 10n; id < 10n + BigInt(PRODUCERS_MAX); id++) state.note(batch(0, 1, 0, id), id, 0n, 600);
    expect(state.size).toBe(PRODUCERS_MAX);
    expect(state.duplicateOf(batch(7, 1, 0, 2n))).toBeUndefined();
  });
});

describe("a snapshot of producers", () => {
  it("has Kafka's layout, byte for byte", () => {
    const [one] = stateAfter(batch(41, 2, 3, 0x0102030405060708n)).batches();
    const bytes = encodeProducerSnapshot(engine, one === undefined ? [] : [one]);
    const hex = Buffer.from(bytes).toString("hex");
    expect(hex.slice(0, 4)).toBe("0001");
    expect(hex.slice(12)).toBe(
      "00000001" +
        "0102030405060708" +
        "0003" +
        "0000002a" +
        "0000000000000001" +
        "00000001" +
        "0000000000000000" +
        "ffffffff" +
        "ffffffffffffffff",
    );
    expect(new DataView(bytes.buffer).getUint32(2)).toBe(engine.crc32c(bytes.subarray(6)));
  });

  it("keeps the last five batches of every producer", () => {
    const state = stateAfter(...Array.from({ length: 8 }, (_, at) => batch(at)), batch(5, 2, 1, 9n));
    const again = ProducerState.of(
      decodeProducerSnapshot(engine, encodeProducerSnapshot(engine, state.batches())),
      0,
    );
    expect(again.batches()).toEqual(state.batches());
    for (const sequence of [3, 4, 5, 6, 7]) expect(again.duplicateOf(batch(sequence))).toBeDefined();
  });

  it("is refused with any byte flipped or missing", async () => {
    const bytes = encodeProducerSnapshot(engine, stateAfter(batch(0), batch(1)).batches());
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.map((value, index) => (index === at ? value ^ 0x40 : value));
      expect((await failureOf(() => decodeProducerSnapshot(engine, damaged))).code).toBe(
        ErrorCode.KAFKA_STORAGE_ERROR,
      );
      expect((await failureOf(() => decodeProducerSnapshot(engine, bytes.slice(0, at)))).code).toBe(
        ErrorCode.KAFKA_STORAGE_ERROR,
      );
    }
  });
});

describe("an idempotent producer of a partition", () => {
  const sent = (sequence: number): Uint8Array =>
    batchOf([`value ${sequence}`], { producerId: 4n, producerEpoch: 0, baseSequence: sequence });

  it.each([true, false])("has each batch in the log once across restarts, clean: %s", async (clean) => {
    const store = new MemoryStore();
    const settings = config({ "segment.bytes": 300 });
    let next = 0;
    for (let round = 0; round < 6; round++) {
      const log = await openLeader(store, { config: settings, clean: clean && round > 0 }, round);
      // What may still have been in flight comes again, in order.
      for (let again = Math.max(0, next - 5); again < next; again++) {
        const { duplicate, baseOffset, synced } = log.append(sent(again));
        expect([duplicate, baseOffset]).toEqual([true, BigInt(again)]);
        await synced;
      }
      // Nobody knows the producer yet in the first round.
      if (round > 0)
        expect((await failureOf(() => log.append(sent(next + 1)))).code).toBe(
          ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        );
      for (let more = 0; more < 7; more++) await log.append(sent(next++)).synced;
      if (clean) await log.close();
    }
    const log = await openLeader(store, { config: settings, clean }, 6);
    expect((await readValues(log)).map(([, value]) => value)).toEqual(
      Array.from({ length: next }, (_, at) => `value ${at}`),
    );
  });

  it("is answered for a duplicate only when the first one is synced", async () => {
    const log = await openLeader(new MemoryStore());
    log.append(sent(0));
    const again = log.append(sent(0));
    expect(again).toMatchObject({ duplicate: true, baseOffset: 0n, lastOffset: 0n });
    expect(log.highWatermark).toBe(0n);
    await again.synced;
    expect(log.highWatermark).toBe(1n);
    expect(log.logEndOffset).toBe(1n);
  });
});
