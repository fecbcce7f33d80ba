/** A history looked through once: by record, topic, partition and reader, for all rules together. */
import type {
  Acknowledged,
  FinalOutboxRecord,
  Gap,
  GatewayDied,
  History,
  HistoryEvent,
  PartitionName,
  Read,
  ReadFrom,
  WritesLost,
} from "../history.ts";
import type { Keeping } from "../keeping.ts";
import { Compacted, type Moment } from "./compacted.ts";
import { GroupStories } from "./group-story.ts";
import type { PartitionStory } from "./partition-story.ts";
import type { Noted } from "./record-story.ts";
import { END, RecordStory } from "./record-story.ts";
import { TopicStory } from "./topic-story.ts";

export interface CheckSettings {
  /** Names of topics with `flush.ms` or `flush.messages`. */
  readonly relaxedTopics: ReadonlySet<string>;
  /** False: some clients did not come to an end, and the history does not tell what they hold. */
  readonly hasEnded?: boolean;
  /** What logs do not keep, by their topics' names. Left out: they keep everything. */
  readonly keeping?: ReadonlyMap<string, Keeping>;
  /** When the logs were read at the end. Left out: when whatever may go by its age has long been gone. */
  readonly readMs?: number;
  /** Hears of what was exercised. */
  readonly count?: (what: string) => void;
}

/** A record and an event that tells of it before anybody has published it, or though nobody ever does. */
export interface Untold {
  readonly id: string;
  readonly event: HistoryEvent;
}

export class Ledger {
  readonly history: History;
  readonly records = new Map<string, RecordStory>();
  readonly topics = new Map<string, TopicStory>();
  readonly groups = new GroupStories();
  readonly outboxRows = new Map<string, FinalOutboxRecord[]>();
  /** After which what was not synced may be gone. */
  readonly losses: Noted<GatewayDied | WritesLost>[] = [];
  /** Those whose records choose their partition by their key: outboxes. Kafka clients put them where they like. */
  readonly outboxProducers = new Set<string>();
  /** Ids that were published more than once: the history itself is of no use then. */
  readonly publishedTwice: string[] = [];
  readonly untold: Untold[] = [];
  private readonly settings: CheckSettings;
  private readonly publishedBy = new Map<string, RecordStory[]>();
  private readonly compacted = new Map<PartitionStory, Compacted>();
  private unplaced: ReadonlyMap<string, readonly RecordStory[]> | undefined;

  constructor(history: History, settings: CheckSettings) {
    this.history = history;
    this.settings = settings;
    history.events.forEach((event, at) => this.take(event, at));
    for (const partition of history.partitions) {
      const story = this.partition(partition);
      story.final = partition;
      story.topic.name = partition.topic;
      for (const record of partition.records) story.records.set(Number(record.offset), record);
    }
    for (const replica of history.replicas) {
      const partition = this.partition(replica);
      for (const { id, offset } of replica.records) {
        const story = this.record(id);
        const seen = {
          offset: Number(offset),
          story,
          how: "held",
          level: "all",
          by: replica.holder,
        } as const;
        partition.observations.push({ ...seen, at: END, atMs: undefined });
      }
    }
    for (const row of history.outboxes) addTo(this.outboxRows, row.id, row);
    for (const topic of this.topics.values()) {
      if (topic.name === "unknown") topic.name = nameOf(topic) ?? topic.name;
      topic.isRelaxed = settings.relaxedTopics.has(topic.name);
      topic.isCompacted = settings.keeping?.get(topic.name)?.compaction !== undefined;
    }
  }

  *partitions(): Generator<PartitionStory, void, void> {
    for (const topic of this.topics.values()) yield* topic.partitions.values();
  }

  /** What is known of a record; empty for one that nobody knows. */
  readonly record = (id: string): RecordStory => {
    let story = this.records.get(id);
    if (story === undefined) this.records.set(id, (story = new RecordStory(id)));
    return story;
  };

