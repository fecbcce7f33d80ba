/**
 * Kafka's settings, by Kafka's names, defaults and bounds: one table of topic settings with the broker setting that gives
 * each its default, and one of broker settings of this node's own.
 *
 * Each of them is acted upon. Values that nothing here could honour are refused, not ignored.
 */
import { CODEC_GZIP, CODEC_LZ4, CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD } from "../engine-as/format.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import type { LazyFlush, PartitionConfig } from "./partition-config.ts";

export type SettingType = "boolean" | "int" | "long" | "double" | "string" | "list";

export interface SettingDefinition {
  readonly name: string;
  readonly type: SettingType;
  readonly initial: string;
  /** Says what is wrong with a well-typed value; undefined: nothing. */
  readonly check: (value: string) => string | undefined;
  readonly doc: string;
}

export interface TopicSettingDefinition extends SettingDefinition {
  /** The broker setting that gives the default; undefined where Kafka has none. */
  readonly brokerName: string | undefined;
}

const LONG_MAX = 2n ** 63n - 1n;
const INT_MAX = 2n ** 31n - 1n;
const TYPE_BOUNDS: Partial<Record<SettingType, readonly [bigint, bigint]>> = {
  int: [-(2n ** 31n), INT_MAX],
  long: [-(2n ** 63n), LONG_MAX],
};

type Check = SettingDefinition["check"];
const any: Check = () => undefined;
const between =
  (least: bigint, most: bigint): Check =>
  (value) =>
    BigInt(value) < least || BigInt(value) > most ? `must be from ${least} to ${most}` : undefined;
const atLeast =
  (least: bigint): Check =>
  (value) =>
    BigInt(value) < least ? `must be at least ${least}` : undefined;
const fraction: Check = (value) =>
  Number(value) < 0 || Number(value) > 1 ? "must be from 0 to 1" : undefined;
const atLeastOne: Check = (value) => (Number(value) < 1 ? "must be at least 1" : undefined);
const listOf =
  (...values: readonly string[]): Check =>
  (value) => {
    const items = itemsOf(value);
    const isSound = items.every((item) => values.includes(item)) && new Set(items).size === items.length;
    return isSound ? undefined : `must be a list of: ${values.join(", ")}, each at most once`;
  };
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value) ? undefined : `must be one of: ${values.join(", ")}`;
/** The only value that this node can honour so far. */
const only =
  (possible: string): Check =>
  (value) =>
    value === possible ? undefined : `only ${possible} is supported`;

const topic = (
  name: string,
  brokerName: string | undefined,
  type: SettingType,
  initial: string,
  check: Check,
  doc: string,
): TopicSettingDefinition => ({ name, brokerName, type, initial, check, doc });

/** By what `compression.type` calls them. */
const CODEC_NAMES: ReadonlyMap<string, number> = new Map([
  ["uncompressed", CODEC_NONE],
  ["gzip", CODEC_GZIP],
  ["snappy", CODEC_SNAPPY],
  ["lz4", CODEC_LZ4],
  ["zstd", CODEC_ZSTD],
]);

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

