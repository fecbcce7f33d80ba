/** Where an outbox keeps its rows: IndexedDB in a tab, memory where there is none. All logic is in `outbox-rows.ts` and `delivery-rows.ts`. */
import type { RecordHeader } from "../log/record.ts";
import type { RecordRun } from "./record-run.ts";

/**
 * `waiting`: to be sealed. `frozen`: in a stored batch. `held`: the cluster or the topic is another one. `in doubt`: sent,
 * and whether it arrived can no longer be known. `refused`: for good.
 */
export type UndeliveredState = "waiting" | "frozen" | "held" | "in doubt" | "refused";

/** `delivered`: in the log, and kept only to be shown until the device's replica has it. */
export type OutboxRecordState = UndeliveredState | "delivered";

export interface OutboxRecord {
  /** Given by the store, rising: the order of publishing. */
  readonly id: number;
  readonly topic: string;
  /** Key and value may be views on the bytes of all records that were published in one go. */
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** Milliseconds since the epoch, by the device's clock, or as the app gave it. */
  readonly timestamp: number;
  /** The app gave the timestamp: it is not corrected. */
  readonly timestampGiven: boolean;
  /** The cluster and the topic that it was meant for; null where this device did not know them yet. */
  readonly clusterId: string | null;
  readonly topicId: string | null;
  readonly state: OutboxRecordState;
  /** Why it is held, in doubt or refused. */
  readonly reason: string | null;
  /** Goes into a batch of its own: something in its last batch was refused. */
  readonly alone: boolean;
  /** Where it is, once it is delivered. */
  readonly place?: RecordPlace;
}

/** Records that wait, published in one go, and no more than RUN_MAX. */
export interface OutboxRun extends Pick<OutboxRecord, "topic" | "clusterId" | "topicId"> {
  readonly run: RecordRun;
  /** The timestamp of those that have none of the app's. */
  readonly addedAtMs: number;
}

