/**
 * What members of groups cost the gateway: CPU time of a heartbeat in a settled group of either protocol, over TCP, and the time
 * that assigning many partitions to many members takes, which the gateway does for groups of the new one (KIP-848).
 */
import { ASSIGNORS, type Subscriber } from "../gateway/coordinator/assignor.ts";
import type { Target } from "../gateway/coordinator/partition-sets.ts";
import { consumerGroupHeartbeat } from "../wire/apis/consumer-group-heartbeat.ts";
import { heartbeat } from "../wire/apis/heartbeat.ts";
import { joinGroup } from "../wire/apis/join-group.ts";
import { syncGroup } from "../wire/apis/sync-group.ts";
import type { BenchSettings, Mode } from "./bench.ts";
import { startChecksum } from "./checksum.ts";
import { withCleanup, type Defer } from "./cleanup.ts";
import { startGateway } from "./gateway-process.ts";
import { interleave, type Contender, type Result, type Sample } from "./harness.ts";
import { openKafkaClient, type KafkaClient } from "./kafka-client.ts";
import { cpuTimeMs } from "./machine.ts";
import type { BenchReport } from "./report.ts";

const CPU = "server CPU µs/heartbeat";
const RATE = "heartbeats/s";
const TIME = "ms";
const IN_FLIGHT = 100;

interface Size {
  readonly members: number;
  readonly heartbeats: number;
  readonly partitions: number;
  readonly rounds: number;
  readonly warmups: number;
}

const sizes: Readonly<Record<Mode, Size>> = {
  full: { members: 100, heartbeats: 20_000, partitions: 2000, rounds: 7, warmups: 2 },
  small: { members: 10, heartbeats: 100, partitions: 40, rounds: 1, warmups: 0 },
};

export function consumerGroupsBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => measure(settings, defer));
}

async function measure(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const size = sizes[settings.mode];
  const hash = startChecksum();
  const heartbeats = await measureHeartbeats(settings, size, defer);
  const assigning = await measureAssigning(size, (target) => hash.add(target));
  const { members, partitions } = size;
  return {
    name: "consumer groups",
    tables: [
      {
        title: "heartbeats",
        metrics: [CPU, RATE],
        ratioTo: CLASSIC,
        cases: [{ name: `${members} members`, results: heartbeats }],
      },
      {
        title: "assigning",
        metrics: [TIME],
        ratioTo: FROM_NOTHING,
        cases: [{ name: `${partitions} partitions of 4 topics, ${members} members`, results: assigning }],
      },
    ],
    aims: [],
    notes: [],
    counts: { members, partitions },
    hash: hash.digest(),
  };
}

const CLASSIC = "classic";
const CONSUMER = "consumer (KIP-848)";

async function measureHeartbeats(
  settings: BenchSettings,
  { members, heartbeats, rounds, warmups }: Size,
  defer: Defer,
): Promise<Result[]> {
  const gateway = await startGateway(settings, ["--config", "group.consumer.assignment.interval.ms=0"]);
  defer(() => gateway.stop());
  const client = await openKafkaClient(gateway.kafkaPort, (reason) => {
    throw new Error(reason);
  });
  defer(() => client.close());
  const contender = (name: string, beat: (member: number) => Promise<number>): Contender => ({
    name,
    round: async (): Promise<Sample> => {
      const cpuBefore = cpuTimeMs(gateway.pid);
      const begun = performance.now();
      for (let sent = 0; sent < heartbeats; sent += IN_FLIGHT) {
        const codes = await Promise.all(
          Array.from({ length: IN_FLIGHT }, (_, index) => beat((sent + index) % members)),
        );
        const failure = codes.find((code) => code !== 0);
        if (failure !== undefined) throw new Error(`a heartbeat was answered with error ${failure}`);
      }
      const seconds = (performance.now() - begun) / 1000;
      const cpuAfter = cpuTimeMs(gateway.pid);
      const cpu =
        cpuBefore === undefined || cpuAfter === undefined
          ? {}
          : { [CPU]: ((cpuAfter - cpuBefore) * 1000) / heartbeats };
      return { [RATE]: heartbeats / seconds, ...cpu };
    },
  });
  const classic = await classicGroups(client, members);
  const consumers = await consumerGroup(client, members);
  return interleave([contender(CLASSIC, classic), contender(CONSUMER, consumers)], { rounds, warmups });
}

