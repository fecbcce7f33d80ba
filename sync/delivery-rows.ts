/** What delivering does to the rows of an outbox, each in one transaction. Rules 2 and 3 of the outbox stand here and in `delivery.ts`. */
import {
  BASE_SEQUENCE_AT,
  ATTRIBUTES_AT,
  CRC_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
} from "../engine-as/format.ts";
import type { RecordEngine } from "../log/engine.ts";
import { isFull } from "./error-text.ts";
import { keepUntilArrived } from "./outbox-arrivals.ts";
import { applyVerdict, checkTerm, laneKeyOf, noteChange, noteChanges } from "./outbox-rows.ts";
import type { Verdict } from "./outbox-rows.ts";
import type { FrozenBatch, Lane, LaneKey, OutboxRecord, OutboxStore } from "./outbox-store.ts";

export interface FreezePlan {
  readonly lane: LaneKey;
  readonly topic: string;
  readonly records: readonly OutboxRecord[];
  /** Sealed before the transaction for `expected`; sealed anew inside it when another sequence comes next. */
  readonly bytes: Uint8Array;
  readonly expected: Lane;
  readonly endBefore: bigint;
  readonly frozenAtMs: number;
}

/**
 * The one transaction of rule 2: the records are still waiting, the partition is theirs from now on, the sequence is
 * taken, the batch is stored. Only what this answers may be sent. undefined: the rows have changed, look again.
 */
export function freeze(
  store: OutboxStore,
  engine: RecordEngine,
  term: number,
  plan: FreezePlan,
): Promise<FrozenBatch | undefined> {
  return store.transact("readwrite", async (rows) => {
    await checkTerm(rows, term);
    const lane = (await rows.lane(plan.lane)) ?? plan.expected;
    const recordIds = plan.records.map(({ id }) => id);
    if (!(await rows.freezeRecords(recordIds))) return undefined;
    const batch: Omit<FrozenBatch, "id"> = {
      clusterId: lane.clusterId,
      topic: plan.topic,
      topicId: lane.topicId,
      partition: lane.partition,
      producerId: lane.producerId,
      producerEpoch: lane.producerEpoch,
      baseSequence: lane.nextSequence,
      recordIds,
      bytes: sealFor(engine, plan.bytes, lane),
      endBefore: plan.endBefore,
      frozenAtMs: plan.frozenAtMs,
      blocked: null,
    };
    await rows.putLane({ ...lane, nextSequence: sequenceAfter(lane.nextSequence, plan.records.length) });
    const id = await rows.addBatch(batch);
    await noteChange(rows, { ...batch, id });
    return { ...batch, id };
  });
}

/**
 * The batch is in the log, at `baseOffset` (-1n: not known where): it and its records are done with, and a receipt says so
 * to the tabs that published them. Where they are shown they stay until the replica has them. Answers false when it was
 * already gone.
 */
export async function settle(
  store: OutboxStore,
  term: number,
  batch: FrozenBatch,
  baseOffset: bigint,
): Promise<boolean> {
  const { id: batchId, topic, recordIds, partition } = batch;
  const receipt = { recordIds, partition, baseOffset, topic, batchId };
  const work = (hasRoom: boolean): Promise<boolean> =>
    store.transact("readwrite", async (rows) => {
      await checkTerm(rows, term);
      const [stored, shownBytes] = await Promise.all([rows.batch(batchId), rows.shownBytes(topic)]);
      if (stored === undefined) return false;
      if (hasRoom && baseOffset >= 0n && shownBytes !== undefined)
        await keepUntilArrived(rows, batch, { baseOffset, shownBytes });
      else await rows.deleteRecords(recordIds);
      await rows.deleteBatch(batchId);
      if (hasRoom) await rows.addReceipt(receipt);
      return true;
    });
  try {
    return await work(true);
  } catch (error) {
    if (!isFull(error)) throw error;
    // What only deletes needs no room, and makes some: for the receipt, perhaps, which tabs that sleep now would look for.
    const wasThere = await work(false);
    await store.transact("readwrite", (rows) => rows.addReceipt(receipt)).catch(() => undefined);
    return wasThere;
  }
}

