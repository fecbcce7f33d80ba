/** Reads a topic as the gateway has it: its partitions together, from where the app says to the end or for ever. */
import type { BatchHeader } from "../../log/batch.ts";
import { EARLIEST, LATEST } from "../../sync/log-offsets.ts";
import { merge } from "../../sync/merge.ts";
import { topicIsGone } from "../../sync/feed.ts";
import type { TopicMetadata } from "../../sync/metadata.ts";
import { watchPartitions } from "../../sync/partition-watch.ts";
import { subscription } from "../../sync/subscription.ts";
import { linkedController } from "../../sync/wait.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { SubscribeOptions } from "./api-subscribe.ts";
import type { ClientParts } from "./client-parts.ts";
import { UNCOMPRESSED_BYTES_MAX } from "./limits.ts";
import type { LocalBatch } from "./local-record.ts";
import type { PendingEntry } from "./pending-tracker.ts";
import type { RecordBatch } from "./record-batch.ts";
import { endOffsets, startOffsets, startPlan } from "./start-offsets.ts";
import type { StartPlan } from "./start-offsets.ts";

/** Who has to know more of what is read than its records. */
export interface ReadingWatch {
  /** More has come, and is given next. */
  readonly onData: () => void;
  /** Is shown each batch before its records are given; of a partition the next one after these were taken. */
  readonly onBatch: (partition: number, header: BatchHeader) => void;
  /** Everything before `next` was given, or will not be; less than before where the log was cut back. */
  readonly onMove: (partition: number, next: bigint) => void;
}

/** Where a reading is, by partition: the next offset, or LATEST or EARLIEST where it is not known yet which one that is. */
export interface ReadingPlace {
  readonly topicId: string;
  readonly next: ReadonlyMap<number, bigint>;
}

/** How far a reading has come that has ended with its worker, if there was one. */
export interface FormerReading extends Pick<ReadingPlace, "next"> {
  /** undefined: it had not begun, and `next` is empty. */
  readonly topicId: string | undefined;
  /** What it has shown as pending and has not come to. */
  readonly told: readonly PendingEntry[];
  /** Rows that it has come to of late. */
  readonly arrived: readonly number[];
}

export interface ReadingOptions extends SubscribeOptions {
  /** Goes on from where this one was, and not from `from`. */
  readonly former?: FormerReading;
  /** Is told where it begins, and again of a partition once it is known which offset the end was. */
  readonly onBegin?: (place: ReadingPlace) => void;
}

export class TopicReading {
  readonly name: string;
  readonly parts: ClientParts;
  readonly options: ReadingOptions;
  private readonly controller: AbortController;
  /** Once it has begun. */
  private begun: { readonly plan: StartPlan; readonly topicId: string } | undefined;

  constructor(name: string, parts: ClientParts, options: ReadingOptions) {
    this.name = name;
    this.parts = parts;
    this.options = options;
    this.controller = linkedController(parts.signal, options.signal);
  }

  /** Aborts when it is over: with the client, by the app's signal, or by `stop`. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** undefined: it has not begun. */
  get topicId(): string | undefined {
    return this.begun?.topicId;
  }

  /** Makes `batches` end, also while it waits. */
  stop(): void {
    this.controller.abort();
  }

  /** Everything before `next` was taken: what is stored moves there. */
  moveTo(partition: number, next: bigint): void {
    if (this.begun?.plan.kind === "stored")
      this.parts.positions.moveTo(this.begun.plan.name, this.begun.topicId, partition, next);
  }

  /** Resolves when what was taken is noted. */
  async noted(): Promise<void> {
    if (this.begun?.plan.kind === "stored") await this.parts.positions.flush();
  }

  /** As `batches`, with what is pending on this device. */
  async *local(): AsyncGenerator<LocalBatch, void, void> {
    const { pendingReading } = await this.parts.published.code();
    yield* pendingReading(this);
  }