/**
 * Joins members of classic groups, each its own: a join waits for the others, and nothing of its connection passes it. Answers how
 * one of them says that it is there.
 */
async function classicGroups(
  client: KafkaClient,
  members: number,
): Promise<(member: number) => Promise<number>> {
  const joined: { groupId: string; memberId: string; generationId: number }[] = [];
  for (let n = 0; n < members; n++) {
    const groupId = `classic-${n}`;
    const { memberId, generationId } = await client.request(joinGroup, 3, {
      groupId,
      sessionTimeoutMs: 300_000,
      rebalanceTimeoutMs: 300_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array(0) }],
    });
    await client.request(syncGroup, 3, { groupId, generationId, memberId, assignments: [] });
    joined.push({ groupId, memberId, generationId });
  }
  return async (member) => {
    const { groupId, memberId, generationId } = joined[member] ?? {
      groupId: "",
      memberId: "",
      generationId: -1,
    };
    return (await client.request(heartbeat, 4, { groupId, generationId, memberId })).errorCode;
  };
}

/** Joins members of one consumer group. Answers the same. */
async function consumerGroup(
  client: KafkaClient,
  members: number,
): Promise<(member: number) => Promise<number>> {
  const groupId = "consumers";
  const epochs = Array.from({ length: members }, () => 0);
  const send = async (member: number): Promise<number> => {
    const isNew = epochs[member] === 0;
    const answer = await client.request(consumerGroupHeartbeat, 1, {
      groupId,
      memberId: `member-${member}`,
      memberEpoch: epochs[member] ?? 0,
      rebalanceTimeoutMs: isNew ? 300_000 : -1,
      subscribedTopicNames: isNew ? ["nowhere"] : null,
      topicPartitions: isNew ? [] : null,
    });
    epochs[member] = answer.memberEpoch;
    return answer.errorCode;
  };
  for (let round = 0; round < 2; round++) for (let member = 0; member < members; member++) await send(member);
  return send;
}

const FROM_NOTHING = "uniform, from nothing";

async function measureAssigning(
  { members, partitions, rounds, warmups }: Size,
  tell: (target: string) => void,
): Promise<Result[]> {
  const topics = ["a", "b", "c", "d"];
  const group = (count: number, targets: ReadonlyMap<string, Target>): Subscriber[] =>
    Array.from({ length: count }, (_, index) => {
      const memberId = `member-${index}`;
      return { memberId, instanceId: null, topics, target: targets.get(memberId) ?? new Map() };
    });
  const assign = (name: string, subscribers: readonly Subscriber[]): Map<string, Target> =>
    ASSIGNORS.get(name)?.(subscribers, () => partitions / topics.length) ?? new Map<string, Target>();
  const before = assign("uniform", group(members, new Map()));
  const contender = (name: string, assignor: string, subscribers: readonly Subscriber[]): Contender => {
    const targets = assign(assignor, subscribers);
    for (const [memberId, target] of targets) tell(`${memberId}: ${JSON.stringify([...target])}`);
    return {
      name,
      round: (): Sample => {
        const begun = performance.now();
        for (let n = 0; n < 10; n++) assign(assignor, subscribers);
        return { [TIME]: (performance.now() - begun) / 10 };
      },
    };
  };
  return interleave(
    [
      contender(FROM_NOTHING, "uniform", group(members, new Map())),
      contender("uniform, one more member", "uniform", group(members + 1, before)),
      contender("range", "range", group(members, new Map())),
    ],
    { rounds, warmups },
  );
}
