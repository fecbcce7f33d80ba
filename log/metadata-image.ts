/** What the metadata log says, folded up to its last record: topics, partitions, settings, producer ids. */
import type { ConfigRecord, MetadataRecord } from "./metadata-record.ts";

export interface TopicImage {
  readonly name: string;
  readonly id: string;
  /** By partition number, from 0 on without a gap. */
  readonly partitions: PartitionImage[];
}

export interface PartitionImage {
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
}

/** Kafka's ConfigResource.Type of a topic. */
export const TOPIC_RESOURCE = 2;
/** Of the broker: a node by its id, or all nodes by no name at all. */
export const BROKER_RESOURCE = 4;
/** Kafka's ConfigResource.Type of a group. */
export const GROUP_RESOURCE = 32;
/** A PartitionChangeRecord's leader that says: as before. */
export const SAME_LEADER = -2;

export class MetadataImage {
  private readonly byId = new Map<string, TopicImage>();
  private readonly byName = new Map<string, TopicImage>();
  private readonly configs = new Map<string, Map<string, string>>();
  private readonly brokerConfigs = new Map<string, Map<string, string>>();
  private readonly groupConfigs = new Map<string, Map<string, string>>();
  private readonly removed = new Set<string>();
  private firstFreeProducerId = 0n;

  get topics(): Iterable<TopicImage> {
    return this.byId.values();
  }
  get names(): Iterable<string> {
    return this.byName.keys();
  }
  /** The first producer id that was never handed out. */
  get nextProducerId(): bigint {
    return this.firstFreeProducerId;
  }
  topic(name: string): TopicImage | undefined {
    return this.byName.get(name);
  }
  topicById(id: string): TopicImage | undefined {
    return this.byId.get(id);
  }
  /** Settings that were given to a topic, by name. */
  overrides(topic: string): ReadonlyMap<string, string> {
    return this.configs.get(topic) ?? NO_SETTINGS;
  }
  /** Settings that were given to a node, or with no name to all nodes. */
  brokerOverrides(node: string): ReadonlyMap<string, string> {
    return this.brokerConfigs.get(node) ?? NO_SETTINGS;
  }
  /** Settings that were given to a group, by name. */
  groupOverrides(groupId: string): ReadonlyMap<string, string> {
    return this.groupConfigs.get(groupId) ?? NO_SETTINGS;
  }
  /** Whether a topic with this id was there and is no more. */
  wasRemoved(id: string): boolean {
    return this.removed.has(id);
  }

  apply(record: MetadataRecord): void {
    switch (record.type) {
      case "TopicRecord":
        return this.addTopic({ name: record.name, id: record.topicId, partitions: [] });
      case "PartitionRecord":
        return this.setPartition(record.topicId, record.partitionId, record);
      case "PartitionChangeRecord":
        return this.changePartition(record.topicId, record.partitionId, record.leader);
      case "RemoveTopicRecord":
        return this.removeTopic(record.topicId);
      case "ConfigRecord":
        if (record.resourceType === TOPIC_RESOURCE) setConfig(this.configs, record);
        if (record.resourceType === BROKER_RESOURCE) setConfig(this.brokerConfigs, record);
        if (record.resourceType === GROUP_RESOURCE) setConfig(this.groupConfigs, record);
        return;
      case "ProducerIdsRecord":
        this.firstFreeProducerId = record.nextProducerId;
        return;
      case "FeatureLevelRecord":
      case "NoOpRecord":
        return;
    }
  }

  private addTopic(topic: TopicImage): void {
    this.byId.set(topic.id, topic);
    this.byName.set(topic.name, topic);
  }

  private setPartition(
    topicId: string,
    partition: number,
    { leaderEpoch, partitionEpoch }: PartitionImage,
  ): void {
    const topic = this.byId.get(topicId);
    if (topic !== undefined) topic.partitions[partition] = { leaderEpoch, partitionEpoch };
  }

  /** As in Kafka: every change raises the partition epoch, one that names a leader the leader epoch too. */
  private changePartition(topicId: string, partition: number, leader: number): void {
    const before = this.byId.get(topicId)?.partitions[partition];
    if (before === undefined) return;
    const leaderEpoch = before.leaderEpoch + (leader === SAME_LEADER ? 0 : 1);
    this.setPartition(topicId, partition, { leaderEpoch, partitionEpoch: before.partitionEpoch + 1 });
  }

  private removeTopic(id: string): void {
    const topic = this.byId.get(id);
    if (topic === undefined) return;
    this.byId.delete(id);
    this.byName.delete(topic.name);
    this.configs.delete(topic.name);
    this.removed.add(id);
  }
}

const NO_SETTINGS: ReadonlyMap<string, string> = new Map();

function setConfig(
  resources: Map<string, Map<string, string>>,
  { resourceName, name, value }: ConfigRecord,
): void {
  const before = resources.get(resourceName) ?? NO_SETTINGS;
  // Who was given them before keeps what they were then.
  const configs = new Map(before);
  if (value === null) configs.delete(name);
  else configs.set(name, value);
  if (configs.size === 0) resources.delete(resourceName);
  else resources.set(resourceName, configs);
}
