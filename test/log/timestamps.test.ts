/** A batch's header may lie about its records' times: what is stored is true, and the limits hold for the records. */
import { describe, expect, it } from "vitest";
import { CODEC_LZ4, CODEC_NONE, CRC_AT } from "../../engine-as/format.ts";
import { BatchHeader } from "../../log/batch.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { engineKinds, loadEngine } from "../engine/load.ts";
import { lyingBatch } from "../engine/record-times.ts";
import {
  appendAll,
  batchOf,
  clock,
  config,
  failureOf,
  openLeader,
  optionsFor,
  readBatches,
  splitBatches,
  START_MS,
} from "./harness.ts";

const HOUR_MS = 60 * 60 * 1000;
const CODECS = [CODEC_NONE, CODEC_LZ4];
/** What a liar may claim of records at START_MS: nothing, too little, too much, more than any limit. */
const LIES = [-1n, BigInt(START_MS - 1), BigInt(START_MS + 1), 2n ** 63n - 1n];

describe.each(engineKinds)("a batch's greatest timestamp, %s build", (kind) => {
  const engine = loadEngine(kind);
  const cases = CODECS.flatMap((codec) => LIES.map((lie): [number, bigint] => [codec, lie]));
  const atTimes = (timestamps: readonly number[], codec = CODEC_NONE): Uint8Array =>
    engine.writeBatch(
      timestamps.map((timestamp) => ({ key: null, value: new TextEncoder().encode("value"), timestamp })),
      { codec, producerId: 7n, producerEpoch: 0, baseSequence: 0, bytesMax: 1 << 20 },
    );

  it.each(cases)(
    "that the header lies about (codec %i, claims %i) is stored as it is, and the batch's CRC holds",
    async (codec, lie) => {
      const store = new MemoryStore();
      const log = await openLeader(store, { engine });
      const sealed = atTimes([START_MS - 5, START_MS, START_MS - 9], codec);
      await appendAll(log, [lyingBatch(sealed, lie)]);
      const [stored] = await readBatches(log);
      if (stored === undefined) throw new Error("nothing is stored");
      expect(new BatchHeader(stored).maxTimestamp).toBe(BigInt(START_MS));
      expect(engine.checkBatch(stored, true, 1 << 20)).toBe(stored.length);
      // But for offset and epoch it is what an honest producer would have sent.
      expect(stored.subarray(CRC_AT)).toEqual(sealed.subarray(CRC_AT));
      expect(await log.maxTimestamp()).toMatchObject({ offset: 1n, timestamp: BigInt(START_MS) });
      await log.close();
      const again = await PartitionLog.open(optionsFor(store, { engine, clean: false }));
      expect(again.recovery.validBytes).toBe(stored.length);
      expect(await again.maxTimestamp()).toMatchObject({ timestamp: BigInt(START_MS) });
    },
  );

  it.each(CODECS)(
    "that the header tells truly leaves every byte as the producer sealed it (codec %i)",
    async (codec) => {
      const log = await openLeader(new MemoryStore(), { engine });
      const sealed = atTimes([START_MS, START_MS - 3], codec);
      const sent = sealed.slice();
      await appendAll(log, [sent]);
      expect(sent.subarray(CRC_AT)).toEqual(sealed.subarray(CRC_AT));
    },
  );

  it("that a lie hides is found by the limit for clocks that are ahead", async () => {
    const log = await openLeader(new MemoryStore(), { engine });
    const ahead = atTimes([START_MS, START_MS + HOUR_MS + 1]);
    const lying = lyingBatch(ahead, BigInt(START_MS));
    const before = lying.slice();
    expect((await failureOf(() => log.append(lying))).code).toBe(ErrorCode.INVALID_TIMESTAMP);
    expect(lying).toEqual(before);
    expect(log.logEndOffset).toBe(0n);
  });

  it("is remembered for the producer as it is, and a batch sent again with the lie is a duplicate", async () => {
    const log = await openLeader(new MemoryStore(), { engine });
    const lying = lyingBatch(atTimes([START_MS]), 5n);
    const again = lying.slice();
    const before = again.slice();
    await log.append(lying).synced;
    expect(log.append(again)).toMatchObject({ duplicate: true, baseOffset: 0n });
    expect(again).toEqual(before);
  });

  it("is the leader's to put right, not a replica's", async () => {
    const replica = await PartitionLog.open(optionsFor(new MemoryStore(), { engine }));
    const lying = lyingBatch(atTimes([START_MS]), 5n);
    new BatchHeader(lying).stamp(0n, 0);
    const before = lying.slice();
    await replica.appendReplica(lying, { from: 0n, to: 1n });
    expect(lying).toEqual(before);
  });
});

describe("the limit for clocks that are behind", () => {
  const limited = { config: config({ "message.timestamp.before.max.ms": 1000 }) };
  const shapes = { producerId: 7n, producerEpoch: 0, baseSequence: 0, bytesMax: 1 << 20 };

  it.each(CODECS)("holds for every record, not for the first alone (codec %i)", async (codec) => {
    const log = await openLeader(new MemoryStore(), limited);
    const engine = loadEngine();
    const records = [START_MS, -1, START_MS - 1001, START_MS].map((timestamp) => ({
      key: null,
      value: null,
      timestamp,
    }));
    const batch = engine.writeBatch(records, { ...shapes, codec });
    const failure = await failureOf(() => log.append(batch));
    expect(failure.code).toBe(ErrorCode.INVALID_TIMESTAMP);
    expect(failure.message).toContain(`${START_MS - 1001}`);
  });

  it("does not make a batch lost that is in the log, and is sent again when it is too old by now", async () => {
    let nowMs = START_MS;
    const log = await openLeader(new MemoryStore(), { ...limited, clock: { ...clock, now: () => nowMs } });
    const sent = (sequence: number) =>
      batchOf(["a"], { producerId: 7n, producerEpoch: 0, baseSequence: sequence, timestamp: START_MS });
    await log.append(sent(0)).synced;
    nowMs += 5000;
    expect(log.append(sent(0))).toMatchObject({ duplicate: true, baseOffset: 0n });
    expect((await failureOf(() => log.append(sent(1)))).code).toBe(ErrorCode.INVALID_TIMESTAMP);
  });

  it("asks nothing of records without a timestamp", async () => {
    const log = await openLeader(new MemoryStore(), limited);
    await appendAll(log, [batchOf(["a", "b"], { timestamp: -1 })]);
    expect(splitBatches((await log.read(0n, 1000)).bytes)).toHaveLength(1);
  });
});
