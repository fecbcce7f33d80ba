/**
 * What one seed runs: how many of whom, on what, and which faults. Not every run has every fault: many bugs show only where
 * something else does not happen (swarm testing).
 */
import type { FaultKind, FaultTimes } from "./faults.ts";
import { keepingOf, keepingSettings } from "./keeping.ts";
import type { Random } from "./kernel/random.ts";
import type { WorkloadTopic } from "./workload.ts";

export interface DevicePlan {
  readonly name: string;
  readonly principals: readonly string[];
  readonly tabsPerPrincipal: number;
}

/** Consumers that divide topics among themselves. */
export interface GroupPlan {
  readonly groupId: string;
  /** Kafka's `group.protocol`: the members divide, or the node does (KIP-848). */
  readonly protocol: "classic" | "consumer";
  readonly topics: readonly string[];
  readonly dynamicMembers: number;
  /** They come back under their own names (KIP-345). */
  readonly staticMembers: number;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Mean time between two things that happen to its members; undefined: nothing does. */
  readonly troubleMeanMs: number | undefined;
}

export interface Plan {
  /** How long the workload runs among faults. */
  readonly activeMs: number;
  readonly topics: readonly WorkloadTopic[];
  /** Settings of the gateway, by Kafka's names. */
  readonly config: ReadonlyMap<string, string>;
  readonly devices: readonly DevicePlan[];
  readonly kafkaProducers: number;
  readonly kafkaConsumers: number;
  readonly groups: readonly GroupPlan[];
  readonly deletesTopics: boolean;
  readonly movesLogStarts: boolean;
  readonly faults: FaultTimes;
  /** `producer.id.expiration.ms` of the gateway, as its clients know it; undefined: Kafka's day. */
  readonly producerIdExpirationMs: number | undefined;
  /** How bad the disk, the network and IndexedDB are, 0 to 1, besides what happens to them on purpose. */
  readonly disk: number;
  readonly network: number;
  readonly indexedDb: number;
}

const MEAN_MS: Readonly<Record<Exclude<FaultKind, "die while compacting">, number>> = {
  "kill gateway": 6000,
  "power loss": 5000,
  "restart gateway": 9000,
  "flip bit": 8000,
  "disk full": 9000,
  "disk stands still": 6000,
  "connections break": 5000,
  "device offline": 6000,
  "crash tab": 5000,
  "freeze tab": 8000,
  "wipe device": 15_000,
  "delete database": 15_000,
  "device loses power": 10_000,
  "clock jump": 8000,
};

const FORGOTTEN_AFTER_MS = 8000;
/** Chance that a seed's logs do not keep everything. */
const KEEPING_RATE = 0.35;

/**
 * `groupRandom` and `keepingRandom` are streams of their own: a seed without groups, or in which logs keep everything, is the
 * history that it was before there was anything else.
 */
export function planOf(random: Random, groupRandom: Random, keepingRandom: Random): Plan {
  const devices = Array.from({ length: random.between(0, 2) }, (_, at): DevicePlan => {
    const principals = random.chance(0.25) ? ["alice", "bob"] : ["alice"];
    return { name: `device-${at + 1}`, principals, tabsPerPrincipal: random.between(1, 3) };
  });
  const faults: FaultTimes = {};
  for (const [kind, meanMs] of Object.entries(MEAN_MS) as [keyof typeof MEAN_MS, number][]) {
    // That nothing is lost with the power is what most of the log is for.
    if (random.chance(kind === "power loss" ? 0.5 : 0.35)) faults[kind] = meanMs * (0.5 + random.next());
  }
  // On a full disk nothing can be noted of what was synced before: a bit that flips in it then looks like a torn write.
  if (faults["disk full"] !== undefined) delete faults["flip bit"];
  const forgets = devices.length > 0 && random.chance(0.15);
  if (forgets) makeForgetful(faults);
  // Silent producers are forgotten when a segment is full.
  const segmentBytes = forgets ? [2048] : [2048, 8192, 65_536];
  const topics = ["orders", "drafts"]
    .slice(0, random.between(1, 2))
    .map((name) => topicOf(name, segmentBytes, random));
  // Only then can a topic be set back that counts written as synced.
  if (topics.some(({ isRelaxed }) => isRelaxed) && random.chance(0.6))
    faults["power loss"] ??= MEAN_MS["power loss"];
  const groups = groupsOf(
    topics.map(({ name }) => name),
    groupRandom,
  );
  // What a group was told too early is only found out then.
  if (groups.length > 0 && groupRandom.chance(0.6)) faults["power loss"] ??= MEAN_MS["power loss"];
  const howBad = (): number => (random.chance(0.5) ? 0 : random.next());
  const keepsAll = forgets || !keepingRandom.chance(KEEPING_RATE);
  const hasDevices = devices.length > 0;
  const keeping = keepsAll ? topics : topics.map((topic) => kept(topic, keepingRandom, hasDevices));
  if (keeping.some((topic) => topic.keeping?.compaction !== undefined) && keepingRandom.chance(0.7))
    faults["die while compacting"] = 700 + 2300 * keepingRandom.next();
  return {
    activeMs: random.between(3000, 14_000),
    topics: keeping,
    config: new Map([
      ...(keepsAll ? [] : keepingSettings(keepingRandom)),
      ["log.index.interval.bytes", String(random.pick([0, 512, 4096]))],
      ...(forgets ? [["producer.id.expiration.ms", String(FORGOTTEN_AFTER_MS)] as const] : []),
      ...(groups.length > 0 ? groupSettings(groupRandom) : []),
    ]),
    devices,
    kafkaProducers: random.between(devices.length === 0 || forgets ? 1 : 0, 2),
    kafkaConsumers: random.between(devices.length === 0 ? 1 : 0, 2),
    groups,
    deletesTopics: random.chance(0.3),
    movesLogStarts: random.chance(0.3),
    faults,
    producerIdExpirationMs: forgets ? FORGOTTEN_AFTER_MS : undefined,
    disk: forgets ? 0 : howBad(),
    network: forgets ? 0 : howBad(),
    indexedDb: howBad(),
  };
}