export interface RecordPlace {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** A sealed batch: sent bit for bit until it is answered. */
export interface FrozenBatch {
  /** Given by the store, rising: within a lane, the order of sending. */
  readonly id: number;
  readonly clusterId: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** In the order in which they stand in the batch. */
  readonly recordIds: readonly number[];
  readonly bytes: Uint8Array;
  /** An offset that was not beyond the log's end before the first send: from here on the batch can be found, if at all. */
  readonly endBefore: bigint;
  /** When it was sealed, by the server's clock. */
  readonly frozenAtMs: number;
  /** Why it is not sent at present; null when it is. */
  readonly blocked: string | null;
}

/** The next sequence of one partition. Epochs rise per partition: that is where brokers check them. */
export interface Lane {
  readonly clusterId: string;
  readonly topicId: string;
  readonly partition: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly nextSequence: number;
}

/**
 * What became of records: for the tabs that published them, or show them, and were told nothing. Who has seen all receipts, and all
 * records by their ids, knows the rows: nothing else changes them but that what is `delivered` goes when it need not be shown.
 */
export interface Receipt {
  /** Given by the store, rising: the order of what became of them. */
  readonly id: number;
  readonly recordIds: readonly number[];
  /** They have left the outbox for this one; -1: the app has discarded them. undefined: they are there still, and have changed. */
  readonly partition: number | undefined;
  /** Record `recordIds[i]` has offset `baseOffset + i`; -1n when that is not known. */
  readonly baseOffset: bigint;
  /** Left out: of any. */
  readonly topic?: string;
  /** The batch that they are in, or were. */
  readonly batchId?: number;
}

/** Two of a batch, mostly: enough for a tab that sleeps through hours of a quiet app, or through the backlog of a busy one. */
export const RECEIPTS_MAX = 2000;

/** Of a topic whose pending records are shown, so many delivered ones at most are kept until the replica has them. */
export const ARRIVING_MAX = { records: 1000, bytes: 4 * 1024 * 1024 } as const;

/** So many records go into one batch, and so many bytes of keys and values unless a single one has more. */
export const RUN_MAX = { records: 1000, bytes: 256 * 1024 } as const;

export type LaneKey = Pick<Lane, "clusterId" | "topicId" | "partition">;

/** Rows as one transaction sees them. Nothing but these calls may be awaited inside it. */
export interface OutboxTransaction {
  /** Answers the new row's id. */
  addRecord(record: Omit<OutboxRecord, "id">): Promise<number>;
  /** As many at once; answers the id of the first, on which the others follow. */
  addRun(run: OutboxRun): Promise<number>;
  putRecord(record: OutboxRecord): Promise<void>;
  /**
   * They are `frozen` from now on, if all of them wait, and as long as a batch has them, which is added in the same transaction;
   * else nothing changes, and it answers false.
   */
  freezeRecords(ids: readonly number[]): Promise<boolean>;
  /** A frozen one leaves in the transaction that deletes its batch, as those that are put in another state do. */
  deleteRecord(id: number): Promise<void>;
  /** Puts nothing where all of them are frozen, or have rows of their own: a device without room takes it. */
  deleteRecords(ids: readonly number[]): Promise<void>;
  record(id: number): Promise<OutboxRecord | undefined>;
  /** Those of these that are there, in the order of their ids. */
  records(ids: readonly number[]): Promise<OutboxRecord[]>;
  /** Records in one state, oldest first, at most `limit`; of one topic when it is named. */
  recordsIn(state: OutboxRecordState, limit: number, topic?: string): Promise<OutboxRecord[]>;
  /** Topics of the records in one state. */
  topicsIn(state: OutboxRecordState): Promise<string[]>;
  countIn(state: OutboxRecordState, topic?: string): Promise<number>;
  /** Ids of all records from `first` to `last`, both included. */
  recordIds(first: number, last: number): Promise<number[]>;
  /** All later ones than that with this id, oldest first. */
  recordsAfter(id: number): Promise<OutboxRecord[]>;

  addBatch(batch: Omit<FrozenBatch, "id">): Promise<number>;
  putBatch(batch: FrozenBatch): Promise<void>;
  deleteBatch(id: number): Promise<void>;
  batch(id: number): Promise<FrozenBatch | undefined>;
  /** All of them, oldest first. */
  batches(): Promise<FrozenBatch[]>;

  lane(key: LaneKey): Promise<Lane | undefined>;
  putLane(lane: Lane): Promise<void>;

  /** Deletes those older than the last RECEIPTS_MAX. */
  addReceipt(receipt: Omit<Receipt, "id">): Promise<void>;
  /** All later ones than that with this id, oldest first. */
  receiptsAfter(id: number): Promise<Receipt[]>;

  /**
   * How many bytes of delivered records are kept of a topic that somebody on this device shows from when they are published on;
   * undefined: nobody does.
   */
  shownBytes(topic: string): Promise<number | undefined>;
  putShownBytes(topic: string, bytes: number): Promise<void>;

  /** The producer id that the cluster's owner gave this device. */
  producerId(clusterId: string): Promise<bigint | undefined>;
  putProducerId(clusterId: string, producerId: bigint): Promise<void>;

  /** Rises with each new deliverer: the older ones must not write any more. */
  term(): Promise<number>;
  putTerm(term: number): Promise<void>;
}

export interface OutboxStore {
  /**
   * Runs `work` in one transaction: all of it or nothing happens, and no other runs between its reads and its writes, in
   * this tab or another. Durable when resolved. When `work` throws, nothing has happened and the promise rejects with it.
   */
  transact<T>(mode: "readonly" | "readwrite", work: (rows: OutboxTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Of what is not in the log yet. */
export const RECORD_STATES: readonly UndeliveredState[] = [
  "waiting",
  "frozen",
  "held",
  "in doubt",
  "refused",
];