// prettier-ignore
export const topicSettings: readonly TopicSettingDefinition[] = [
  topic("segment.bytes", "log.segment.bytes", "int", String(1024 ** 3), atLeast(14n), "Size in bytes at which a segment is rolled."),
  topic("segment.index.bytes", "log.index.size.max.bytes", "int", String(10 * 1024 ** 2), atLeast(4n), "Size in bytes of an index at which its segment is rolled."),
  topic("index.interval.bytes", "log.index.interval.bytes", "int", "4096", atLeast(0n), "Bytes of batches between two entries of an index."),
  topic("max.message.bytes", "message.max.bytes", "int", String(1024 ** 2 + 12), between(0n, BigInt(MESSAGE_BYTES_MAX)), "Size in bytes of the largest batch that is taken."),
  topic("flush.messages", "log.flush.interval.messages", "long", String(LONG_MAX), atLeast(1n), "When set above 1: written counts as synced, and a sync follows after so many records."),
  topic("flush.ms", "log.flush.interval.ms", "long", String(LONG_MAX), atLeast(0n), "When set: written counts as synced, and a sync follows within so many milliseconds."),
  topic("message.timestamp.type", "log.message.timestamp.type", "string", "CreateTime", oneOf("CreateTime", "LogAppendTime"), "Whose clock the timestamps are from."),
  topic("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", "long", String(LONG_MAX), atLeast(0n), "How far, in milliseconds, a timestamp may lie in the past."),
  topic("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", "long", String(60 * 60 * 1000), atLeast(0n), "How far, in milliseconds, a timestamp may lie in the future."),
  topic("compression.type", "compression.type", "string", "producer", oneOf("producer", ...CODEC_NAMES.keys()), "The codec of stored batches; producer: as they come."),
  topic("cleanup.policy", "log.cleanup.policy", "list", "delete", listOf("delete", "compact"), "What is done with old segments: they are deleted, or compacted to the last record of each key, or both. Neither: they are kept."),
  topic("retention.ms", "log.retention.ms", "long", String(7 * DAY_MS), atLeast(-1n), "How long, in milliseconds, records are kept; -1: for ever."),
  topic("retention.bytes", "log.retention.bytes", "long", "-1", any, "How many bytes a partition keeps; -1: all."),
  topic("segment.ms", "log.roll.ms", "long", String(7 * DAY_MS), atLeast(1n), "Time in milliseconds between its first record and one that comes in a new segment."),
  topic("segment.jitter.ms", "log.roll.jitter.ms", "long", "0", atLeast(0n), "Most milliseconds that segment.ms is varied by."),
  topic("delete.retention.ms", "log.cleaner.delete.retention.ms", "long", String(DAY_MS), atLeast(0n), "How long, in milliseconds, compaction keeps tombstones."),
  topic("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", "long", "0", atLeast(0n), "Age in milliseconds that a record has before it is compacted."),
  topic("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", "long", String(LONG_MAX), atLeast(1n), "Age in milliseconds at which a record must be compacted."),
  topic("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", "double", "0.5", fraction, "Share of a log that is not compacted yet at which compaction begins."),
  topic("file.delete.delay.ms", "log.segment.delete.delay.ms", "long", "60000", atLeast(0n), "How long, in milliseconds, files of segments that retention has removed stay on disk."),
  topic("min.insync.replicas", "min.insync.replicas", "int", "1", only("1"), "Replicas that acks=all waits for: there is one."),
  topic("unclean.leader.election.enable", "unclean.leader.election.enable", "boolean", "false", only("false"), "Whether a replica that may lack records can lead: there is no other."),
  topic("preallocate", "log.preallocate", "boolean", "false", only("false"), "Whether segments take their space at once."),
  topic("remote.storage.enable", undefined, "boolean", "false", only("false"), "Whether old segments move to remote storage."),
];

const broker = (
  name: string,
  type: SettingType,
  initial: string,
  check: Check,
  doc: string,
): SettingDefinition => ({ name, type, initial, check, doc });