/**
 * Takes batches that are known not to be in the log, or in doubt, apart again. The lane goes on with sequence 0 under
 * another producer epoch or id, so that a late copy of what was taken apart is refused.
 */
export function takeApart(
  store: OutboxStore,
  term: number,
  verdicts: readonly Verdict[],
  next: { producerId: bigint; producerEpoch: number } | undefined,
): Promise<void> {
  return store.transact("readwrite", async (rows) => {
    await checkTerm(rows, term);
    for (const verdict of verdicts) await applyVerdict(rows, verdict);
    const lane = verdicts[0]?.batch;
    if (lane !== undefined && next !== undefined)
      await rows.putLane({ ...laneKeyOf(lane), ...next, nextSequence: 0 });
  });
}

/** Marks waiting records: held, or refused before they were ever sealed. */
export function setAside(
  store: OutboxStore,
  term: number,
  records: readonly OutboxRecord[],
  state: "held" | "refused",
  reason: string,
): Promise<void> {
  return store.transact("readwrite", async (rows) => {
    await checkTerm(rows, term);
    for (const { id } of records) {
      const record = await rows.record(id);
      if (record?.state === "waiting") await rows.putRecord({ ...record, state, reason });
    }
    await noteChanges(
      rows,
      records.map(({ id }) => id),
    );
  });
}

/** Notes why a batch is not sent, or that nothing keeps it any more (null). Answers false when the app has taken it apart. */
export function block(
  store: OutboxStore,
  term: number,
  { id }: FrozenBatch,
  reason: string | null,
): Promise<boolean> {
  return store.transact("readwrite", async (rows) => {
    await checkTerm(rows, term);
    const batch = await rows.batch(id);
    if (batch === undefined) return false;
    if (batch.blocked === reason) return true;
    await rows.putBatch({ ...batch, blocked: reason });
    await noteChange(rows, batch);
    return true;
  });
}

/** The device's producer id in a cluster: the one that is stored, else `fresh` from now on. */
export function producerIdFor(
  store: OutboxStore,
  term: number,
  clusterId: string,
  fresh: bigint,
): Promise<bigint> {
  return store.transact("readwrite", async (rows) => {
    await checkTerm(rows, term);
    const stored = await rows.producerId(clusterId);
    if (stored === undefined) await rows.putProducerId(clusterId, fresh);
    return stored ?? fresh;
  });
}

/** Held records that fit again (the cluster is back) wait again. */
export function release(store: OutboxStore, term: number, clusterId: string): Promise<void> {
  return store.transact("readwrite", async (rows) => {
    await checkTerm(rows, term);
    const held = await rows.recordsIn("held", Number.MAX_SAFE_INTEGER);
    const back = held.filter((record) => record.clusterId === clusterId);
    for (const record of back) await rows.putRecord({ ...record, state: "waiting", reason: null });
    await noteChanges(
      rows,
      back.map(({ id }) => id),
    );
  });
}

/** Sequences count records and wrap to 0 after 2^31 - 1. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % 2 ** 31;
}

/** The sealed bytes under the lane's producer id, epoch and next sequence; the CRC is taken anew when one of them differs. Synchronous. */
function sealFor(engine: RecordEngine, bytes: Uint8Array, lane: Lane): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fits =
    view.getBigInt64(PRODUCER_ID_AT) === lane.producerId &&
    view.getInt16(PRODUCER_EPOCH_AT) === lane.producerEpoch &&
    view.getInt32(BASE_SEQUENCE_AT) === lane.nextSequence;
  if (fits) return bytes;
  view.setBigInt64(PRODUCER_ID_AT, lane.producerId);
  view.setInt16(PRODUCER_EPOCH_AT, lane.producerEpoch);
  view.setInt32(BASE_SEQUENCE_AT, lane.nextSequence);
  view.setUint32(CRC_AT, engine.crc32c(bytes.subarray(ATTRIBUTES_AT)));
  return bytes;
}
