/** Where each public name stands in `docs/api.md`. */

export interface Section {
  readonly title: string;
  readonly about: string;
  readonly names: readonly string[];
}

const words = (text: string): string[] => text.split(/\s+/);

export const sections: readonly Section[] = [
  {
    title: "Connecting",
    about: "One client for one gateway: a connection that comes back by itself, and what this device keeps.",
    names: words(`connect ConnectOptions Rivulet ConnectionState StorageStatus`),
  },
  {
    title: "Topics",
    about: "A topic by its name, and how its keys and values are written.",
    names: words(`Topic TopicOptions TopicSummary PartitionSummary json text bytes Serializer StandardSchema
      ValidationIssue`),
  },
  {
    title: "Publishing",
    about: "A record goes into the outbox of this device, and from there into the log.",
    names: words(`PublishRecord Publication Position RecordHeader`),
  },
  {
    title: "Subscribing",
    about: "Reads a topic as the gateway has it, and keeps nothing.",
    names: words(`SubscribeOptions From Start Subscription ReceivedRecord`),
  },
  {
    title: "Replicas",
    about: "Whole partitions on this device, readable offline.",
    names: words(`ReplicateOptions Keep Replica ReadOptions FollowOptions LatestOptions ReplicaPartition
      ReplicaProgress`),
  },
  {
    title: "Pending records",
    about: "What was published on this device, read with the replica that it has not come back in yet.",
    names: words(`PendingOptions LocalRecord PendingRecord ArrivedRecord PendingState`),
  },
  {
    title: "Consumer groups",
    about: "Members share the partitions of topics, each record for one of them.",
    names: words(`Group GroupSubscribeOptions GroupSubscription GroupState TopicPartition`),
  },
  {
    title: "The outbox",
    about: "What was published and is not in the log yet.",
    names: words(`Outbox OutboxEntry`),
  },
  {
    title: "Administration",
    about: "Topics, settings and groups of the cluster: `rivulet.admin`.",
    names: words(`Admin AdminOptions AdminChangeOptions ClusterDescription BrokerDescription
      CreateTopicOptions CreatedTopic TopicDescription PartitionDescription RecordsToDelete
      DeletedRecords ConfigResource ConfigChanges ConfigValue ConfigEntry ConfigSource
      GroupListing GroupDescription GroupProtocol GroupMember GroupPartition GroupOffset
      TopicPartitions`),
  },
  {
    title: "Events",
    about: "What can be listened to with `addEventListener`, and the classes of the events.",
    names: words(`TypedEventTarget RivuletEvents StateEvent ReplicaEvents GapEvent RebuildEvent GroupEvents
      PartitionsEvent OutboxEvents`),
  },
  {
    title: "Errors",
    about: "Told apart by `code`, never by their text.",
    names: words(`KafkaError RecordError errorName ErrorCode ValidationError`),
  },
  {
    title: "In Node",
    about:
      "`@rivulet/client/node` exports all of the above with a `connect` of its own. What is kept is in memory.",
    names: words(`connectInNode NodeConnectOptions`),
  },
  {
    title: "In React",
    about: "Hooks for React 18 and 19, from `@rivulet/client/react`.",
    names:
      words(`useRecords UseRecordsOptions Records useReplica UseReplicaOptions ReplicaView usePublish Published useStatus
      Status`),
  },
];
