/** What the log's tests share: the real engine, a clock, batches, and ways to read a log back. */
import { BatchHeader } from "../../log/batch.ts";
import type { Clock } from "../../log/clock.ts";
import { brokerConfig, topicConfig, type TopicConfig } from "../../log/config.ts";
import type { LogRecord } from "../../log/record.ts";
import type { Partition } from "../../log/offline-partition.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { PartitionOptions } from "../../log/partition-types.ts";
import type { Store } from "../../log/store.ts";
import { KafkaError } from "../../wire/errors.ts";
import { loadEngine } from "../engine/load.ts";

export const engine = loadEngine();

/** Real ticks; time stands still at a moment of the test's choosing. */
export const START_MS = 1_760_000_000_000;
export const clock: Clock = {
  now: () => START_MS,
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  defer: (callback) => void setImmediate(callback),
};

/** Time that passes by ticks alone, five milliseconds each: the same history every time. */
export const tickClock: Clock = {
  now: () => START_MS,
  defer: (callback) => void setImmediate(callback),
  setTimer: (delayMs, callback) => {
    let isCancelled = false;
    const tick = (left: number): void => {
      if (isCancelled) return;
      if (left <= 0) callback();
      else setImmediate(tick, left - 5);
    };
    setImmediate(tick, delayMs);
    return () => void (isCancelled = true);
  },
};

export const TOPIC_ID = "AAECAwQFBgcICQoLDA0ODw";

export function config(overrides: Record<string, string | number> = {}): TopicConfig {
  const entries = Object.entries(overrides).map(([name, value]): [string, string] => [name, String(value)]);
  return topicConfig(brokerConfig(new Map()), new Map(entries));
}

export interface BatchShape {
  producerId?: bigint;
  producerEpoch?: number;
  baseSequence?: number;
  timestamp?: number;
  codec?: number;
  transactional?: boolean;
  control?: boolean;
}

/** A record where its value is not all that there is to say. */
export interface RecordShape {
  value: string;
  key?: string | null | undefined;
  timestamp?: number | undefined;
}

/** A batch as a producer seals it. */
export function batchOf(
  values: readonly (string | Uint8Array | RecordShape)[],
  shape: BatchShape = {},
): Uint8Array {
  const {
    producerId = -1n,
    producerEpoch = -1,
    baseSequence = -1,
    timestamp = START_MS,
    codec = 0,
    ...flags
  } = shape;
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const records = values.map((each) => {
    if (each instanceof Uint8Array) return { key: null, value: each, timestamp };
    const record: RecordShape = typeof each === "string" ? { value: each } : each;
    const key = record.key === undefined || record.key === null ? null : bytes(record.key);
    return { key, value: bytes(record.value), timestamp: record.timestamp ?? timestamp };
  });
  return engine.writeBatch(records, {
    codec,
    producerId,
    producerEpoch,
    baseSequence,
    bytesMax: 64 * 1024 * 1024,
    ...flags,
  });
}

export function optionsFor(store: Store, overrides: Partial<PartitionOptions> = {}): PartitionOptions {
  return {
    store,
    engine,
    clock,
    topic: "orders",
    topicId: TOPIC_ID,
    partition: 0,
    config: config(),
    clean: false,
    uncompressedBytesMax: 16 * 1024 * 1024,
    ...overrides,
  };
}

/** A partition that this node leads. */
export async function openLeader(
  store: Store,
  overrides: Partial<PartitionOptions> = {},
  epoch = 0,
): Promise<PartitionLog> {
  const log = await PartitionLog.open(optionsFor(store, { ledUpTo: epoch, ...overrides }));
  await log.startEpoch(epoch);
  return log;
}

/** Appends one batch after the other, each waited for. */
export async function appendAll(log: Partition, batches: Iterable<Uint8Array>): Promise<void> {
  for (const batch of batches) await log.append(batch).synced;
}

/** Batches from `from` to the high watermark, read in pieces; ranges must join. */
export async function readBatches(
  log: Partition,
  from = log.logStartOffset,
  bytesMax = 1024 * 1024,
): Promise<Uint8Array[]> {
  const batches: Uint8Array[] = [];
  for (let offset = from; offset < log.highWatermark;) {
    const { bytes, from: start, to } = await log.read(offset, bytesMax);
    if (start !== offset || to <= offset || to > log.highWatermark) {
      throw new Error(`read ${start} to ${to}, asked for ${offset}, high watermark ${log.highWatermark}`);
    }
    batches.push(...splitBatches(bytes));
    offset = to;
  }
  return batches;
}

export function splitBatches(bytes: Uint8Array): Uint8Array[] {
  const batches: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = new BatchHeader(bytes, at).bytes;
    batches.push(bytes.slice(at, at + size));
    at += size;
  }
  return batches;
}

export function recordsOf(batches: readonly Uint8Array[]): LogRecord[] {
  return batches.flatMap((batch) => [...engine.readBatch(batch, 16 * 1024 * 1024)]);
}

/** Offset and value of every record from `from` to the high watermark. */
export async function readValues(
  log: Partition,
  from?: bigint,
  bytesMax?: number,
): Promise<[bigint, string][]> {
  const records = recordsOf(await readBatches(log, from, bytesMax));
  return records.map(({ offset, value }) => [offset, new TextDecoder().decode(value ?? new Uint8Array(0))]);
}

/** A small seeded generator (mulberry32): the same seed, the same history. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The error of a call that must fail with one of Kafka's codes. */
export async function failureOf(call: () => unknown): Promise<KafkaError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