/**
 * The log forgets silent producers within seconds, not within a day: then nothing else may last as long as half of that, but
 * the absences that are wanted.
 */
function makeForgetful(faults: FaultTimes): void {
  delete faults["clock jump"];
  faults["device offline"] ??= MEAN_MS["device offline"];
  faults["freeze tab"] ??= MEAN_MS["freeze tab"];
  faults["connections break"] ??= MEAN_MS["connections break"];
}

/** Most seeds have none: heartbeats are most of what a calm run would do. */
function groupsOf(topics: readonly string[], random: Random): GroupPlan[] {
  const protocol = random.chance(0.35) ? "classic" : random.chance(0.15) ? "consumer" : undefined;
  if (protocol === undefined) return [];
  return Array.from({ length: random.chance(0.15) ? 2 : 1 }, (_, at): GroupPlan => {
    const members = random.between(1, 3);
    const staticMembers = random.chance(0.4) ? random.between(1, members) : 0;
    return {
      groupId: `group-${at + 1}`,
      protocol,
      topics: random.chance(0.5) ? topics : [random.pick(topics)],
      dynamicMembers: members - staticMembers,
      staticMembers,
      sessionTimeoutMs: protocol === "consumer" ? CONSUMER_SESSION_MS : random.pick([2000, 4000, 6000]),
      rebalanceTimeoutMs: random.pick([1500, 4000]),
      troubleMeanMs: random.chance(0.8) ? random.between(1000, 5000) : undefined,
    };
  });
}

/** A setting of the node, not of its members. */
const CONSUMER_SESSION_MS = 4000;

function groupSettings(random: Random): (readonly [string, string])[] {
  return [
    ["group.min.session.timeout.ms", "1000"],
    ["group.consumer.min.session.timeout.ms", String(CONSUMER_SESSION_MS)],
    ["group.consumer.session.timeout.ms", String(CONSUMER_SESSION_MS)],
    ["group.consumer.min.heartbeat.interval.ms", "500"],
    ["group.consumer.heartbeat.interval.ms", "500"],
    ["group.initial.rebalance.delay.ms", String(random.pick([0, 0, 300]))],
    ["offsets.topic.num.partitions", String(random.between(1, 2))],
    ["offsets.topic.segment.bytes", String(random.pick([2048, 16_384, 100 * 1024 ** 2]))],
  ];
}

function topicOf(name: string, segmentBytes: readonly number[], random: Random): WorkloadTopic {
  const configs = new Map([["segment.bytes", String(random.pick(segmentBytes))]]);
  const isRelaxed = random.chance(0.25);
  if (isRelaxed) {
    if (random.chance(0.5)) configs.set("flush.ms", String(random.pick([1000, 10_000])));
    else configs.set("flush.messages", String(random.pick([10, 1000])));
  }
  return { name, partitions: random.between(1, 3), configs, isRelaxed };
}

/** The topic with what its log does not keep, if there is anything. */
function kept(topic: WorkloadTopic, random: Random, hasDevices: boolean): WorkloadTopic {
  const keeping = keepingOf(random, { hasDevices });
  if (keeping === undefined) return topic;
  // What compaction may take, and what a loss of power may, would not be told apart.
  const isRelaxed = topic.isRelaxed && keeping.compaction === undefined;
  const configs = new Map([...(isRelaxed ? topic.configs : []), ...keeping.configs]);
  return { ...topic, configs, isRelaxed, keeping };
}

/** One line for the story. */
export function describePlan(plan: Plan): string {
  const { activeMs, topics, devices, kafkaProducers, kafkaConsumers, disk, network, indexedDb } = plan;
  const settings = topics.map(({ name, partitions, configs }) => {
    const own = Array.from(configs, ([key, value]) => `${key}=${value}`);
    return `${name} (${partitions} partitions, ${own.join(", ")})`;
  });
  const owned = devices.map(
    ({ name, principals, tabsPerPrincipal }) =>
      `${name} (${principals.join(", ")}, ${tabsPerPrincipal} tabs each)`,
  );
  return [
    `${activeMs} ms`,
    ...settings,
    ...owned,
    `${kafkaProducers} Kafka producers, ${kafkaConsumers} consumers`,
    ...plan.groups.map(describeGroup),
    ...(plan.deletesTopics ? ["topics deleted"] : []),
    ...(plan.movesLogStarts ? ["log starts moved"] : []),
    ...(plan.producerIdExpirationMs === undefined ? [] : ["producers are forgotten soon"]),
    `disk ${disk.toFixed(2)} bad, network ${network.toFixed(2)}, IndexedDB ${indexedDb.toFixed(2)}`,
    `faults: ${Object.keys(plan.faults).join(", ") || "none"}`,
  ].join("; ");
}

function describeGroup({ groupId, topics, ...plan }: GroupPlan): string {
  const members = `${plan.dynamicMembers} dynamic and ${plan.staticMembers} static members`;
  return `${groupId} (${plan.protocol}): ${members} read ${topics.join(", ")}, sessions of ${plan.sessionTimeoutMs} ms`;
}
