/** What an outbox does to its rows, each in one transaction. Rules 2 and 3 of the outbox stand here and in `delivery.ts`. */
import {
  BASE_SEQUENCE_AT,
  ATTRIBUTES_AT,
  CRC_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
} from "../engine-as/format.ts";
import type { RecordEngine } from "../log/engine.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { keepUntilArrived } from "./outbox-arrivals.ts";
import { RECORD_STATES } from "./outbox-store.ts";
import type {
  FrozenBatch,
  Lane,
  LaneKey,
  OutboxRecord,
  UndeliveredState,
  OutboxStore,
  OutboxTransaction,
} from "./outbox-store.ts";

/** Another deliverer has taken over this outbox: this one must stop. */
export class Superseded extends Error {
  constructor() {
    super("another tab leads now: what this one began under its own term is not written any more");
  }
}

/**
 * Becomes the one that leads: every older one is refused from now on. Answers the term to write under, `least` or a later one:
 * a store that was lost begins anew, and what is kept elsewhere may know of terms before.
 */
export function takeOver(store: OutboxStore, least = 1): Promise<number> {
  return store.transact("readwrite", async (rows) => {
    const term = Math.max((await rows.term()) + 1, least);
    await rows.putTerm(term);
    return term;
  });
}

async function checkTerm(rows: OutboxTransaction, term: number): Promise<void> {
  if ((await rows.term()) !== term) throw new Superseded();
}

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
    const stored = await rows.records(plan.records.map(({ id }) => id));
    if (stored.length < plan.records.length || stored.some(({ state }) => state !== "waiting"))
      return undefined;
    const batch: Omit<FrozenBatch, "id"> = {
      clusterId: lane.clusterId,
      topic: plan.topic,
      topicId: lane.topicId,
      partition: lane.partition,
      producerId: lane.producerId,
      producerEpoch: lane.producerEpoch,
      baseSequence: lane.nextSequence,
      recordIds: plan.records.map((record) => record.id),
      bytes: sealFor(engine, plan.bytes, lane),
      endBefore: plan.endBefore,
      frozenAtMs: plan.frozenAtMs,
      blocked: null,
    };
    await rows.putLane({ ...lane, nextSequence: sequenceAfter(lane.nextSequence, plan.records.length) });
    await Promise.all(plan.records.map((record) => rows.putRecord({ ...record, state: "frozen" })));
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
export function settle(
  store: OutboxStore,
  term: number,
  batch: FrozenBatch,
  baseOffset: bigint,
): Promise<boolean> {
  return store.transact("readwrite", async (rows) => {
    await checkTerm(rows, term);
    const { id: batchId, topic, recordIds, partition } = batch;
    const [stored, shownBytes] = await Promise.all([rows.batch(batchId), rows.shownBytes(topic)]);
    if (stored === undefined) return false;
    if (baseOffset >= 0n && shownBytes !== undefined)
      await keepUntilArrived(rows, batch, { baseOffset, shownBytes });
    else await rows.deleteRecords(recordIds);
    await rows.deleteBatch(batchId);
    await rows.addReceipt({ recordIds, partition, baseOffset, topic, batchId });
    return true;
  });
}

/** What becomes of the records of a batch that is taken apart. */
export interface Verdict {
  readonly batch: FrozenBatch;
  readonly state: Exclude<UndeliveredState, "frozen">;
  readonly reason: string | null;
  readonly alone?: boolean;
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

async function applyVerdict(rows: OutboxTransaction, verdict: Verdict): Promise<void> {
  const { batch, state, reason } = verdict;
  if ((await rows.batch(batch.id)) === undefined) return;
  for (const id of batch.recordIds) {
    const record = await rows.record(id);
    if (record !== undefined)
      await rows.putRecord({ ...record, state, reason, alone: verdict.alone ?? record.alone });
  }
  await rows.deleteBatch(batch.id);
  await noteChange(rows, batch);
}

/** For who shows the batch's records, or waits for them: they have changed, and have not left. */
async function noteChange(
  rows: OutboxTransaction,
  { id: batchId, topic, recordIds }: Pick<FrozenBatch, "id" | "topic" | "recordIds">,
): Promise<void> {
  await rows.addReceipt({ recordIds, partition: undefined, baseOffset: -1n, topic, batchId });
}

/** As `noteChange`, of records of any topic that are in no batch. */
async function noteChanges(rows: OutboxTransaction, recordIds: readonly number[]): Promise<void> {
  if (recordIds.length > 0) await rows.addReceipt({ recordIds, partition: undefined, baseOffset: -1n });
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

/** The app's word on records that ask for one. Answers the ids it held for: what is being sent is not changed. */
export function decide(
  store: OutboxStore,
  ids: readonly number[],
  word: "retry" | "discard",
): Promise<number[]> {
  return store.transact("readwrite", async (rows) => {
    const asked = new Set(ids);
    for (const batch of await rows.batches()) {
      if (batch.blocked !== null && batch.recordIds.some((id) => asked.has(id))) {
        await applyVerdict(rows, { batch, state: "in doubt", reason: batch.blocked });
        // The batch's sequence was taken and will not come: the next batch of this lane must not follow on it.
        const lane = await rows.lane(laneKeyOf(batch));
        if (lane !== undefined) await rows.putLane(nextEpoch(lane));
      }
    }
    const done: number[] = [];
    for (const id of asked) {
      const record = await rows.record(id);
      if (record === undefined || record.state === "frozen" || record.state === "delivered") continue;
      if (word === "retry" && record.state === "waiting") continue;
      if (word === "discard") await rows.deleteRecord(id);
      else
        await rows.putRecord({
          ...record,
          state: "waiting",
          reason: null,
          clusterId: null,
          topicId: null,
          alone: true,
        });
      done.push(id);
    }
    if (word === "retry") await noteChanges(rows, done);
    else if (done.length > 0) await rows.addReceipt({ recordIds: done, partition: -1, baseOffset: -1n });
    return done;
  });
}

export type OutboxCounts = Readonly<Record<UndeliveredState, number>> & {
  /** Of the frozen ones, those in batches that are not sent. */
  readonly blocked: number;
};

export function countRecords(store: OutboxStore): Promise<OutboxCounts> {
  return store.transact("readonly", async (rows) => {
    const counts: Record<UndeliveredState, number> = {
      waiting: 0,
      frozen: 0,
      held: 0,
      "in doubt": 0,
      refused: 0,
    };
    for (const state of RECORD_STATES) counts[state] = await rows.countIn(state);
    let blocked = 0;
    if (counts.frozen > 0) {
      for (const batch of await rows.batches()) if (batch.blocked !== null) blocked += batch.recordIds.length;
    }
    return { ...counts, blocked };
  });
}

export function laneKeyOf({ clusterId, topicId, partition }: LaneKey): LaneKey {
  return { clusterId, topicId, partition };
}

const PRODUCER_EPOCH_MAX = 32767;

/** KIP-360: an idempotent producer raises its epoch by itself. At the last epoch it stays there, and the next error asks for a new id. */
export function nextEpoch(lane: Lane): Lane {
  return { ...lane, producerEpoch: Math.min(lane.producerEpoch + 1, PRODUCER_EPOCH_MAX), nextSequence: 0 };
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

/** For a `delivered` that will not come. */
export function undelivered(state: OutboxRecord["state"] | "discarded", reason: string): KafkaError {
  const code = state === "in doubt" ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.INVALID_RECORD;
  return new KafkaError(code, `the record was not delivered (${state}): ${reason}`);
}