  /** To be called once. */
  async *batches(watch?: ReadingWatch): AsyncGenerator<RecordBatch, void, void> {
    const { name, parts, options, signal } = this;
    const { upstream, metadata } = parts;
    const { next, topicId } = options.former ?? {};
    const plan = startPlan(options.from ?? "latest");
    try {
      const topic = await unlessOver(metadata.topicWhenThere(name, signal), parts, signal);
      if (topic === undefined) return;
      if (topicId !== undefined && topicId !== topic.id) throw topicIsGone(name, topicId);
      this.begun = { plan, topicId: topic.id };
      const partitions = chosen(topic, options.partitions);
      const stored =
        plan.kind === "stored" ? await parts.positions.of(plan.name, topic.id) : new Map<number, bigint>();
      const places = { upstream, topic, partitions, signal };
      const ends =
        options.until === undefined ? undefined : await unlessOver(endOffsets(places), parts, signal);
      if (options.until !== undefined && ends === undefined) return;
      const starts =
        topicId === undefined ? await unlessOver(startOffsets(plan, stored, places), parts, signal) : next;
      if (starts === undefined) return;
      options.onBegin?.({ topicId: topic.id, next: starts });
      const open = (partition: number, from: bigint): AsyncGenerator<RecordBatch, void, void> =>
        ofPartition(topic, partition, from, ends?.get(partition), { parts, options, watch, signal });
      const unread = partitions.filter((partition) => isUnread(starts.get(partition), ends?.get(partition)));
      const merged = merge(
        unread.map((partition) => open(partition, starts.get(partition) ?? EARLIEST)),
        () => this.stop(),
        (add) => {
          if (options.partitions !== undefined || ends !== undefined) return;
          watchPartitions(topic, { metadata, clock: upstream.clock, signal }, (more) => {
            // All that is in a partition that was not there before is new, but for what was read of it before.
            for (const partition of more)
              add(open(partition, starts.get(partition) ?? stored.get(partition) ?? EARLIEST));
          });
        },
      );
      for await (const batch of merged) {
        if (signal.aborted) return;
        yield batch;
      }
    } finally {
      this.stop();
      await this.noted();
    }
  }
}

/** Undefined when the reading has ended meanwhile: that is no failure. */
async function unlessOver<T>(
  work: Promise<T>,
  { upstream }: ClientParts,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const isClosed = error instanceof KafkaError && upstream.state.name === "closed";
    if (signal.aborted || isClosed) return undefined;
    throw error;
  }
}

function chosen(topic: TopicMetadata, wanted: readonly number[] | undefined): readonly number[] {
  if (wanted === undefined) return Array.from({ length: topic.partitions }, (_, partition) => partition);
  const missing = wanted.find((partition) => !(partition >= 0 && partition < topic.partitions));
  if (missing === undefined) return [...new Set(wanted)];
  throw new KafkaError(
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    `\`partitions\`: topic ${topic.name} has no partition ${missing}; it has ${topic.partitions}, numbered from 0`,
  );
}

/** Whether there is, or may come, something to read. */
function isUnread(start: bigint | undefined, end: bigint | undefined): boolean {
  if (end === undefined) return true;
  return end > 0n && (start === undefined || start < end);
}

interface PartitionReading {
  readonly parts: ClientParts;
  readonly options: ReadingOptions;
  readonly watch: ReadingWatch | undefined;
  readonly signal: AbortSignal;
}

async function* ofPartition(
  topic: TopicMetadata,
  partition: number,
  from: bigint,
  until: bigint | undefined,
  { parts, options, watch, signal }: PartitionReading,
): AsyncGenerator<RecordBatch, void, void> {
  const { upstream, metadata, engine, history } = parts;
  let isAtEnd = from === LATEST;
  const batches = subscription({
    upstream,
    engine,
    history,
    topic: topic.name,
    topicId: topic.id,
    partition,
    from,
    until,
    uncompressedBytesMax: UNCOMPRESSED_BYTES_MAX,
    onGap: (gapFrom, to) => options.onGap?.({ partition, from: gapFrom, to }),
    onData: watch?.onData,
    onBatch: watch && ((header) => watch.onBatch(partition, header)),
    onMove(next) {
      if (isAtEnd) options.onBegin?.({ topicId: topic.id, next: new Map([[partition, next]]) });
      isAtEnd = false;
      watch?.onMove(partition, next);
    },
    isThere: async () => {
      metadata.invalidate(topic.name);
      return (await metadata.topic(topic.name))?.id === topic.id;
    },
    signal,
  });
  for await (const records of batches) yield { partition, records };
}
