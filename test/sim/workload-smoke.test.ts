/** The simulator's actors on a real gateway in the simulated world: all of them get on, and come to their ends. */
import { describe, expect, it } from "vitest";
import { Device } from "./browser/device.ts";
import { calmBrowser } from "./browser/faults.ts";
import { installIndexedDb } from "./browser/indexed-db.ts";
import { diskFaults } from "./disk/disk-faults.ts";
import { SimDisk } from "./disk/sim-disk.ts";
import { GatewayNode } from "./gateway-node.ts";
import type { FinalGroup, FinalOutboxRecord, FinalReader, FinalReplica, HistoryEvent } from "./history.ts";
import { World } from "./kernel/world.ts";
import { tcpTransport } from "./network/client-side.ts";
import { Network, quiet } from "./network/network.ts";
import type { GroupPlan } from "./plan.ts";
import { readPartitions } from "./read-partitions.ts";
import type { Actor, Run, WorkloadTopic } from "./workload.ts";
import { KafkaConsumer } from "./workload/kafka-consumer.ts";
import { KafkaGroup } from "./workload/kafka-group.ts";
import { KafkaProducer } from "./workload/kafka-producer.ts";
import { Retention } from "./workload/retention.ts";
import { SdkPublisher } from "./workload/sdk-publisher.ts";
import { SdkReplica } from "./workload/sdk-replica.ts";
import { SdkSubscriber } from "./workload/sdk-subscriber.ts";
import { SdkTabs } from "./workload/sdk-tabs.ts";
import { SentTap } from "./workload/sent-tap.ts";
import { TopicOwner } from "./workload/topic-owner.ts";

const ACTIVE_MS = 15_000;
/** A subscription that nobody tells looks for new partitions every five minutes. */
const ENDING_MS = 700_000;

const topic: WorkloadTopic = {
  name: "orders",
  partitions: 2,
  configs: new Map([["segment.bytes", "4096"]]),
  isRelaxed: false,
};

const group: GroupPlan = {
  groupId: "group-1",
  protocol: "classic",
  topics: [topic.name],
  dynamicMembers: 2,
  staticMembers: 1,
  sessionTimeoutMs: 6000,
  rebalanceTimeoutMs: 3000,
  troubleMeanMs: 2000,
};

interface Ending {
  readonly events: readonly HistoryEvent[];
  readonly readers: readonly FinalReader[];
  readonly replicas: readonly FinalReplica[];
  readonly outboxes: readonly FinalOutboxRecord[];
  readonly groups: readonly FinalGroup[];
  /** Ids of the records in the log, in the order of their offsets, by `<topic id>/<partition>`. */
  readonly logs: ReadonlyMap<string, readonly string[]>;
  readonly waiting: readonly string[];
  readonly violations: readonly string[];
}

type Happening = (gateway: GatewayNode, network: Network, world: World) => void;