// prettier-ignore
export const brokerSettings: readonly SettingDefinition[] = [
  broker("num.partitions", "int", "1", between(1n, 10_000n), "Partitions of a topic that does not say how many."),
  broker("auto.create.topics.enable", "boolean", "true", any, "Whether a topic is created when it is first used."),
  broker("delete.topic.enable", "boolean", "true", any, "Whether topics may be deleted."),
  broker("default.replication.factor", "int", "1", only("1"), "Replicas of a topic that does not say how many: there is one node."),
  broker("socket.request.max.bytes", "int", String(100 * 1024 ** 2), between(1024n, INT_MAX), "Size in bytes of the largest request."),
  broker("max.incremental.fetch.session.cache.slots", "int", "1000", atLeast(0n), "Most fetch sessions that are kept at once."),
  broker("max.connections", "int", String(INT_MAX), atLeast(1n), "Most connections of all listeners together. The system's limit of open files bounds them, too."),
  broker("producer.id.expiration.ms", "int", String(DAY_MS), atLeast(1n), "How long, in milliseconds, a silent producer id is remembered."),
  broker("log.cleaner.enable", "boolean", "true", any, "Whether topics with cleanup.policy=compact are compacted."),
  broker("log.cleaner.backoff.ms", "long", "15000", atLeast(0n), "How long, in milliseconds, compaction waits when there was nothing to compact."),
  broker("log.cleaner.io.max.bytes.per.second", "double", String(32 * 1024 ** 2), atLeastOne, "Bytes that compaction reads and writes in a second, at most. Kafka's default sets no bound."),
  broker("log.cleaner.dedupe.buffer.size", "long", String(128 * 1024 ** 2), atLeast(1024n ** 2n), "Bytes of memory that the keys of one compaction may take; with more of them it compacts a part, and the rest later."),
  broker("log.dir.min.free.bytes", "long", String(64 * 1024 ** 2), atLeast(0n), "Bytes of the disk that are kept free: records are refused below it. At most a twentieth of the file system; 0 keeps none. Rivulet's own."),
  broker("log.retention.check.interval.ms", "long", String(5 * MINUTE_MS), atLeast(1n), "How often, in milliseconds, retention looks for what is to be deleted."),
  broker("log.initial.task.delay.ms", "long", String(MINUTE_MS / 2), atLeast(0n), "How long, in milliseconds, after a start it looks for the first time."),
  broker("offsets.topic.num.partitions", "int", "1", between(1n, 1000n), "Partitions of the topic that groups are kept in, when it is made."),
  broker("offsets.topic.segment.bytes", "int", String(100 * 1024 ** 2), atLeast(1n), "Size in bytes of a segment of that topic, when it is made."),
  broker("offsets.retention.minutes", "int", "10080", atLeast(1n), "How long, in minutes, the offsets of a group without members are kept."),
  broker("offsets.retention.check.interval.ms", "long", "600000", atLeast(1n), "How often, in milliseconds, offsets are looked through for those that have expired."),
  broker("offset.metadata.max.bytes", "int", "4096", atLeast(0n), "Size in bytes of the text that may go with a committed offset."),
  broker("group.min.session.timeout.ms", "int", "6000", atLeast(1n), "Shortest session time-out, in milliseconds, that a member may ask for."),
  broker("group.max.session.timeout.ms", "int", "1800000", atLeast(1n), "Longest session time-out, in milliseconds, that a member may ask for."),
  broker("group.initial.rebalance.delay.ms", "int", "0", atLeast(0n), "How long, in milliseconds, an empty group waits for more members before it begins."),
  broker("sasl.enabled.mechanisms", "list", "", oneOf("", "OAUTHBEARER"), "How clients sign in; empty: nobody has to."),
  broker("sasl.oauthbearer.jwks.endpoint.url", "string", "", any, "Where the public keys of those who make tokens are fetched."),
  broker("sasl.oauthbearer.jwks.endpoint.refresh.ms", "long", "3600000", between(1000n, BigInt(DAY_MS)), "How long, in milliseconds, fetched keys are used."),
  broker("sasl.oauthbearer.jwks.file", "string", "", any, "A file with those keys instead, read again when it changes. Rivulet's own."),
  broker("sasl.oauthbearer.secret.file", "string", "", any, "A file with the secret that tokens are signed with instead. Rivulet's own."),
  broker("sasl.oauthbearer.allowed.urls", "list", "", any, "URLs of keys that may be at an address that is refused else."),
  broker("sasl.oauthbearer.algorithms", "list", "", any, "Algorithms that tokens may be signed with; empty: those that fit the kind of key. Rivulet's own."),
  broker("sasl.oauthbearer.expected.issuer", "string", "", any, "Who has to have made a token (iss)."),
  broker("sasl.oauthbearer.expected.audience", "list", "", any, "Whom a token has to be for (aud): one of these."),
  broker("sasl.oauthbearer.sub.claim.name", "string", "sub", any, "The claim that names the principal."),
  broker("sasl.oauthbearer.clock.skew.seconds", "int", "30", between(0n, 300n), "How far, in seconds, the clocks of those who make tokens may differ."),
  broker("sasl.server.max.receive.size", "int", "65536", between(1024n, 524_288n), "Size in bytes of the largest request before anybody has signed in."),
  broker("connections.max.reauth.ms", "long", "0", between(0n, INT_MAX), "How long, in milliseconds, a session lasts at most; 0: as long as its token."),
  broker("connection.failed.authentication.delay.ms", "int", "100", between(0n, 5000n), "How long, in milliseconds, a failed sign-in waits for its answer."),
  broker("group.max.size", "int", String(INT_MAX), atLeast(1n), "Most members of a group."),
  broker("group.consumer.session.timeout.ms", "int", "45000", atLeast(1n), "After so many milliseconds a member of a consumer group that was not heard of is given up, where its group says nothing else."),
  broker("group.consumer.min.session.timeout.ms", "int", "45000", atLeast(1n), "Shortest session time-out, in milliseconds, that a consumer group may be given."),
  broker("group.consumer.max.session.timeout.ms", "int", "60000", atLeast(1n), "Longest session time-out, in milliseconds, that a consumer group may be given."),
  broker("group.consumer.heartbeat.interval.ms", "int", "5000", atLeast(1n), "Milliseconds between two heartbeats of a member of a consumer group, where its group says nothing else."),
  broker("group.consumer.min.heartbeat.interval.ms", "int", "5000", atLeast(1n), "Shortest interval between heartbeats, in milliseconds, that a consumer group may be given."),
  broker("group.consumer.max.heartbeat.interval.ms", "int", "15000", atLeast(1n), "Longest interval between heartbeats, in milliseconds, that a consumer group may be given."),
  broker("group.consumer.assignment.interval.ms", "int", "1000", atLeast(0n), "Least milliseconds between two times that a consumer group's partitions are assigned anew, where its group says nothing else."),
  broker("group.consumer.min.assignment.interval.ms", "int", "0", atLeast(0n), "Shortest interval between assignments, in milliseconds, that a consumer group may be given."),
  broker("group.consumer.max.assignment.interval.ms", "int", "15000", atLeast(0n), "Longest interval between assignments, in milliseconds, that a consumer group may be given."),
  broker("group.consumer.max.size", "int", String(INT_MAX), atLeast(1n), "Most members of a consumer group."),
  broker("group.consumer.assignors", "list", "uniform,range", listOf("uniform", "range"), "How partitions of consumer groups can be assigned; the first is for groups whose members ask for none."),
  broker("group.consumer.migration.policy", "string", "disabled", only("disabled"), "Whether groups with members go over from one protocol to the other."),
];

