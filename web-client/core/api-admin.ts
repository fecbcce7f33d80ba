/** The shapes of the public API for those who run topics and groups: `rivulet.admin`. */

/** What each call takes. */
export interface AdminOptions {
  /** Gives the call up: it rejects with the signal's reason. What was sent may still be done. */
  signal?: AbortSignal;
}

/** What each call that changes something takes. */
export interface AdminChangeOptions extends AdminOptions {
  /** Only checks whether it could be done. */
  validateOnly?: boolean;
}

/**
 * Topics, settings and consumer groups of the cluster behind the gateway. Each call asks the gateway now. While a connection
 * is being made it waits for it; offline and signed out it rejects at once with KafkaError NETWORK_EXCEPTION, as it does
 * when the connection breaks before the answer (whether a change was made is then unknown: ask). Everything else that the
 * gateway refuses rejects with KafkaError, with Kafka's code and the gateway's sentence.
 */
export interface Admin {
  describeCluster(options?: AdminOptions): Promise<ClusterDescription>;

  /** TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG, ... */
  createTopic(name: string, options?: CreateTopicOptions): Promise<CreatedTopic>;
  /** A topic's partitions: where they are led, what they hold. UNKNOWN_TOPIC_OR_PARTITION when there is no such topic. */
  describeTopic(name: string, options?: AdminOptions): Promise<TopicDescription>;
  /** With all its records, for ever. */
  deleteTopic(name: string, options?: AdminOptions): Promise<void>;
  /** Gives a topic more partitions: `total` is how many there are to be. Records keep the partition that they are in. */
  addPartitions(name: string, total: number, options?: AdminChangeOptions): Promise<void>;
  /**
   * Deletes the records below an offset, for ever; `end` is all that is there now. Answers where each partition begins then.
   * Rejects when a partition was refused; others may have been cut. (KIP-107)
   */
  deleteRecords(
    name: string,
    before: readonly RecordsToDelete[],
    options?: AdminOptions,
  ): Promise<DeletedRecords[]>;

  /** All settings of a topic, a broker or a group, by name, with where each value comes from. */
  describeConfigs(resource: ConfigResource, options?: AdminOptions): Promise<ConfigEntry[]>;
  /** Changes some settings and leaves all others as they are (KIP-339); all or none. */
  alterConfigs(resource: ConfigResource, changes: ConfigChanges, options?: AdminChangeOptions): Promise<void>;

  /** All groups, by name. */
  listGroups(options?: AdminOptions): Promise<GroupListing[]>;
  /** GROUP_ID_NOT_FOUND when there is no such group. */
  describeGroup(groupId: string, options?: AdminOptions): Promise<GroupDescription>;
  /** Several at once, in the order given; those that are not there are left out. */
  describeGroups(groupIds: readonly string[], options?: AdminOptions): Promise<GroupDescription[]>;
  /** With its offsets; NON_EMPTY_GROUP while it has members, GROUP_ID_NOT_FOUND when there is no such group. */
  deleteGroup(groupId: string, options?: AdminOptions): Promise<void>;
  /**
   * Sets where a group without members reads on; UNKNOWN_MEMBER_ID while it has some. A group that is not there is made.
   * Rejects when a partition was refused; the others are set.
   */
  alterGroupOffsets(groupId: string, offsets: readonly GroupOffset[], options?: AdminOptions): Promise<void>;
}

export interface ClusterDescription {
  readonly clusterId: string;
  /** The broker that is the controller; -1 when there is none. */
  readonly controllerId: number;
  readonly brokers: readonly BrokerDescription[];
}

