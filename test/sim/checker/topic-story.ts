/** All that was noted of one topic: one that is made again under the same name has another id and is another topic. */
import type { TopicChange } from "../history.ts";
import { PartitionStory } from "./partition-story.ts";
import type { Noted } from "./record-story.ts";

export class TopicStory {
  readonly topicId: string;
  name = "unknown";
  /** Written counts as synced here: a power loss may take back what was acknowledged and read. */
  isRelaxed = false;
  /** Records that others have superseded may be gone from it. */
  isCompacted = false;
  created: Noted<TopicChange> | undefined;
  deletionAsked: Noted<TopicChange> | undefined;
  deleted: Noted<TopicChange> | undefined;
  /** How often it may have got more partitions. */
  growths = 0;
  readonly partitions = new Map<number, PartitionStory>();

  constructor(topicId: string) {
    this.topicId = topicId;
  }

  /** Whether it is there at the end. */
  get exists(): boolean {
    for (const { final } of this.partitions.values()) if (final !== undefined) return true;
    return false;
  }

  /** Whether somebody wanted it gone. */
  get mayBeGone(): boolean {
    return this.deletionAsked !== undefined || this.deleted !== undefined;
  }

  partition(number: number): PartitionStory {
    let story = this.partitions.get(number);
    if (story === undefined) this.partitions.set(number, (story = new PartitionStory(this, number)));
    return story;
  }
}
