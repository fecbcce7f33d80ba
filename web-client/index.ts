/** What is public, by name. */
export { connect } from "./connect.ts";
export { GapEvent, RebuildEvent, StateEvent } from "./core/api.ts";
export type {
  ConnectionState,
  ConnectOptions,
  FollowOptions,
  Keep,
  LatestOptions,
  Outbox,
  OutboxEntry,
  OutboxEvents,
  PartitionSummary,
  Publication,
  PublishRecord,
  ReadOptions,
  ReceivedRecord,
  Replica,
  ReplicaEvents,
  ReplicaPartition,
  ReplicaProgress,
  ReplicateOptions,
  Rivulet,
  RivuletEvents,
  StorageStatus,
  Topic,
  TopicOptions,
  TopicSummary,
} from "./core/api.ts";
export type {
  Admin,
  AdminChangeOptions,
  AdminOptions,
  BrokerDescription,
  ClusterDescription,
  ConfigChanges,
  ConfigEntry,
  ConfigResource,
  ConfigSource,
  ConfigValue,
  CreatedTopic,
  CreateTopicOptions,
  DeletedRecords,
  GroupDescription,
  GroupListing,
  GroupMember,
  GroupOffset,
  GroupPartition,
  GroupProtocol,
  PartitionDescription,
  RecordsToDelete,
  TopicDescription,
  TopicPartitions,
} from "./core/api-admin.ts";
export { PartitionsEvent } from "./core/api-group.ts";
export type {
  Group,
  GroupEvents,
  GroupState,
  GroupSubscribeOptions,
  GroupSubscription,
  TopicPartition,
} from "./core/api-group.ts";
export type {
  ArrivedRecord,
  LocalRecord,
  PendingOptions,
  PendingRecord,
  PendingState,
} from "./core/api-pending.ts";
export type { From, Position, Start, SubscribeOptions, Subscription } from "./core/api-subscribe.ts";
export type { RecordHeader } from "../log/record.ts";
export { bytes, json, text, ValidationError } from "./core/serializer.ts";
export type { Serializer, StandardSchema, ValidationIssue } from "./core/serializer.ts";
export type { TypedEventTarget } from "./core/typed-events.ts";
export { errorName, ErrorCode, KafkaError } from "../wire/errors.ts";
export type { RecordError } from "../wire/errors.ts";
