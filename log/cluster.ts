/**
 * All topics of a node. Which there are is what the metadata log says; a topic's directories follow its record, and never
 * come before it. So a crash between the two is mended at the next start: directories that are missing are made, and
 * those of removed topics are removed.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { Cleaner } from "./cleaner.ts";
import type { Clock } from "./clock.ts";
import {
  partitionDirectories,
  refuseOrphans,
  makeWay,
  removeHalfMade,
  removeLeftovers,
} from "./cluster-directories.ts";
import {
  markCleanShutdown,
  readClusterIdentity,
  SYNCED_ENDS_FILE,
  takeCleanShutdown,
  writeClusterIdentity,
} from "./cluster-files.ts";
import { ClusterConfigs, configRecords } from "./cluster-configs.ts";
import { type BrokerConfig, checkTogether, type TopicConfig, topicConfig } from "./config.ts";
import { DiskSpace, type Space } from "./disk-space.ts";
import type { Engine } from "./engine.ts";
import { Housekeeper } from "./housekeeper.ts";
import {
  EPOCH_CHANGES_PER_BATCH,
  OPENING_MAX,
  PARTITIONS_PER_TOPIC_MAX,
  PRODUCER_ID_BLOCK,
} from "./limits.ts";
import { type Logger, silent } from "./logger.ts";
import { type MetadataImage, TOPIC_RESOURCE, type TopicImage } from "./metadata-image.ts";
import { METADATA_TOPIC, METADATA_TOPIC_ID, MetadataLog } from "./metadata-log.ts";
import type { MetadataCodec, MetadataRecord } from "./metadata-record.ts";
import { OfflinePartition, type Partition } from "./offline-partition.ts";
import { PartitionLog } from "./partition-log.ts";
import type { PartitionOptions } from "./partition-types.ts";
import type { Store } from "./store.ts";
import { SyncedEnds } from "./synced-ends.ts";
import { checkTopicName } from "./topic-name.ts";
import { forEachAtMost, Turns } from "./turns.ts";
import { newUuid } from "./uuid-text.ts";

export interface ClusterOptions {
  store: Store;
  engine: Engine;
  clock: Clock;
  codec: MetadataCodec;
  /** 16 bytes that nobody can guess. */
  random: () => Uint8Array;
  config: BrokerConfig;
  log?: Logger;
  /** Of the file system that the store is on; left out, or undefined: nobody can tell. */
  space?: () => Promise<Space | undefined>;
}

export interface Topic {
  readonly name: string;
  /** Kafka's text form of a uuid. */
  readonly id: string;
  /** By partition number. */
  readonly partitions: readonly Partition[];
  readonly config: TopicConfig;
  /** The settings that the topic was given itself. */
  readonly overrides: ReadonlyMap<string, string>;
}

export interface NewTopic {
  /** Left out: `num.partitions`. */
  partitions?: number;
  /** null takes the default. */
  configs?: ReadonlyMap<string, string | null>;
  /** The node's own: its name begins with __. */
  isInternal?: boolean;
}

/** A topic as it would be made. */
export interface CheckedTopic {
  readonly partitions: number;
  readonly config: TopicConfig;
  readonly overrides: ReadonlyMap<string, string>;
}

export interface FencedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly reason: string;
}

export interface TopicsChange {
  readonly kind: "created" | "deleted" | "grown";
  readonly topic: Topic;
}

const NODE_ID = 1;

export class Cluster {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly disk: DiskSpace;
  readonly configs: ClusterConfigs;
  private readonly options: ClusterOptions;
  private readonly log: Logger;
  private readonly metadata: MetadataLog;
  private readonly syncedEnds: SyncedEnds;
  private readonly byName = new Map<string, Topic>();
  private readonly byId = new Map<string, Topic>();
  private readonly listeners = new Set<(change: TopicsChange) => void>();
  /** Changes are made one after the other: each sees what the one before has left. */
  private readonly turns = new Turns();
  /** Removals of directories that are still going on, by the topic's name in lower case. */
  private readonly removals = new Map<string, Promise<void>>();
  private housekeeper: Housekeeper | undefined;
  private cleaner: Cleaner | undefined;
  private nextId: bigint;
  private blockEnd: bigint;
  private closing: Promise<void> | undefined;