  partition({ topicId, partition }: PartitionName): PartitionStory {
    return this.topic(topicId).partition(partition);
  }

  /** What the log does not keep; undefined: it keeps everything. */
  keeping({ topic }: PartitionStory): Keeping | undefined {
    return this.settings.keeping?.get(topic.name);
  }

  /** The first offset of [from, to) that holds a record at that moment, or ought to; undefined: none does. */
  firstOwed(partition: PartitionStory, from: number, to: number, when?: Moment): number | undefined {
    const compacted = this.compactedOf(partition);
    const moment = when ?? { at: END, atMs: this.settings.readMs ?? Infinity };
    let offset = from;
    while (offset < to && compacted?.mayBeGone(offset, moment) === true) offset += 1;
    return offset < to ? offset : undefined;
  }

  /** The same of what a device holds. */
  firstHeld(partition: PartitionStory, from: number, to: number, when?: Moment): number | undefined {
    const compacted = this.compactedOf(partition);
    const moment = when ?? { at: END, atMs: this.settings.readMs ?? Infinity };
    let offset = from;
    while (offset < to && compacted?.mayBeGoneFromDevice(offset, moment) === true) offset += 1;
    return offset < to ? offset : undefined;
  }

  /** Of a compacted log, what may be gone; undefined: it is not compacted. */
  compactedOf(partition: PartitionStory): Compacted | undefined {
    const keeping = this.keeping(partition)?.compaction;
    if (keeping === undefined) return undefined;
    let compacted = this.compacted.get(partition);
    if (compacted === undefined) {
      compacted = new Compacted({
        partition,
        keeping,
        placed: partition.placed(this.record),
        unplaced: (key) => this.unplacedWith(`${partition.topic.name} ${key}`),
        isOnTime: (story) => this.isOnTime(story),
      });
      this.compacted.set(partition, compacted);
    }
    return compacted;
  }

  /** Whether a record's timestamp is the true time: it was not made on a device. */
  isOnTime({ published }: RecordStory): boolean {
    return published !== undefined && !this.outboxProducers.has(published.event.producer);
  }

  /** By topic and key: records that were sent, and of which it is not known where they all stand, if they do. */
  private unplacedWith(name: string): readonly RecordStory[] {
    if (this.unplaced === undefined) {
      const placed = new Set<RecordStory>();
      for (const partition of this.partitions())
        for (const { story } of partition.placed(this.record)) placed.add(story);
      const unplaced = new Map<string, RecordStory[]>();
      for (const story of this.records.values()) {
        const { published, sends, retries, isIdempotent } = story;
        if (published === undefined || sends.length === 0) continue;
        const mayHaveCopies = retries > 0 || (!isIdempotent && sends.length > 1);
        if (mayHaveCopies || !placed.has(story))
          addTo(unplaced, `${published.event.topic} ${published.event.key}`, story);
      }
      this.unplaced = unplaced;
    }
    return this.unplaced.get(name) ?? [];
  }

  /** Whether compaction may have taken a record of which nobody knows where it stood: others have its key, or it is a tombstone. */
  mayBeSuperseded({ published }: RecordStory): boolean {
    if (published === undefined) return false;
    const { topic, key, isTombstone = false } = published.event;
    if (isTombstone) return true;
    for (const { published: other, sends } of this.records.values())
      if (
        other !== undefined &&
        other !== published &&
        other.event.topic === topic &&
        other.event.key === key
      )
        if (sends.length > 0) return true;
    return false;
  }

  /** Tells what compaction was seen to do. */
  countCompaction(): void {
    const { count } = this.settings;
    if (count === undefined) return;
    for (const partition of this.partitions()) {
      const taken = this.compactedOf(partition)?.tombstonesTaken ?? 0;
      if (taken > 0) count("compaction: tombstone taken");
    }
  }

  /** Whether something that was not synced may have gone after `since` and before `until`. */
  hasLoss(since: number, until: number): boolean {
    return this.losses.some(({ at }) => at > since && at < until);
  }

