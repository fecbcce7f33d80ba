/** What is public, by name. */
export { connect } from "./connect.ts";
export { GapEvent, StateEvent } from "./api.ts";
export type {
  ConnectionState,
  ConnectOptions,
  Outbox,
  OutboxEntry,
  OutboxEvents,
  PartitionSummary,
  Position,
  Publication,
  PublishRecord,
  ReadOptions,
  ReceivedRecord,
  Replica,
  ReplicaEvents,
  ReplicaPartition,
  ReplicateOptions,
  Rivulet,
  RivuletEvents,
  SubscribeOptions,
  Topic,
  TopicOptions,
  TopicSummary,
} from "./api.ts";
export type { RecordHeader } from "../log/record.ts";
export { bytes, json, text } from "./serializer.ts";
export type { Serializer } from "./serializer.ts";
export type { TypedEventTarget } from "./typed-events.ts";
export { errorName, ErrorCode, KafkaError } from "../wire/errors.ts";
