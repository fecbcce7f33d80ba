/**
 * The records of `__cluster_metadata` that this node writes and understands, named and shaped as Kafka's (KRaft,
 * `TopicRecord.json` and its neighbours). How they become bytes is the protocol's business: a codec is handed in.
 */
export type MetadataRecord =
  | TopicRecord
  | PartitionRecord
  | PartitionChangeRecord
  | RemoveTopicRecord
  | ConfigRecord
  | FeatureLevelRecord
  | ProducerIdsRecord
  | NoOpRecord;

export interface TopicRecord {
  type: "TopicRecord";
  name: string;
  /** Kafka's text form of a uuid: 22 url-safe base64 characters. */
  topicId: string;
}

export interface PartitionRecord {
  type: "PartitionRecord";
  partitionId: number;
  topicId: string;
  replicas: readonly number[];
  isr: readonly number[];
  leader: number;
  leaderEpoch: number;
  partitionEpoch: number;
}

/** What changed in one partition; `isr` null and `leader` -2 mean "as before". A change of leader raises the leader epoch by one. */
export interface PartitionChangeRecord {
  type: "PartitionChangeRecord";
  partitionId: number;
  topicId: string;
  isr: readonly number[] | null;
  leader: number;
}

export interface RemoveTopicRecord {
  type: "RemoveTopicRecord";
  topicId: string;
}

export interface ConfigRecord {
  type: "ConfigRecord";
  /** Kafka's ConfigResource.Type: 2 topic, 4 broker, 32 group. */
  resourceType: number;
  resourceName: string;
  name: string;
  /** null: the setting is removed and its default holds again. */
  value: string | null;
}

/** The level of a feature that the whole cluster has agreed on, such as `metadata.version`; 0 takes it away. */
export interface FeatureLevelRecord {
  type: "FeatureLevelRecord";
  name: string;
  featureLevel: number;
}

export interface ProducerIdsRecord {
  type: "ProducerIdsRecord";
  brokerId: number;
  brokerEpoch: bigint;
  /** The first producer id that is not handed out yet: where the next block begins. */
  nextProducerId: bigint;
}

export interface NoOpRecord {
  type: "NoOpRecord";
}

/** Turns one metadata record into the value of a log record, and back. `decode` throws KafkaError for what it cannot read. */
export interface MetadataCodec {
  encode(record: MetadataRecord): Uint8Array;
  decode(bytes: Uint8Array): MetadataRecord;
}
