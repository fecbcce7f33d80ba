/** All that was noted of one partition, and how it stands at the end. */
import type {
  AcksLevel,
  FinalPartition,
  Gap,
  LogStart,
  Read,
  ReadFrom,
  Retention,
  RetentionDone,
  StoredRecord,
} from "../history.ts";
import type { Noted, RecordStory } from "./record-story.ts";
import { END } from "./record-story.ts";
import type { TopicStory } from "./topic-story.ts";
import { time } from "./words.ts";

/** Somebody saw this record at this offset. */
export interface Observation {
  readonly offset: number;
  readonly story: RecordStory;
  /** `held`: by a replica, at the end. */
  readonly how: "acknowledged" | "read" | "held";
  /** What was acknowledged with less than `all` may go. */
  readonly level: AcksLevel;
  /** The reader, the replica's holder, or the producer. */
  readonly by: string;
  readonly at: number;
  readonly atMs: number | undefined;
}

/** `read by kafka-1 at 12.000 ms`. */
export function observed({ how, level, by, atMs }: Observation): string {
  const when = atMs === undefined ? "at the end" : `at ${time(atMs)}`;
  return how === "acknowledged" ? `acknowledged (${level}) ${when}` : `${how} by ${by} ${when}`;
}

/** A record at an offset. */
export interface Placed {
  readonly offset: number;
  readonly story: RecordStory;
}

export class PartitionStory {
  readonly topic: TopicStory;
  readonly partition: number;
  final: FinalPartition | undefined;
  /** The final log, by offset. */
  readonly records = new Map<number, StoredRecord>();
  /** In the order of the history, replicas last. */
  readonly observations: Observation[] = [];
  readonly readers = new Map<string, Noted<ReadFrom | Read | Gap>[]>();
  /** Answers that tell that records are gone, in the order of the history. */
  readonly retained: Noted<RetentionDone>[] = [];
  /** What was seen of where the log begins, whoever wanted it. */
  readonly startMoves: Noted<LogStart>[] = [];
  /** Each with the farthest that was asked for, or seen to be gone, until then. */
  private readonly retentions: { readonly at: number; readonly to: number }[] = [];
  /** The same, of what was asked for alone. */
  private readonly requests: { readonly at: number; readonly to: number }[] = [];
  private known: readonly Placed[] | undefined;
  private survived: Float64Array | undefined;

  constructor(topic: TopicStory, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  /** The final log is [start, end). */
  get start(): number {
    return Number(this.final?.logStartOffset ?? 0);
  }

  get end(): number {
    return Number(this.final?.highWatermark ?? 0);
  }

  /** `orders-0 (topic id ...)`: a topic that is made again is another one. */
  get name(): string {
    return `${this.topic.name}-${this.partition} (topic id ${this.topic.topicId})`;
  }

  place(offset: number): string {
    return `${this.name} offset ${offset}`;
  }

  retain({ at, event }: Noted<Retention>): void {
    const to = Number(event.to);
    this.retentions.push({ at, to: Math.max(to, this.retentions.at(-1)?.to ?? 0) });
    this.requests.push({ at, to: Math.max(to, this.requests.at(-1)?.to ?? 0) });
  }

  /** Whether it might is for another rule to say. */
  startMoved(moved: Noted<LogStart>): void {
    const { at, event } = moved;
    const { topicId, partition, atMs, to, leftBytes } = event;
    this.startMoves.push(moved);
    this.retentions.push({ at, to: Math.max(Number(to), this.retentions.at(-1)?.to ?? 0) });
    if (leftBytes === undefined) return;
    this.retained.push({ at, event: { kind: "retention done", topicId, partition, atMs, to } });
  }

  /** Everything below this was asked to go by `at`. */
  askedFor(at: number): number {
    return this.requests.findLast((request) => request.at < at)?.to ?? 0;
  }

  /** How far records may have been removed by `at`: everything below this was asked to go, or seen to be gone. */
  retainedTo(at: number): number {
    return this.retentions.findLast((retention) => retention.at < at)?.to ?? 0;
  }

  /** Where the history asked for retention last; -1: never. */
  get lastRetentionAt(): number {
    return this.retentions.at(-1)?.at ?? -1;
  }

  /** Whether a record that stood there need not be in the final log. */
  private mayHaveGone(offset: number): boolean {
    const isCompacted = this.topic.isCompacted && offset < this.end;
    return this.final === undefined || offset < this.start || isCompacted;
  }

  /**
   * Which record stands, or for certain stood, where, in the order of offsets: the final log, and before its start, or when
   * the topic is gone, what was seen of it. What a power loss may have taken back was not there for certain.
   */
  placed(storyOf: (id: string) => RecordStory): readonly Placed[] {
    if (this.known !== undefined) return this.known;
    const byOffset = new Map<number, RecordStory>();
    if (!this.topic.isRelaxed)
      for (const seen of this.observations)
        if (seen.level === "all" && this.mayHaveGone(seen.offset))
          if (!byOffset.has(seen.offset)) byOffset.set(seen.offset, seen.story);
    for (const [offset, { id }] of this.records) byOffset.set(offset, storyOf(id));
    this.known = Array.from(byOffset, ([offset, story]) => ({ offset, story })).toSorted(
      (a, b) => a.offset - b.offset,
    );
    return this.known;
  }

  /**
   * Where in the history something at or behind `offset` was first seen that is in the log to this day: no power loss after
   * that has taken anything before it. END: never.
   */
  survivedFrom(offset: number): number {
    if (offset >= this.end) return END;
    this.survived ??= this.survivors();
    return this.survived[Math.max(0, offset - this.start)] ?? END;
  }

  private survivors(): Float64Array {
    const first = new Float64Array(Math.max(0, this.end - this.start)).fill(END);
    for (const { offset, story, how, at } of this.observations) {
      if (how === "held" || this.records.get(offset)?.id !== story.id) continue;
      // What was sent again since may have been lost with the rest, and have come back to the same offset.
      if (this.topic.isRelaxed && (story.sends.length === 0 || story.lastSentAt > at)) continue;
      first[offset - this.start] = Math.min(first[offset - this.start] ?? END, at);
    }
    for (let at = first.length - 2; at >= 0; at--)
      first[at] = Math.min(first[at] ?? END, first[at + 1] ?? END);
    return first;
  }
}
