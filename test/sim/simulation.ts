/** One seed, one history: builds the world, lets everybody act among faults, heals it, and has the history judged. */
import type { Cluster } from "../../log/cluster.ts";
import { check } from "./checker/check.ts";
import { Device } from "./browser/device.ts";
import { browserFaults } from "./browser/faults.ts";
import { installIndexedDb } from "./browser/indexed-db.ts";
import { diskFaults } from "./disk/disk-faults.ts";
import { SimDisk } from "./disk/sim-disk.ts";
import { Faults } from "./faults.ts";
import { GatewayNode } from "./gateway-node.ts";
import type {
  FinalGroup,
  FinalOutboxRecord,
  FinalPartition,
  FinalReader,
  FinalReplica,
  HistoryEvent,
} from "./history.ts";
import type { Keeping } from "./keeping.ts";
import { Random } from "./kernel/random.ts";
import { World } from "./kernel/world.ts";
import { tcpTransport } from "./network/client-side.ts";
import { LogStarts } from "./log-starts.ts";
import { Network, networkFaults } from "./network/network.ts";
import { describePlan, planOf, type Plan } from "./plan.ts";
import { actorsOf } from "./workload/actors.ts";
import type { Actor, Run } from "./workload.ts";
import { readPartitions } from "./read-partitions.ts";

export interface Outcome {
  readonly seed: number;
  /** Promises that were broken, in words; none: all is well. */
  readonly violations: readonly string[];
  /** What was exercised, and how often. */
  readonly counts: ReadonlyMap<string, number>;
  /** The same for the same history. */
  readonly digest: string;
  readonly events: number;
  readonly simulatedMs: number;
}

const START_MS = 60_000;
/** After healing, everybody must have come to an end within this time. */
const HEALING_MS = 1_800_000;
/** The gateway serves all of its partitions by then; where it does not, all others would only ask again and again. */
const SERVING_MS = 120_000;
const FINISH_MS = 120_000;
/** What is on its way when all is over, such as a request of a client that has given up, has arrived by then. */
const QUIET_MS = 60_000;

/** `tell` gets the story line by line. */
export async function simulate(seed: number, tell?: (line: string) => void): Promise<Outcome> {
  const world = new World(seed, tell);
  const uninstall = installIndexedDb(world);
  try {
    const ownStream = (name: string): Random => new Random(seed).fork(name);
    const plan = planOf(world.random.fork("plan"), ownStream("groups"), ownStream("keeping"));
    await new Simulation(world, plan).run();
  } catch (error) {
    world.trace.violation(
      `the run broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  } finally {
    uninstall();
  }
  const { trace } = world;
  return {
    seed,
    violations: trace.violations,
    counts: trace.counts,
    digest: trace.digest,
    events: world.events,
    simulatedMs: world.nowMs,
  };
}

class Simulation {
  private readonly world: World;
  private readonly plan: Plan;
  private readonly network: Network;
  private readonly disk: SimDisk;
  private readonly gateway: GatewayNode;
  private readonly devices: readonly Device[];
  private readonly faults: Faults;
  private readonly events: HistoryEvent[] = [];

  constructor(world: World, plan: Plan) {
    this.world = world;
    this.plan = plan;
    this.network = new Network(world, networkFaults(plan.network));
    this.disk = new SimDisk(world);
    const { network, disk } = this;
    const note = (event: HistoryEvent): void => void this.events.push(event);
    const starts = new LogStarts(world, note);
    const onServing = (cluster: Cluster): void => starts.watch(cluster);
    this.gateway = new GatewayNode({ world, network, disk, name: "gateway", config: plan.config, onServing });
    const { gateway } = this;
    const faults = browserFaults(plan.indexedDb);
    this.devices = plan.devices.map(({ name }) => new Device({ world, network, name, gateway, faults }));
    disk.onHappened = (kind) => {
      if (kind === "pages evicted") note({ kind: "writes lost", atMs: world.nowMs });
    };
    this.faults = new Faults({
      world,
      network,
      disk,
      gateway,
      devices: this.devices,
      times: plan.faults,
      note,
    });
  }

  async run(): Promise<void> {
    const { world, gateway, faults } = this;
    world.trace.say("plan", describePlan(this.plan));
    if (!(await world.settle(gateway.start(), START_MS, "the first start"))) throw gateway.lastFailure;
    // Whoever sets up a gateway has a disk that works.
    this.disk.faults = diskFaults(this.plan.disk);
    const actors = actorsOf(this.plan, this.workloadRun());
    for (const actor of actors) actor.start();
    faults.start();
    await world.runUntil(() => false, this.plan.activeMs);
    faults.heal();
    for (const actor of actors) actor.calm();
    const isOver = (): boolean => faults.isWell && actors.every((actor) => actor.waitsFor === undefined);
    let hasEnded =
      (await world.runUntil(() => faults.isWell, SERVING_MS)) && (await world.runUntil(isOver, HEALING_MS));
    if (hasEnded) {
      await world.runUntil(() => false, QUIET_MS);
      // What has arrived late is to be read as well.
      hasEnded = await world.runUntil(isOver, HEALING_MS);
    }
    // Of those who do not come to an end nobody knows what they hold; the logs may tell why they do not.
    await world.settle(this.judge(hasEnded ? actors : []), FINISH_MS, "reading what everybody holds");
    if (!hasEnded) this.tellWhoWaits(actors);
  }

  private workloadRun(): Run {
    const { world, network, gateway, devices, plan } = this;
    return {
      world,
      network,
      gateway,
      openKafka: (process) => tcpTransport(network, process, gateway.kafkaAddress),
      devices,
      topics: plan.topics,
      producerIdExpirationMs: plan.producerIdExpirationMs,
      random: world.random.fork("workload"),
      note: (event) => void this.events.push({ ...event, atMs: world.nowMs }),
    };
  }

  private tellWhoWaits(actors: readonly Actor[]): void {
    const { trace } = this.world;
    if (!this.faults.isWell)
      trace.violation("the gateway does not serve all of its partitions after everything was healed");
    for (const { name, waitsFor } of actors)
      if (waitsFor !== undefined)
        trace.violation(`${name} still waits after everything was healed: ${waitsFor}`);
  }

  private relaxedTopics(): ReadonlySet<string> {
    return new Set(this.plan.topics.filter((topic) => topic.isRelaxed).map((topic) => topic.name));
  }

  private keeping(): ReadonlyMap<string, Keeping> {
    return new Map(
      this.plan.topics.flatMap(({ name, keeping }) => (keeping === undefined ? [] : [[name, keeping]])),
    );
  }

  private async judge(actors: readonly Actor[]): Promise<void> {
    const replicas: FinalReplica[] = [];
    const outboxes: FinalOutboxRecord[] = [];
    const readers: FinalReader[] = [];
    const groups: FinalGroup[] = [];
    const { trace } = this.world;
    for (const actor of actors) await actor.finish({ replicas, outboxes, readers, groups });
    let isReadable = true;
    const partitions: FinalPartition[] = await readPartitions(this.gateway, (why) => {
      isReadable = false;
      trace.violation(`logs are whole: ${why}`);
    });
    const readMs = this.world.nowMs;
    if (!isReadable || this.gateway.cluster === undefined) return;
    const history = { events: this.events, partitions, replicas, outboxes, readers, groups };
    const settings = {
      relaxedTopics: this.relaxedTopics(),
      keeping: this.keeping(),
      readMs,
      hasEnded: actors.length > 0,
      count: (what: string) => trace.count(what),
    };
    for (const rule of check(history, settings)) trace.violation(rule);
  }
}