  /** Whether a power loss, or a failed sync, may have taken what stood at `offset` without having been synced, written after `since`. */
  mayBeLost(partition: PartitionStory, offset: number, since: number): boolean {
    return this.hasLoss(since, partition.survivedFrom(offset));
  }

  private topic(topicId: string): TopicStory {
    let story = this.topics.get(topicId);
    if (story === undefined) this.topics.set(topicId, (story = new TopicStory(topicId)));
    return story;
  }

  private take(event: HistoryEvent, at: number): void {
    switch (event.kind) {
      case "publish": {
        const story = this.record(event.id);
        if (story.published !== undefined) this.publishedTwice.push(event.id);
        story.published ??= { event, at };
        addTo(this.publishedBy, event.producer, story);
        return;
      }
      case "queued": {
        const story = this.told(event);
        story.queued ??= { event, at };
        if (story.published !== undefined) this.outboxProducers.add(story.published.event.producer);
        return;
      }
      case "acknowledged": {
        const story = this.told(event);
        story.acknowledgements.push({ event, at });
        if (event.offset < 0n) return;
        this.see(event, { story, at }, story.published?.event.producer ?? "nobody");
        return;
      }
      case "unknown":
        this.told(event);
        return;
      case "refused":
        this.told(event).refused = { event, at };
        return;
      case "decided":
        this.told(event).decide({ event, at });
        return;
      case "sent":
        this.told(event).sends.push({ event, at });
        return;
      case "read":
        this.see(event, { story: this.told(event), at }, event.reader);
        this.takeReader(event, at);
        return;
      case "read from":
      case "gap":
        this.takeReader(event, at);
        return;
      case "gateway died":
        if (event.how === "power loss") this.losses.push({ event, at });
        return;
      case "writes lost":
        this.losses.push({ event, at });
        return;
      case "device wiped":
        // What was published: a frozen tab hears only later that its record had been queued.
        if (event.outbox)
          for (const story of this.publishedBy.get(event.producer) ?? []) story.wiped = { event, at };
        return;
      case "retention":
        this.partition(event).retain({ event, at });
        return;
      case "retention done":
        this.partition(event).retained.push({ event, at });
        return;
      case "log start":
        this.partition(event).startMoved({ event, at });
        return;
      case "partitions asked":
        this.topic(event.topicId).growths += 1;
        return;
      case "topic created":
      case "topic deletion asked":
      case "topic deleted": {
        const topic = this.topic(event.topicId);
        topic.name = event.topic;
        if (event.kind === "topic created") topic.created ??= { event, at };
        else if (event.kind === "topic deleted") topic.deleted ??= { event, at };
        else topic.deletionAsked ??= { event, at };
        return;
      }
      case "assigned":
      case "owned":
      case "commit asked":
      case "commit taken":
      case "commit refused":
      case "committed asked":
      case "committed told":
        this.groups.take(event, at);
    }
  }

  private told(event: HistoryEvent & { readonly id: string }): RecordStory {
    const story = this.record(event.id);
    if (story.published === undefined) this.untold.push({ id: event.id, event });
    return story;
  }

  private see(
    event: Acknowledged | Read,
    { story, at }: { readonly story: RecordStory; readonly at: number },
    by: string,
  ): void {
    const isRead = event.kind === "read";
    const how = isRead ? "read" : "acknowledged";
    const level = isRead ? "all" : event.level;
    const offset = Number(event.offset);
    this.partition(event).observations.push({ offset, story, how, level, by, at, atMs: event.atMs });
  }

  private takeReader(event: Read | ReadFrom | Gap, at: number): void {
    addTo(this.partition(event).readers, event.reader, { event, at });
  }
}

/** A topic that nobody told of is named by what was seen in it. */
function nameOf(topic: TopicStory): string | undefined {
  for (const { observations } of topic.partitions.values())
    for (const { story } of observations)
      if (story.published !== undefined) return story.published.event.topic;
  return undefined;
}

function addTo<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
