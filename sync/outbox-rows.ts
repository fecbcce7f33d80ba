/** What every tab does to the rows of its outbox, each in one transaction. What delivering does to them: `delivery-rows.ts`. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
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

/** Of all that is done under a term: another one may lead since it was begun. */
export async function checkTerm(rows: OutboxTransaction, term: number): Promise<void> {
  if ((await rows.term()) !== term) throw new Superseded();
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

/** What becomes of the records of a batch that is taken apart. */
export interface Verdict {
  readonly batch: FrozenBatch;
  readonly state: Exclude<UndeliveredState, "frozen">;
  readonly reason: string | null;
  readonly alone?: boolean;
}

/** Within a transaction: what stands in a batch that is taken apart is told from each other again. */
export async function applyVerdict(rows: OutboxTransaction, verdict: Verdict): Promise<void> {
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
export async function noteChange(
  rows: OutboxTransaction,
  { id: batchId, topic, recordIds }: Pick<FrozenBatch, "id" | "topic" | "recordIds">,
): Promise<void> {
  await rows.addReceipt({ recordIds, partition: undefined, baseOffset: -1n, topic, batchId });
}

/** As `noteChange`, of records of any topic that are in no batch. */
export async function noteChanges(rows: OutboxTransaction, recordIds: readonly number[]): Promise<void> {
  if (recordIds.length > 0) await rows.addReceipt({ recordIds, partition: undefined, baseOffset: -1n });
}

export type OutboxCounts = Readonly<Record<UndeliveredState, number>> & {
  /** Of the frozen ones, those in batches that are not sent. */
  readonly blocked: number;
};

export function countRecords(store: OutboxStore): Promise<OutboxCounts> {
  return store.transact("readonly", async (rows) => {
    const counts = { waiting: 0, frozen: 0, held: 0, "in doubt": 0, refused: 0 };
    let blocked = 0;
    for (const batch of await rows.batches()) {
      counts.frozen += batch.recordIds.length;
      if (batch.blocked !== null) blocked += batch.recordIds.length;
    }
    for (const state of RECORD_STATES) if (state !== "frozen") counts[state] = await rows.countIn(state);
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

/** For a `delivered` that will not come. */
export function undelivered(state: OutboxRecord["state"] | "discarded", reason: string): KafkaError {
  const code = state === "in doubt" ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.INVALID_RECORD;
  return new KafkaError(code, `the record was not delivered (${state}): ${reason}`);
}