export interface BrokerDescription {
  readonly id: number;
  /** As Kafka clients are told to reach it. */
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export type ConfigValue = string | number | bigint | boolean;

export interface CreateTopicOptions extends AdminChangeOptions {
  /** The broker's `num.partitions` when left out. */
  partitions?: number;
  /** The broker's default when left out. */
  replicationFactor?: number;
  /** Settings of its own, by Kafka's names: `{ "retention.ms": 3_600_000 }`. */
  configs?: Readonly<Record<string, ConfigValue>>;
}

export interface CreatedTopic {
  readonly name: string;
  /** 22 characters, Kafka's url-safe base64; undefined when it was only validated. */
  readonly id: string | undefined;
  readonly partitions: number;
  readonly replicationFactor: number;
}

export interface TopicDescription {
  readonly name: string;
  readonly id: string;
  /** Belongs to the cluster itself, as `__consumer_offsets` does. */
  readonly internal: boolean;
  /** By number, from 0 on. */
  readonly partitions: readonly PartitionDescription[];
}

export interface PartitionDescription {
  readonly partition: number;
  /** The broker that leads it; undefined when none does. */
  readonly leader: number | undefined;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  /** The range that can be read is [logStartOffset, highWatermark); both undefined where the partition could not tell. */
  readonly logStartOffset: bigint | undefined;
  readonly highWatermark: bigint | undefined;
  /** What it takes on the leader's disk; undefined where nobody tells. */
  readonly bytes: bigint | undefined;
}

export interface RecordsToDelete {
  readonly partition: number;
  /** The first offset to stay; `end`: none of those that are there now. */
  readonly before: bigint | "end";
}

export interface DeletedRecords {
  readonly partition: number;
  readonly logStartOffset: bigint;
}

/** What has settings. `all`: what every broker has that has no value of its own. */
export type ConfigResource =
  { readonly topic: string } | { readonly broker: number | "all" } | { readonly group: string };

/** By name: a value; null: back to what it is by default; or elements to add to a list or to take out of it. */
export type ConfigChanges = Readonly<
  Record<string, ConfigValue | null | { readonly append: string } | { readonly subtract: string }>
>;

/**
 * `topic` and `group`: its own. `broker`: given to this broker while it runs. `all brokers`: given to all while they run.
 * `static`: what the broker was started with. `default`: Kafka's. `other`: a kind that is not known here.
 */
export type ConfigSource = "topic" | "group" | "broker" | "all brokers" | "static" | "default" | "other";

export interface ConfigEntry {
  readonly name: string;
  /** null when it is not told, because it is sensitive. */
  readonly value: string | null;
  readonly source: ConfigSource;
  /** What stands at each level, the one that counts first. */
  readonly synonyms: readonly {
    readonly name: string;
    readonly value: string | null;
    readonly source: ConfigSource;
  }[];
  /** What it would be without a value of the resource's own; undefined where nobody tells. */
  readonly inherited: string | null | undefined;
  readonly type:
    "boolean" | "string" | "int" | "short" | "long" | "double" | "list" | "class" | "password" | "other";
  readonly readOnly: boolean;
  readonly sensitive: boolean;
  /** A sentence or more; undefined where there is none. */
  readonly documentation: string | undefined;
}

/** The protocol that a group's members speak: Kafka's classic one, or that of KIP-848 (`group.protocol=consumer`). */
export type GroupProtocol = "classic" | "consumer" | "other";

export interface GroupListing {
  readonly groupId: string;
  readonly protocol: GroupProtocol;
  /** In Kafka's words: `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Assigning`, `Reconciling`, `Dead`. */
  readonly state: string;
}

export interface GroupDescription extends GroupListing {
  /** What shares the partitions out; undefined while there is no assignment. */
  readonly assignor: string | undefined;
  /** Of the consumer protocol: rises with each change of members, subscriptions or partitions. */
  readonly epoch: number | undefined;
  readonly members: readonly GroupMember[];
  /** Each partition that is assigned or has an offset, by topic and number. */
  readonly partitions: readonly GroupPartition[];
  /** All that is known of `lag` together. */
  readonly lag: bigint;
}

export interface GroupMember {
  readonly memberId: string;
  /** Of a static member. */
  readonly instanceId: string | undefined;
  readonly clientId: string;
  readonly host: string;
  readonly assignment: readonly TopicPartitions[];
  /** Of the consumer protocol: what it is to have, once others have given it up. */
  readonly target: readonly TopicPartitions[] | undefined;
  /** Of the consumer protocol: the epoch of the group that the member has come to. */
  readonly epoch: number | undefined;
}

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface GroupPartition {
  readonly topic: string;
  readonly partition: number;
  /** The next record that the group is to read; undefined: it has committed none. */
  readonly offset: bigint | undefined;
  /** What was committed with it. */
  readonly metadata: string;
  /** Where the partition ends now; undefined where it could not tell. */
  readonly highWatermark: bigint | undefined;
  /** Records between the two; undefined where one of them is. */
  readonly lag: bigint | undefined;
  /** The member that has it. */
  readonly memberId: string | undefined;
}

export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  /** The next record to read. */
  readonly offset: bigint;
  readonly metadata?: string;
}
