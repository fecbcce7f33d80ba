/** Records of a replica and pending ones, as bytes and as the app's types. */
import type { RecordHeader } from "../../log/record.ts";
import type { ArrivedRecord, LocalRecord, PendingRecord, PendingState } from "./api-pending.ts";
import type { PendingEntry } from "./pending-tracker.ts";
import { LazyRecord } from "./received-record.ts";
import type { Codec } from "./received-record.ts";
import type { PartitionRecord, ReceivedOptions, RecordBatch } from "./record-batch.ts";

/** Some records of one partition; `ids` says by their offsets which of them were pending, as which rows of the outbox. */
export interface ArrivedBatch extends RecordBatch {
  readonly ids: ReadonlyMap<bigint, number> | undefined;
}

export type LocalBatch = ArrivedBatch | { readonly pending: readonly PendingEntry[] };

export async function* localRecords<V, K>(
  topic: string,
  batches: AsyncIterable<LocalBatch>,
  codec: Codec<V, K>,
  { isOver, onTaken }: ReceivedOptions,
): AsyncGenerator<LocalRecord<V, K>, void, void> {
  for await (const batch of batches) {
    for (const record of recordsOf(topic, batch, codec)) {
      if (isOver()) return;
      yield record;
      if (!record.isPending) onTaken?.(record.partition, record.offset + 1n);
    }
  }
}

/** What `latest` has found, replicated or pending. */
export function latestOf<V, K>(
  topic: string,
  found: PartitionRecord | PendingEntry,
  codec: Codec<V, K>,
): LocalRecord<V, K> {
  if (!("record" in found)) return new LazyPending(topic, found, codec);
  const { partition, record } = found;
  return new LazyArrived(`${partition}:${record.offset}`, topic, partition, record, codec);
}

function* recordsOf<V, K>(
  topic: string,
  batch: LocalBatch,
  codec: Codec<V, K>,
): Generator<LocalRecord<V, K>, void, void> {
  if ("pending" in batch) {
    for (const entry of batch.pending) yield new LazyPending(topic, entry, codec);
    return;
  }
  const { partition, records, ids } = batch;
  for (const record of records) {
    const id = ids?.get(record.offset);
    const name = id === undefined ? `${partition}:${record.offset}` : pendingName(id);
    yield new LazyArrived(name, topic, partition, record, codec);
  }
}

/** No position begins so. */
function pendingName(id: number): string {
  return `~${id}`;
}

class LazyArrived<V, K> extends LazyRecord<V, K> implements ArrivedRecord<V, K> {
  readonly isPending = false;
  readonly id: string;

  constructor(id: string, ...of: ConstructorParameters<typeof LazyRecord<V, K>>) {
    super(...of);
    this.id = id;
  }
}

class LazyPending<V, K> implements PendingRecord<V, K> {
  readonly isPending = true;
  readonly offset = undefined;
  readonly topic: string;
  private readonly entry: PendingEntry;
  private readonly lazy: LazyRecord<V, K>;

  constructor(topic: string, entry: PendingEntry, codec: Codec<V, K>) {
    this.topic = topic;
    this.entry = entry;
    this.lazy = new LazyRecord(topic, entry.partition ?? -1, { ...entry, offset: -1n }, codec);
  }

  get id(): string {
    return pendingName(this.entry.id);
  }

  get outboxId(): number {
    return this.entry.id;
  }

  get partition(): number | undefined {
    return this.entry.partition;
  }

  get state(): PendingState {
    return this.entry.state;
  }

  get reason(): string | undefined {
    return this.entry.reason;
  }

  get timestamp(): number {
    return this.entry.timestamp;
  }

  get key(): K | null {
    return this.lazy.key;
  }

  get value(): V | null {
    return this.lazy.value;
  }

  get keyBytes(): Uint8Array | null {
    return this.entry.key;
  }

  get valueBytes(): Uint8Array | null {
    return this.entry.value;
  }

  get headers(): readonly RecordHeader[] {
    return this.entry.headers;
  }
}