/** Lets actors act while `happening` comes back every other second, then until they wait for nothing. */
async function act(seed: number, actorsOf: (run: Run) => Actor[], happening?: Happening): Promise<Ending> {
  const world = new World(seed);
  const uninstall = installIndexedDb(world);
  try {
    const network = new Network(world, quiet);
    const gateway = new GatewayNode({
      world,
      network,
      disk: new SimDisk(world, diskFaults(0)),
      name: "gateway",
    });
    const device = new Device({ world, network, name: "device-1", gateway, faults: calmBrowser });
    const events: HistoryEvent[] = [];
    const run: Run = {
      world,
      network,
      gateway,
      openKafka: (process) => tcpTransport(network, process, gateway.kafkaAddress),
      devices: [device],
      topics: [topic],
      random: world.random.fork("workload"),
      note: (event) => void events.push({ ...event, atMs: world.nowMs }),
    };
    await world.settle(gateway.start(), 10_000, "the start");
    const actors = actorsOf(run);
    for (const actor of actors) actor.start();
    for (let passedMs = 0; passedMs < ACTIVE_MS; passedMs += 2000) {
      await world.runUntil(() => false, 2000);
      happening?.(gateway, network, world);
    }
    await world.runUntil(() => gateway.isServing || gateway.process === undefined, 10_000);
    if (!gateway.isServing) await world.settle(gateway.start(), 10_000, "the last start");
    for (const actor of actors) actor.calm();
    const waiting = (): string[] =>
      actors.flatMap(({ name, waitsFor }) => (waitsFor === undefined ? [] : [`${name}: ${waitsFor}`]));
    await world.runUntil(() => waiting().length === 0, ENDING_MS);
    const final = { readers: [], replicas: [], outboxes: [], groups: [] } as {
      readers: FinalReader[];
      replicas: FinalReplica[];
      outboxes: FinalOutboxRecord[];
      groups: FinalGroup[];
    };
    const still = waiting();
    if (still.length === 0)
      await world.settle(Promise.all(actors.map((actor) => actor.finish(final))), 60_000, "the ends");
    const partitions =
      (await world.settle(
        readPartitions(gateway, (why) => world.trace.violation(why)),
        60_000,
        "the logs",
      )) ?? [];
    const logs = new Map(
      partitions.map(({ topicId, partition, records }) => [
        `${topicId}/${partition}`,
        records.map(({ id }) => id),
      ]),
    );
    const { violations } = world.trace;
    return { events, ...final, logs, waiting: still, violations };
  } finally {
    uninstall();
  }
}

function owner(run: Run, isDeleted = false): TopicOwner {
  return new TopicOwner(run, "owner", {
    deletable: new Set(isDeleted ? [topic.name] : []),
    deletionMeanMs: 4000,
    growthMeanMs: 5000,
  });
}

function foreignClients(run: Run): Actor[] {
  return [
    owner(run),
    new KafkaProducer(run, "kafka-1", { acks: -1, isIdempotent: true, pauseMsMax: 500 }),
    new KafkaConsumer(run, "consumer-1", { topics: [topic.name], from: "earliest" }),
  ];
}

function apps(run: Run): Actor[] {
  const tap = new SentTap(run);
  const device = run.devices[0]!;
  const tabs = new SdkTabs(run, device, "alice", { tabs: 2, closeMeanMs: 6000, offlineMeanMs: 6000 });
  return [
    tap,
    owner(run),
    tabs,
    new SdkPublisher(run, tabs, tap, { pauseMsMax: 1000, decideMeanMs: 4000 }),
    new SdkSubscriber(run, tabs, { topic: topic.name, label: "subscriber", rate: 0.7 }),
    new SdkReplica(run, tabs, { topic: topic.name, rate: 0.7, followRate: 0.7 }),
  ];
}

const cutsAndKills: Happening = (gateway, network, world) => {
  const what = world.random.below(4);
  if (gateway.process === undefined) void gateway.start();
  else if (what === 0) gateway.kill();
  else if (what === 1) gateway.losePower();
  else if (what === 2) network.cutAll();
};

function idsOf(
  events: readonly HistoryEvent[],
  kind: "publish" | "acknowledged" | "unknown" | "queued",
): Set<string> {
  return new Set(events.flatMap((event) => (event.kind === kind ? [event.id] : [])));
}

/** Every record that was acknowledged stands where it was said, once; every reader got the log's records in order. */
function expectWhole({ events, logs, waiting, violations }: Ending): void {
  expect(waiting).toEqual([]);
  expect(violations).toEqual([]);
  const acknowledged = events.filter((event) => event.kind === "acknowledged");
  expect(acknowledged.length).toBeGreaterThan(20);
  for (const { topicId, partition, offset, id } of acknowledged)
    expect(logs.get(`${topicId}/${partition}`)?.[Number(offset)], id).toBe(id);
  const all = [...logs.values()].flat();
  expect(new Set(all).size).toBe(all.length);
  const reads = events.filter((event) => event.kind === "read");
  expect(reads.length).toBeGreaterThan(20);
  for (const { topicId, partition, offset, id } of reads)
    expect(logs.get(`${topicId}/${partition}`)?.[Number(offset)]).toBe(id);
}

