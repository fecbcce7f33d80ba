/** What compaction may have taken out of a log by a moment, as far as it can be told from outside. */
import type { CompactionKeeping } from "../keeping.ts";
import type { PartitionStory, Placed } from "./partition-story.ts";
import type { RecordStory } from "./record-story.ts";

/** In the history, and by the clock. */
export interface Moment {
  readonly at: number;
  readonly atMs: number;
}

export interface CompactedOptions {
  readonly partition: PartitionStory;
  readonly keeping: CompactionKeeping;
  readonly placed: readonly Placed[];
  /** Records of the topic with this key that may stand anywhere: nobody has seen where, or not every copy of them. */
  readonly unplaced: (key: string) => readonly RecordStory[];
  /** Whether its timestamps are the true time: a device's clock may lie. */
  readonly isOnTime: (story: RecordStory) => boolean;
}

export class Compacted {
  private readonly options: CompactedOptions;
  private readonly at = new Map<number, RecordStory>();
  /** By key, in the order of offsets. */
  private readonly byKey = new Map<string, Placed[]>();

  constructor(options: CompactedOptions) {
    this.options = options;
    for (const each of options.placed) {
      const { offset, story } = each;
      this.at.set(offset, story);
      const { key } = story.published?.event ?? { key: null };
      if (key === null) continue;
      const known = this.byKey.get(key);
      if (known === undefined) this.byKey.set(key, [each]);
      else known.push(each);
    }
  }

  /**
   * Whether the log need not have anything at `offset`: the record that stood there was superseded, or was a tombstone whose
   * time had come, and nothing of that was younger than the lag; or nobody ever saw what stood there.
   */
  mayBeGone(offset: number, moment: Moment): boolean {
    const { partition, keeping, unplaced, isOnTime } = this.options;
    if (partition.records.has(offset)) return false;
    const story = this.at.get(offset);
    const published = story?.published?.event;
    if (story === undefined || published === undefined) return true;
    const { key, isTombstone = false } = published;
    if (key === null || !this.isOld(story, moment, keeping.minLagMs)) return false;
    const isSuperseded = this.byKey
      .get(key)
      ?.some(
        (later) =>
          later.offset > offset &&
          later.story.publishedAt < moment.at &&
          this.isOld(later.story, moment, keeping.minLagMs),
      );
    if (isSuperseded === true || unplaced(key).some(({ publishedAt }) => publishedAt < moment.at))
      return true;
    return isTombstone && (!isOnTime(story) || this.isOld(story, moment, keeping.deleteRetentionMs));
  }

  /**
   * Whether a device need not have anything there either: it compacts what it holds by itself, when it likes, and may have
   * done so before the log has.
   */
  mayBeGoneFromDevice(offset: number, moment: Moment): boolean {
    const { isTombstone = false, key = null } = this.at.get(offset)?.published?.event ?? {};
    const others = key === null ? [] : (this.byKey.get(key) ?? []);
    const isSuperseded = others.some((later) => later.offset > offset && later.story.publishedAt < moment.at);
    return isTombstone || isSuperseded || this.mayBeGone(offset, moment);
  }

  /** The last record of each key; of those that are tombstones, with all that they delete. */
  *deleted(): Generator<Placed, void, void> {
    for (const all of this.byKey.values()) {
      const last = all.at(-1);
      if (last?.story.published?.event.isTombstone === true) yield last;
    }
  }

  /** Tombstones that nothing came after, and that are gone. */
  get tombstonesTaken(): number {
    let count = 0;
    const { start, records } = this.options.partition;
    for (const { offset } of this.deleted()) if (offset >= start && !records.has(offset)) count += 1;
    return count;
  }

  private isOld(story: RecordStory, { atMs }: Moment, ms: number): boolean {
    return !this.options.isOnTime(story) || atMs - (story.published?.event.atMs ?? 0) >= ms;
  }
}