  /**
   * Opens everything that the metadata log names and recovers what a crash has left. After an unclean stop every partition
   * leads in a higher epoch, and that is synced, before this resolves. A partition whose files cannot be used is offline, and
   * nothing of it is changed. Throws KafkaError KAFKA_STORAGE_ERROR when the metadata log is damaged.
   */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const { store, random, log = silent } = options;
    const known = await readClusterIdentity(store);
    const directories = await partitionDirectories(store);
    refuseOrphans(known !== undefined, directories);
    const identity = known ?? { clusterId: newUuid(random), nodeId: NODE_ID };
    const clean = await takeCleanShutdown(store);
    // After an unclean stop what can be read may not be on the disk, nor what is gone be gone; this makes both so.
    if (!clean || known === undefined) await writeClusterIdentity(store, identity);
    const disk = new DiskSpace({
      ask: options.space ?? (() => Promise.resolve(undefined)),
      reserveBytes: Number(options.config.values.get("log.dir.min.free.bytes")),
      log,
    });
    await disk.look();
    const { engine, clock } = options;
    const syncedEnds = await SyncedEnds.open({ store, engine, clock, clean, name: SYNCED_ENDS_FILE });
    const metadata = await MetadataLog.open({ ...options, log, clean, disk, syncedEnds }).catch(
      async (error: unknown) => {
        await syncedEnds.close(false);
        throw error;
      },
    );
    const cluster = new Cluster(options, identity, { metadata, syncedEnds, disk });
    try {
      syncedEnds.keepOnly((id) => id === METADATA_TOPIC_ID || metadata.image.topicById(id) !== undefined);
      await removeLeftovers({ store, log, image: metadata.image }, directories);
      await cluster.openAll(clean);
      if (!clean && known !== undefined) await cluster.raiseEpochs();
      await cluster.lead();
      cluster.housekeeper = cluster.keepHouse();
      const partitions = (): Iterable<Partition> => cluster.partitions();
      cluster.cleaner = new Cleaner({ clock, log, config: cluster.config, disk, partitions });
    } catch (error) {
      await cluster.closeLogs();
      throw error;
    }
    return cluster;
  }

  private constructor(
    options: ClusterOptions,
    identity: { clusterId: string; nodeId: number },
    { metadata, syncedEnds, disk }: { metadata: MetadataLog; syncedEnds: SyncedEnds; disk: DiskSpace },
  ) {
    this.disk = disk;
    this.syncedEnds = syncedEnds;
    this.clusterId = identity.clusterId;
    this.nodeId = identity.nodeId;
    this.options = options;
    this.log = options.log ?? silent;
    this.metadata = metadata;
    this.configs = new ClusterConfigs({
      fixed: options.config.levels.fixed,
      nodeId: identity.nodeId,
      log: this.log,
      metadata,
      topics: this.byName,
      inTurn: (change) => this.inTurn(change),
      changed: (topic) => this.keep(topic),
    });
    this.nextId = metadata.image.nextProducerId;
    this.blockEnd = this.nextId;
  }

  /** The node's settings as they are now. */
  get config(): BrokerConfig {
    return this.configs.node;
  }
  topics(): Iterable<Topic> {
    return this.byName.values();
  }
  topic(name: string): Topic | undefined {
    return this.byName.get(name);
  }
  topicById(id: string): Topic | undefined {
    return this.byId.get(id);
  }

  /**
   * What `createTopic` would make now. Throws KafkaError TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS,
   * INVALID_CONFIG.
   */
  validateTopic(
    name: string,
    { partitions = this.config.numPartitions, configs = new Map(), isInternal = false }: NewTopic,
  ): CheckedTopic {
    checkTopicName(name, this.image.names, isInternal);
    if (this.image.topic(name) !== undefined)
      throw new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, `there is a topic "${name}" already`);
    checkPartitions(partitions);
    const given = [...configs].filter((entry): entry is [string, string] => entry[1] !== null);
    const config = topicConfig(this.config, new Map(given));
    checkTogether(config);
    const overrides = new Map(given.map(([setting]) => [setting, config.values.get(setting) ?? ""]));
    return { partitions, config, overrides };
  }

  /** Makes a topic; resolves when it is durable and can be used. Throws as `validateTopic` does, and KAFKA_STORAGE_ERROR. */
  createTopic(name: string, wanted: NewTopic): Promise<Topic> {
    return this.inTurn(async () => {
      const { partitions, overrides } = this.validateTopic(name, wanted);
      await this.removals.get(name.toLowerCase());
      await makeWay({ store: this.options.store, image: this.image }, name, 0, partitions);
      const id = newUuid(this.options.random);
      await this.metadata.write([
        { type: "TopicRecord", name, topicId: id },
        ...this.partitionRecords(id, 0, partitions),
        ...configRecords(TOPIC_RESOURCE, name, overrides),
      ]);
      const topic = await this.openNew(id).catch((error: unknown) => this.takeBack(id, error));
      this.tell({ kind: "created", topic });
      return topic;
    });
  }

  /** Removes the topic with this id; its directories go in the background. Throws KafkaError UNKNOWN_TOPIC_ID, TOPIC_DELETION_DISABLED. */
  deleteTopic(id: string): Promise<void> {
    return this.inTurn(async () => {
      if (!this.config.deleteTopics)
        throw new KafkaError(ErrorCode.TOPIC_DELETION_DISABLED, "delete.topic.enable is false on this node");
      const topic = this.byId.get(id);
      if (topic === undefined)
        throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID, "there is no topic with this id");
      await this.metadata.write([{ type: "RemoveTopicRecord", topicId: id }]);
      this.byId.delete(id);
      this.byName.delete(topic.name);
      this.remove(topic);
      this.tell({ kind: "deleted", topic });
    });
  }

  /** Gives a topic more partitions: `count` in all. Throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS. */
  createPartitions(name: string, count: number): Promise<Topic> {
    return this.inTurn(async () => {
      const before = this.byName.get(name);
      if (before === undefined)
        throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic "${name}"`);
      checkPartitions(count);
      if (count <= before.partitions.length) {
        throw new KafkaError(
          ErrorCode.INVALID_PARTITIONS,
          `"${name}" has ${before.partitions.length} partitions; they cannot become ${count}`,
        );
      }
      await makeWay({ store: this.options.store, image: this.image }, name, before.partitions.length, count);
      await this.metadata.write([...this.partitionRecords(before.id, before.partitions.length, count)]);
      const topic = await this.openNew(before.id);
      this.tell({ kind: "grown", topic });
      return topic;
    });
  }

  /** A producer id that nobody has had or will have. */
  async nextProducerId(): Promise<bigint> {
    while (this.nextId === this.blockEnd) {
      await this.inTurn(async () => {
        if (this.nextId < this.blockEnd) return;
        const start = this.image.nextProducerId;
        const nextProducerId = start + PRODUCER_ID_BLOCK;
        await this.metadata.write([
          { type: "ProducerIdsRecord", brokerId: this.nodeId, brokerEpoch: -1n, nextProducerId },
        ]);
        this.nextId = start;
        this.blockEnd = nextProducerId;
      });
    }
    return this.nextId++;
  }

  /** Partitions that take no records until the node is restarted, with why; that of the metadata among them. */
  fenced(): FencedPartition[] {
    const found: FencedPartition[] = [];
    const { fenced } = this.metadata;
    if (fenced !== undefined) found.push({ topic: METADATA_TOPIC, partition: 0, reason: fenced.message });
    for (const { partitions } of this.byName.values()) {
      for (const { topic, partition, fenced: reason } of partitions)
        if (reason !== undefined) found.push({ topic, partition, reason: reason.message });
    }
    return found;
  }

  /** Hears of every topic that is made, deleted or given partitions. Answers how to stop. */
  onTopicsChanged(listener: (change: TopicsChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Syncs and closes everything; only when all of it went well is the shutdown marked as clean. Throws what did not. */
  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private get image(): MetadataImage {
    return this.metadata.image;
  }

  /** Makes a change when those before it are made. Throws KafkaError BROKER_NOT_AVAILABLE while the node stops. */
  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    return this.turns.take(async () => {
      if (this.closing !== undefined)
        throw new KafkaError(ErrorCode.BROKER_NOT_AVAILABLE, "the node is stopping");
      return change();
    });
  }

  private tell(change: TopicsChange): void {
    for (const listener of this.listeners) {
      try {
        listener(change);
      } catch (error) {
        this.log.error(`a listener to topics failed: ${String(error)}`, { topic: change.topic.name });
      }
    }
  }

  private *partitionRecords(topicId: string, from: number, to: number): Generator<MetadataRecord> {
    const [replicas, isr, leader] = [[this.nodeId], [this.nodeId], this.nodeId];
    for (let partitionId = from; partitionId < to; partitionId++) {
      yield {
        type: "PartitionRecord",
        partitionId,
        topicId,
        replicas,
        isr,
        leader,
        leaderEpoch: 0,
        partitionEpoch: 0,
      };
    }
  }

  /** Opens the partitions of a topic that the metadata log names and that are not open yet. */
  private async openNew(id: string): Promise<Topic> {
    const image = this.image.topicById(id);
    if (image === undefined) throw new Error(`topic ${id} is not in the metadata`);
    const known = this.byId.get(id)?.partitions.length ?? 0;
    const open = (options: PartitionOptions): Promise<Partition> => PartitionLog.open(options);
    const topic = await this.openTopic(image, false, open).catch((error: unknown) =>
      this.takeBackHalfMade(image, known, error),
    );
    await Promise.all(topic.partitions.map((log, at) => this.leadOne(log, image, at)));
    return topic;
  }

  private async takeBackHalfMade(image: TopicImage, from: number, error: unknown): Promise<never> {
    await removeHalfMade(this.options.store, image, from).catch((failure: unknown) =>
      this.log.warn(`files of new partitions of ${image.name} are left: ${String(failure)}`),
    );
    if (error instanceof KafkaError) throw error;
    throw new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `the files of topic ${image.name} cannot be made (${String(error)}): free or repair the disk, and try again`,
      { cause: error },
    );
  }

  /** A topic whose files cannot be made is removed again, so that it can be tried once more. */
  private async takeBack(id: string, error: unknown): Promise<never> {
    await this.metadata.write([{ type: "RemoveTopicRecord", topicId: id }]);
    this.log.error(`a topic was removed again, because its files could not be made: ${String(error)}`);
    throw error;
  }

  private async openTopic(
    image: TopicImage,
    clean: boolean,
    open: (options: PartitionOptions) => Promise<Partition>,
  ): Promise<Topic> {
    const partitions = [...(this.byId.get(image.id)?.partitions ?? [])];
    const missing = [...image.partitions.keys()].filter((partition) => partitions[partition] === undefined);
    const { name, id } = image;
    const overrides = this.image.overrides(name);
    const config = topicConfig(this.config, overrides);
    const { store, engine, clock, log = silent } = this.options;
    await forEachAtMost(OPENING_MAX, missing, async (partition) => {
      const ledUpTo = image.partitions[partition]?.leaderEpoch ?? 0;
      const uncompressedBytesMax = this.config.socketRequestMaxBytes;
      const options = {
        store,
        engine,
        clock,
        log,
        topic: name,
        topicId: id,
        partition,
        config,
        clean,
        ledUpTo,
        uncompressedBytesMax,
        syncedEnds: this.syncedEnds,
        disk: this.disk,
      };
      partitions[partition] = await open(options);
    });
    return this.keep({ name, id, partitions, config, overrides });
  }

  private keep(topic: Topic): Topic {
    this.byName.set(topic.name, topic);
    this.byId.set(topic.id, topic);
    return topic;
  }

  /** Opens a partition that was there before. */
  private openKnown(options: PartitionOptions): Promise<Partition> {
    return PartitionLog.open(options).catch((error: unknown) => this.offline(options, error));
  }

  private offline(options: PartitionOptions, cause: unknown): OfflinePartition {
    const partition = new OfflinePartition(options, cause);
    this.log.error(partition.fenced.message, { topic: options.topic, partition: options.partition });
    return partition;
  }

  private async openAll(clean: boolean): Promise<void> {
    await forEachAtMost(OPENING_MAX, this.image.topics, async (image) => {
      await this.openTopic(image, clean, (options) => this.openKnown(options));
    });
  }

  /** A reader that has seen what a crash took away, or may have, tells it by the epoch. */
  private async raiseEpochs(): Promise<void> {
    const changes: MetadataRecord[] = [];
    for (const { id: topicId, partitions } of this.image.topics) {
      for (const partitionId of partitions.keys()) {
        changes.push({ type: "PartitionChangeRecord", partitionId, topicId, isr: null, leader: this.nodeId });
      }
    }
    if (changes.length === 0) return this.metadata.write([{ type: "NoOpRecord" }]);
    for (let at = 0; at < changes.length; at += EPOCH_CHANGES_PER_BATCH) {
      await this.metadata.write(changes.slice(at, at + EPOCH_CHANGES_PER_BATCH));
    }
  }

  private async lead(): Promise<void> {
    for (const { id, partitions } of this.byId.values()) {
      const image = this.image.topicById(id);
      if (image !== undefined) await Promise.all(partitions.map((log, at) => this.leadOne(log, image, at)));
    }
  }

  private leadOne(log: Partition, image: TopicImage, partition: number): Promise<void> {
    return log.startEpoch(image.partitions[partition]?.leaderEpoch ?? 0);
  }

  private remove(topic: Topic): void {
    const name = topic.name.toLowerCase();
    const removal = forEachAtMost(OPENING_MAX, topic.partitions, (log) => log.delete())
      // What stays is removed at the next start: the metadata log remembers whose it was.
      .catch((error: unknown) =>
        this.log.warn(`files of the deleted topic ${topic.name} are left: ${String(error)}`),
      )
      .then(() => {
        if (this.removals.get(name) === removal) this.removals.delete(name);
      });
    this.removals.set(name, removal);
  }

  private keepHouse(): Housekeeper {
    const { clock } = this.options;
    const { values } = this.config;
    return new Housekeeper({
      clock,
      log: this.log,
      partitions: () => this.partitions(),
      disk: this.disk,
      initialDelayMs: Number(values.get("log.initial.task.delay.ms")),
      intervalMs: Number(values.get("log.retention.check.interval.ms")),
    });
  }

  private *partitions(): Generator<Partition> {
    for (const { partitions } of this.byName.values()) yield* partitions;
  }

  private async closeAll(): Promise<void> {
    await this.turns.idle();
    await Promise.all([this.housekeeper?.close(), this.cleaner?.close()]);
    await Promise.all(this.removals.values());
    const failures = await this.closeLogs();
    if (failures.length > 0) throw failures[0];
    // What is offline must be read through again, for a clean start would believe its end without looking.
    if (Array.from(this.partitions()).every((partition) => !(partition instanceof OfflinePartition)))
      await markCleanShutdown(this.options.store);
  }

  private async closeLogs(): Promise<unknown[]> {
    const failures: unknown[] = [];
    await forEachAtMost(OPENING_MAX, this.partitions(), (log) =>
      log.close().catch((error: unknown) => void failures.push(error)),
    );
    await this.metadata.close().catch((error: unknown) => void failures.push(error));
    await this.syncedEnds.close(true).catch((error: unknown) => void failures.push(error));
    return failures;
  }
}

function checkPartitions(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= PARTITIONS_PER_TOPIC_MAX) return;
  throw new KafkaError(
    ErrorCode.INVALID_PARTITIONS,
    `a topic has 1 to ${PARTITIONS_PER_TOPIC_MAX} partitions, not ${count}`,
  );
}