/** A broker setting that says in a coarser unit what another one says in milliseconds, which counts before it. */
interface CoarserSettingDefinition extends SettingDefinition {
  readonly of: string;
  readonly unitMs: number;
}

const coarser = (
  name: string,
  of: string,
  unitMs: number,
  initialMs: number,
  check: Check,
): CoarserSettingDefinition => {
  const doc = `As ${of}, in ${unitMs === HOUR_MS ? "hours" : "minutes"}: counts where nothing finer is given.`;
  const initial = String(initialMs / unitMs);
  return { ...broker(name, "int", initial, check, doc), of, unitMs };
};

/** Finer ones first. */
const coarserSettings: readonly CoarserSettingDefinition[] = [
  coarser("log.retention.minutes", "log.retention.ms", MINUTE_MS, 7 * DAY_MS, any),
  coarser("log.retention.hours", "log.retention.ms", HOUR_MS, 7 * DAY_MS, any),
  coarser("log.roll.hours", "log.roll.ms", HOUR_MS, 7 * DAY_MS, atLeast(1n)),
  coarser("log.roll.jitter.hours", "log.roll.jitter.ms", HOUR_MS, 0, atLeast(0n)),
];

/** The least and the most of one thing, which can both be changed while the node runs. */
export const COMPACTION_LAGS = [
  "log.cleaner.min.compaction.lag.ms",
  "log.cleaner.max.compaction.lag.ms",
] as const;

/** Broker settings of which the first must not be above the second. */
const NOT_ABOVE: readonly (readonly [lower: string, higher: string])[] = [
  COMPACTION_LAGS,
  ...["session.timeout.ms", "heartbeat.interval.ms", "assignment.interval.ms"].flatMap(
    (name) =>
      [
        [`group.consumer.min.${name}`, `group.consumer.${name}`],
        [`group.consumer.${name}`, `group.consumer.max.${name}`],
      ] as const,
  ),
];

