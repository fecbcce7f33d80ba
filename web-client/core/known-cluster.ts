import type { TopicCleanup } from "../../sync/topic-cleanup.ts";
import type { HeldRange, KnownTopic } from "./device.ts";

/** What every kind of device has: the present cluster's topics and held ranges, in memory. */
export abstract class KnownCluster {
  protected cluster: string | undefined;
  protected known = new Map<string, KnownTopic>();
  protected ranges = new Map<string, HeldRange>();

  clusterId(): string | undefined {
    return this.cluster;
  }

  topics(): ReadonlyMap<string, KnownTopic> {
    return this.known;
  }

  learn(topic: KnownTopic): void {
    const cleanup = topic.cleanup ?? this.cleanup(topic.id);
    this.known.set(topic.name, { ...topic, ...(cleanup !== undefined && { cleanup }) });
  }

  cleanup(topicId: string): TopicCleanup | undefined {
    return this.byId(topicId)?.cleanup;
  }

  noteCleanup(topicId: string, cleanup: TopicCleanup): void {
    const topic = this.byId(topicId);
    if (topic !== undefined) this.learn({ ...topic, cleanup });
  }

  keepOnly(names: ReadonlySet<string>): void {
    for (const topic of this.known.values()) {
      const isHeld = topic.partitions.some((_, partition) => this.held(topic.id, partition) !== undefined);
      if (!names.has(topic.name) && !isHeld) this.forget(topic);
    }
  }

  held(topicId: string, partition: number): HeldRange | undefined {
    return this.ranges.get(`${topicId}/${partition}`);
  }

  seeHeld(topicId: string, partition: number, range: HeldRange): void {
    this.ranges.set(`${topicId}/${partition}`, range);
  }

  noteHeld(topicId: string, partition: number, range: HeldRange | undefined): void {
    if (range === undefined) this.ranges.delete(`${topicId}/${partition}`);
    else this.ranges.set(`${topicId}/${partition}`, range);
  }

  private byId(topicId: string): KnownTopic | undefined {
    return [...this.known.values()].find(({ id }) => id === topicId);
  }

  protected forget(topic: KnownTopic): void {
    this.known.delete(topic.name);
  }
}