describe("the simulator's actors", () => {
  it("foreign clients bring everything into the log and read all of it", async () => {
    for (const seed of [1, 2, 3]) {
      const ending = await act(seed, foreignClients);
      expectWhole(ending);
      expect(idsOf(ending.events, "unknown").size, `seed ${seed}`).toBe(0);
      expect(idsOf(ending.events, "acknowledged")).toEqual(idsOf(ending.events, "publish"));
      for (const { topicId, partition, next } of ending.readers)
        expect(Number(next)).toBe(ending.logs.get(`${topicId}/${partition}`)?.length);
    }
  });

  it("foreign clients get through cuts, kills and power loss", async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) expectWhole(await act(seed, foreignClients, cutsAndKills));
  });

  it("apps publish, subscribe and replicate", async () => {
    for (const seed of [1, 2, 3]) {
      const ending = await act(seed, apps);
      expectWhole(ending);
      expect(ending.outboxes).toEqual([]);
      for (const { topicId, partition, records } of ending.replicas)
        expect(records.map(({ id }) => id)).toEqual(ending.logs.get(`${topicId}/${partition}`));
    }
  });

  it("apps get through cuts, kills and power loss", async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) expectWhole(await act(seed, apps, cutsAndKills));
  });

  it("members of a group share what there is, commit it all, and come back from kills, freezes and power loss", async () => {
    let generations = 0;
    for (const seed of [1, 2, 3, 4]) {
      const ending = await act(
        seed,
        (run) => [...foreignClients(run), new KafkaGroup(run, group)],
        cutsAndKills,
      );
      expectWhole(ending);
      const { topicId } = ending.readers[0]!;
      const [final] = ending.groups;
      for (const [key, records] of ending.logs) {
        const partition = Number(key.split("/")[1]);
        const read = ending.events.filter(
          (event) =>
            event.kind === "read" && event.reader.startsWith("group") && event.partition === partition,
        );
        expect(new Set(read.map((event) => (event.kind === "read" ? event.id : "")))).toEqual(
          new Set(records),
        );
        const told = ending.events.findLast(
          (event) => event.kind === "committed told" && event.partition === partition,
        );
        expect(told).toMatchObject({ topicId, offset: BigInt(records.length) });
        const owners = final?.members.filter(({ partitions }) =>
          partitions.some((each) => each.partition === partition),
        );
        expect(owners).toHaveLength(1);
      }
      for (const event of ending.events)
        if (event.kind === "assigned") generations = Math.max(generations, event.generation);
    }
    expect(generations).toBeGreaterThan(3);
  });

  it("come to their ends where topics are deleted and made again", async () => {
    let deleted = 0;
    for (const seed of [1, 2, 3, 4]) {
      const ending = await act(
        seed,
        (run) => [
          owner(run, true),
          ...foreignClients(run).slice(1),
          ...apps(run).filter((actor) => !(actor instanceof TopicOwner)),
        ],
        cutsAndKills,
      );
      expect(ending.waiting, `seed ${seed}`).toEqual([]);
      expect(ending.violations, `seed ${seed}`).toEqual([]);
      deleted += ending.events.filter(({ kind }) => kind === "topic deleted").length;
    }
    expect(deleted).toBeGreaterThan(0);
  });

  it("come to their ends where log starts are moved, and readers are told what is gone", async () => {
    for (const seed of [1, 2, 3, 4]) {
      const ending = await act(
        seed,
        (run) => [
          ...foreignClients(run),
          ...apps(run).filter((actor) => !(actor instanceof TopicOwner)),
          new Retention(run, "retention", { topics: [topic.name], meanMs: 1000 }),
        ],
        cutsAndKills,
      );
      expect(ending.waiting, `seed ${seed}`).toEqual([]);
      expect(ending.violations, `seed ${seed}`).toEqual([]);
      expect(ending.events.some(({ kind }) => kind === "retention")).toBe(true);
    }
  });
});