/** A topic's settings as the log uses them. */
export interface TopicConfig extends PartitionConfig {
  /** Every topic setting's value by name. */
  readonly values: ReadonlyMap<string, string>;
}

/** The node's settings. */
export interface BrokerConfig {
  readonly numPartitions: number;
  readonly autoCreateTopics: boolean;
  readonly deleteTopics: boolean;
  readonly socketRequestMaxBytes: number;
  /** Every setting's value by its broker-level name. */
  readonly values: ReadonlyMap<string, string>;
  readonly levels: BrokerLevels;
}

/** Settings of the broker that were given while it runs, by name: the level that comes first counts (KIP-226). */
export interface DynamicLevels {
  /** To this node. */
  readonly broker: ReadonlyMap<string, string>;
  /** To all nodes. */
  readonly cluster: ReadonlyMap<string, string>;
}

/** Where settings of the broker are from; what no level has is a default. */
export interface BrokerLevels extends DynamicLevels {
  /** Given when the node was started. */
  readonly fixed: ReadonlyMap<string, string>;
}

const NOTHING_DYNAMIC: DynamicLevels = { broker: new Map(), cluster: new Map() };

/** Checks what was set by name; throws KafkaError INVALID_CONFIG for the first setting that is unknown or out of bounds. */
export function brokerConfig(
  given: ReadonlyMap<string, string>,
  dynamic: DynamicLevels = NOTHING_DYNAMIC,
): BrokerConfig {
  const values = new Map(allBrokerSettings.map((setting) => [setting.name, setting.initial]));
  const fixed = new Map<string, string>();
  for (const [name, value] of given) fixed.set(name, checkedSetting(allBrokerSettings, name, value));
  for (const { name, of, unitMs } of coarserSettings) {
    const amount = fixed.get(name);
    if (fixed.has(of) || amount === undefined) continue;
    fixed.set(of, BigInt(amount) < 0n ? "-1" : String(BigInt(amount) * BigInt(unitMs)));
  }
  for (const level of [fixed, dynamic.cluster, dynamic.broker])
    for (const [name, value] of level) values.set(name, value);
  for (const [lower, higher] of NOT_ABOVE)
    if (Number(values.get(lower)) > Number(values.get(higher)))
      throw invalid(
        `${lower}: ${values.get(lower)} must not be above ${higher}, which is ${values.get(higher)}`,
      );
  const [heartbeat, session] = ["group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"];
  if (Number(values.get(heartbeat)) >= Number(values.get(session)))
    throw invalid(`${heartbeat} must be less than ${session}`);
  const text = (name: string): string => values.get(name) ?? "";
  return {
    numPartitions: Number(text("num.partitions")),
    autoCreateTopics: text("auto.create.topics.enable") === "true",
    deleteTopics: text("delete.topic.enable") === "true",
    socketRequestMaxBytes: Number(text("socket.request.max.bytes")),
    values,
    levels: { ...dynamic, fixed },
  };
}

/** A topic's settings over the node's; throws KafkaError INVALID_CONFIG for the first one that is unknown or out of bounds. */
export function topicConfig(node: BrokerConfig, overrides: ReadonlyMap<string, string>): TopicConfig {
  const values = new Map(
    topicSettings.map(({ name, brokerName, initial }) => [
      name,
      node.values.get(brokerName ?? "") ?? initial,
    ]),
  );
  for (const [name, value] of overrides) values.set(name, checkedSetting(topicSettings, name, value));
  const long = (name: string): bigint => BigInt(values.get(name) ?? 0);
  const bounded = (name: string): bigint | undefined => (long(name) === LONG_MAX ? undefined : long(name));
  const unlessNegative = (name: string): bigint | undefined => (long(name) < 0n ? undefined : long(name));
  const policies = itemsOf(values.get("cleanup.policy") ?? "");
  const [minLag, maxLag] = [long("min.compaction.lag.ms"), long("max.compaction.lag.ms")];
  return {
    segmentBytes: Number(long("segment.bytes")),
    segmentIndexBytes: Number(long("segment.index.bytes")),
    indexIntervalBytes: Number(long("index.interval.bytes")),
    maxMessageBytes: Number(long("max.message.bytes")),
    lazyFlush: lazyFlush(long("flush.messages"), long("flush.ms")),
    timestampBeforeMaxMs: bounded("message.timestamp.before.max.ms"),
    timestampAfterMaxMs: bounded("message.timestamp.after.max.ms"),
    isLogAppendTime: values.get("message.timestamp.type") === "LogAppendTime",
    codec: CODEC_NAMES.get(values.get("compression.type") ?? ""),
    producerExpirationMs: Number(node.values.get("producer.id.expiration.ms")),
    deletes: policies.includes("delete"),
    compacts: policies.includes("compact"),
    retentionMs: unlessNegative("retention.ms"),
    retentionBytes: unlessNegative("retention.bytes"),
    // What must be compacted by then must not stand in the segment that is written to.
    segmentMs: policies.includes("compact") ? leastOf(long("segment.ms"), maxLag) : long("segment.ms"),
    segmentJitterMs: long("segment.jitter.ms"),
    fileDeleteDelayMs: Number(long("file.delete.delay.ms")),
    deleteRetentionMs: long("delete.retention.ms"),
    minCompactionLagMs: minLag,
    maxCompactionLagMs: maxLag,
    minCleanableRatio: Number(values.get("min.cleanable.dirty.ratio")),
    values,
  };
}

