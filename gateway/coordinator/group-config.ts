import type { BrokerConfig } from "../../log/config.ts";

/** The node's settings of groups, by Kafka's names in `log/config.ts`. */
export interface GroupConfig {
  readonly offsetsTopicPartitions: number;
  readonly offsetsTopicSegmentBytes: number;
  readonly offsetsRetentionMs: number;
  readonly offsetsCheckIntervalMs: number;
  readonly offsetMetadataBytesMax: number;
  readonly sessionTimeoutMinMs: number;
  readonly sessionTimeoutMaxMs: number;
  readonly initialRebalanceDelayMs: number;
  readonly membersMax: number;
  readonly consumerMembersMax: number;
  /** Names; the first is what groups have that ask for none. */
  readonly consumerAssignors: readonly string[];
}

export function groupConfig({ values }: Pick<BrokerConfig, "values">): GroupConfig {
  const number = (name: string): number => Number(values.get(name));
  return {
    offsetsTopicPartitions: number("offsets.topic.num.partitions"),
    offsetsTopicSegmentBytes: number("offsets.topic.segment.bytes"),
    offsetsRetentionMs: number("offsets.retention.minutes") * 60_000,
    offsetsCheckIntervalMs: number("offsets.retention.check.interval.ms"),
    offsetMetadataBytesMax: number("offset.metadata.max.bytes"),
    sessionTimeoutMinMs: number("group.min.session.timeout.ms"),
    sessionTimeoutMaxMs: number("group.max.session.timeout.ms"),
    initialRebalanceDelayMs: number("group.initial.rebalance.delay.ms"),
    membersMax: number("group.max.size"),
    consumerMembersMax: number("group.consumer.max.size"),
    consumerAssignors: (values.get("group.consumer.assignors") ?? "").split(",").map((name) => name.trim()),
  };
}
