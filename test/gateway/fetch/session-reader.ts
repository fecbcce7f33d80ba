/** A reader that keeps a fetch session as Kafka's clients do (KIP-227): it sends what changes, and remembers what it is told. */
import { fetch } from "../../../wire/apis/fetch.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { BatchHeader } from "../../../log/batch.ts";
import { valuesOf } from "../batches.ts";
import type { ProtocolClient } from "../protocol-client.ts";

/** What is known of one partition. */
export interface Known {
  offset: bigint;
  highWatermark: bigint;
  logStartOffset: bigint;
  errorCode: number;
  /** `offset value` of every record that came. */
  readonly values: string[];
}

export interface Told {
  errorCode: number;
  sessionId: number;
  /** Partitions that the answer names. */
  partitions: number[];
}

export interface SessionFetch {
  maxWaitMs?: number;
  minBytes?: number;
  maxBytes?: number;
  partitionMaxBytes?: number;
}

/** Reads partitions of one topic. */
export class SessionReader {
  client: ProtocolClient;
  readonly version: number;
  sessionId = 0;
  epoch = 0;
  readonly known = new Map<number, Known>();
  private readonly topic: { name: string; id: string };
  /** What the session does not know of yet. */
  private readonly changed = new Set<number>();
  /** What the session still has: what it has told of these, it does not tell again. */
  private readonly forgotten = new Map<number, Known>();

  constructor(client: ProtocolClient, topic: { name: string; id: string }, version: number) {
    this.client = client;
    this.topic = topic;
    this.version = version;
  }

  add(partition: number, offset = 0n): void {
    const fresh = { highWatermark: -1n, logStartOffset: -1n, errorCode: 0 };
    const { highWatermark, logStartOffset, errorCode } = this.forgotten.get(partition) ?? fresh;
    this.known.set(partition, { offset, highWatermark, logStartOffset, errorCode, values: [] });
    this.changed.add(partition);
    this.forgotten.delete(partition);
  }

  forget(partition: number): void {
    const known = this.known.get(partition);
    if (known === undefined) return;
    this.known.delete(partition);
    this.forgotten.set(partition, known);
    this.changed.delete(partition);
  }

  /** Goes to another offset. */
  seek(partition: number, offset: bigint): void {
    const known = this.known.get(partition);
    if (known === undefined) throw new Error(`partition ${partition} is not read`);
    known.offset = offset;
    this.changed.add(partition);
  }

  /** One Fetch, and what it tells. After an error of the session the next Fetch begins a new one. */
  async fetch(options: SessionFetch = {}): Promise<Told> {
    const answer = await this.client.request(fetch, this.version, this.request(options));
    const told = { errorCode: answer.errorCode, sessionId: answer.sessionId, partitions: [] as number[] };
    if (answer.errorCode !== ErrorCode.NONE) {
      if (answer.errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND) this.sessionId = 0;
      this.epoch = 0;
      return told;
    }
    const isFull = this.epoch === 0;
    this.sessionId = answer.sessionId;
    this.epoch = answer.sessionId === 0 ? 0 : this.epoch + 1;
    this.changed.clear();
    this.forgotten.clear();
    for (const { partitions } of answer.responses) {
      for (const { partitionIndex, errorCode, highWatermark, logStartOffset, records } of partitions) {
        told.partitions.push(partitionIndex);
        const known = this.known.get(partitionIndex);
        if (known === undefined) throw new Error(`partition ${partitionIndex} was not asked for`);
        known.errorCode = errorCode;
        if (errorCode !== ErrorCode.NONE) continue;
        Object.assign(known, { highWatermark, logStartOffset });
        this.take(partitionIndex, known, records ?? new Uint8Array(0));
      }
    }
    if (isFull && told.partitions.length !== this.known.size)
      throw new Error(`a full answer names ${told.partitions.length} of ${this.known.size} partitions`);
    return told;
  }

  /** The request that the next `fetch` sends. */
  request({ maxWaitMs = 0, minBytes = 1, maxBytes = 2 ** 30, partitionMaxBytes = 2 ** 20 }: SessionFetch) {
    const asked = this.epoch === 0 ? [...this.known.keys()] : [...this.changed];
    const { name: topic, id: topicId } = this.topic;
    const partitions = asked.map((partition) => {
      const fetchOffset = this.known.get(partition)?.offset ?? 0n;
      return { partition, fetchOffset, partitionMaxBytes };
    });
    const named = partitions.length === 0 ? [] : [{ topic, topicId, partitions }];
    const isForgetting = this.epoch !== 0 && this.forgotten.size > 0;
    const forgotten = isForgetting ? [{ topic, topicId, partitions: [...this.forgotten.keys()] }] : [];
    const { sessionId, epoch: sessionEpoch } = this;
    return {
      maxWaitMs,
      minBytes,
      maxBytes,
      sessionId,
      sessionEpoch,
      topics: named,
      forgottenTopicsData: forgotten,
    };
  }

  private take(partition: number, known: Known, records: Uint8Array): void {
    for (const value of valuesOf(records)) {
      const offset = BigInt(value.slice(0, value.indexOf(" ")));
      // The first batch may begin before what was asked for.
      if (offset >= known.offset) known.values.push(value);
    }
    for (let at = 0; at < records.byteLength;) {
      const header = new BatchHeader(records, at);
      known.offset = header.lastOffset + 1n;
      this.changed.add(partition);
      at += header.bytes;
    }
  }
}