/** Throws KafkaError INVALID_CONFIG for settings that are sound each, and not together: asked when they are given. */
export function checkTogether({ minCompactionLagMs: min, maxCompactionLagMs: max }: TopicConfig): void {
  if (min > max) throw invalid(`min.compaction.lag.ms (${min}) is more than max.compaction.lag.ms (${max})`);
}

function leastOf(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function itemsOf(list: string): string[] {
  return list.trim() === "" ? [] : list.split(",").map((item) => item.trim());
}

/** Throws KafkaError INVALID_CONFIG for the first name that is no setting of a topic. */
export function checkSettingNames(names: Iterable<string>): void {
  for (const name of names) settingOf(topicSettings, name);
}

/** Every record synced by itself is what happens anyway, and better; only more than that is a relaxation. */
function lazyFlush(records: bigint, ms: bigint): LazyFlush | undefined {
  if (records === 1n || ms === 0n) return undefined;
  return records === LONG_MAX && ms === LONG_MAX ? undefined : { records, ms };
}

/** The value as it is written canonically. Throws KafkaError INVALID_CONFIG. */
export function checkedSetting(settings: readonly SettingDefinition[], name: string, given: string): string {
  const setting = settingOf(settings, name);
  const value = normalised(setting.type, given.trim());
  if (value === undefined) throw invalid(`${name}: "${shown(given)}" is not of type ${setting.type}`);
  const complaint = setting.check(value);
  if (complaint !== undefined) throw invalid(`${name}: ${shown(value)} ${complaint}`);
  return value;
}

/** Throws KafkaError INVALID_CONFIG for a name that is none of the settings. */
export function settingOf(settings: readonly SettingDefinition[], name: string): SettingDefinition {
  const setting = settings.find((candidate) => candidate.name === name);
  if (setting === undefined) throw invalid(`${shown(name)} is not a setting that is known here`);
  return setting;
}

/** The value as it is written canonically; undefined when it is not of the type. */
function normalised(type: SettingType, value: string): string | undefined {
  if (type === "boolean") return /^(true|false)$/i.test(value) ? value.toLowerCase() : undefined;
  if (type === "double") return /^-?\d{1,20}(\.\d{1,20})?$/.test(value) ? value : undefined;
  const bounds = TYPE_BOUNDS[type];
  if (bounds === undefined) return value;
  if (!/^[+-]?\d{1,20}$/.test(value)) return undefined;
  const number = BigInt(value.replace("+", ""));
  return number >= bounds[0] && number <= bounds[1] ? String(number) : undefined;
}

function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 100);
}

function invalid(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_CONFIG, message);
}

/** Broker settings of both kinds: this node's own, and the defaults of topics. */
export const allBrokerSettings: readonly SettingDefinition[] = [
  ...brokerSettings,
  ...coarserSettings,
  ...topicSettings.flatMap(({ brokerName, ...setting }) =>
    brokerName === undefined ? [] : [{ ...setting, name: brokerName }],
  ),
];
