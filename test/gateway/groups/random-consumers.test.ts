/** Many members that come, go, fall silent, miss answers and outlive the node: whatever happens, nobody reads what another reads. */
import { expect, test } from "vitest";
import { MemoryStore } from "../../../log/memory-store.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { seeded } from "../../sync/virtual-clock.ts";
import { calm, Consumer } from "./consumer-rig.ts";
import { GroupRig } from "./group-rig.ts";

const STEPS = 120;
const MEMBERS_MAX = 12;
const SUBSCRIPTIONS = [
  { topics: ["orders", "sales"] },
  { topics: ["orders"] },
  { topics: ["sales", "returns"], assignor: "range" },
  { topics: null, regex: "orders|r.*" },
];

class Walk {
  rig: GroupRig;
  readonly consumers: Consumer[] = [];
  /** Static members that have left for a while, by their instances. */
  readonly away: string[] = [];
  private readonly random: () => number;
  private readonly store: MemoryStore;
  private readonly isAlike: boolean;
  private joins = 0;
  readonly story: string[] = [];

  private constructor(rig: GroupRig, store: MemoryStore, seed: number) {
    this.rig = rig;
    this.store = store;
    this.random = seeded(seed);
    // Half of the walks are of groups in which all subscribe to the same.
    this.isAlike = seed % 2 === 0;
  }

  static async begin(seed: number): Promise<Walk> {
    const store = new MemoryStore();
    const rig = await GroupRig.open({ store });
    await rig.topic("orders", 7);
    await rig.topic("sales", 5);
    return new Walk(rig, store, seed);
  }

  async step(): Promise<void> {
    const dice = this.random();
    const one = this.consumers[this.below(this.consumers.length)];
    if (dice < 0.5 && one !== undefined) return this.beat(one);
    if (dice < 0.65 && this.consumers.length < MEMBERS_MAX) return this.join();
    if (dice < 0.7 && one !== undefined) return this.loseAnswer(one);
    if (dice < 0.75 && one !== undefined) return this.leave(one);
    if (dice < 0.79 && one !== undefined) return this.die(one);
    if (dice < 0.83) return this.changeTopics();
    if (dice < 0.86) return this.kill();
    if (dice < 0.88 && one !== undefined) return this.beat(one, SUBSCRIPTIONS[this.subscription()]);
    await this.rig.clock.pass(100 + this.below(4000));
    // Nobody else falls silent.
    for (const each of this.consumers) await this.beat(each);
  }

  /** What two members have, or `undefined`. */
  doubled(): string | undefined {
    const owners = new Map<string, string>();
    for (const { memberId, owned } of this.consumers)
      for (const each of owned) {
        const other = owners.get(each);
        if (other !== undefined) return `${each} is read by ${other} and ${memberId}`;
        owners.set(each, memberId);
      }
    const group = this.rig.coordinator.describe("g");
    if (group?.kind !== "consumer") return undefined;
    const kept = new Map<string, string>();
    for (const { memberId, assigned, revoking } of group.members.values())
      for (const [topicId, partitions] of [...assigned, ...revoking])
        for (const partition of partitions.keys()) {
          const each = `${topicId}/${partition}`;
          const other = kept.get(each);
          if (other !== undefined) return `${each} is kept as ${other}'s and ${memberId}'s`;
          kept.set(each, memberId);
          if (group.ownerOf(topicId, partition) !== memberId) return `${each} is not known as ${memberId}'s`;
        }
    return undefined;
  }

  /** Time passes until sessions of those that are gone have ended, and all are told what they are to have. */
  async calm(): Promise<void> {
    for (let n = 0; n < 12; n++) {
      await this.rig.clock.pass(5000);
      for (const each of this.consumers) await this.beat(each);
    }
    await calm(this.rig, ...this.consumers);
  }

  /** Of each topic that is there and that somebody subscribes to, every partition. */
  wanted(): string[] {
    const group = this.rig.coordinator.describe("g");
    if (group?.kind !== "consumer" || group.isEmpty) return [];
    return [...group.subscribedTopics()].flatMap((name) => {
      const topic = this.rig.cluster.topic(name);
      return (topic?.partitions ?? []).map((_, partition) => `${topic?.id}/${partition}`);
    });
  }

  get hasOneSubscription(): boolean {
    return this.isAlike;
  }

  private async join(): Promise<void> {
    const back = this.below(2) === 0 ? this.away.pop() : undefined;
    const instanceId = back ?? (this.below(3) === 0 ? `i${this.joins}` : null);
    const said = { instanceId, ...SUBSCRIPTIONS[this.subscription()] };
    const consumer = new Consumer(this.rig, "g", `m${this.joins++}`, said);
    this.story.push(`${consumer.memberId} joins${back === undefined ? "" : ` as ${back}`}`);
    // An instance that died, and did not leave, keeps its place for as long as its session lasts.
    if ((await consumer.join()) === ErrorCode.NONE) this.consumers.push(consumer);
  }

  private async beat(consumer: Consumer, spoken = {}): Promise<void> {
    const code = await consumer.beat(spoken);
    this.story.push(`${consumer.memberId} beats: ${code}, epoch ${consumer.epoch}, ${consumer.owned.size}`);
    if (code === ErrorCode.NONE) return;
    // It is out, and begins anew.
    consumer.owned = new Set();
    if ((await consumer.join()) !== ErrorCode.NONE) this.remove(consumer);
  }

  private async loseAnswer(consumer: Consumer): Promise<void> {
    this.story.push(`${consumer.memberId} misses an answer`);
    const isAll = this.below(2) === 0;
    const request = consumer.request();
    await consumer.send(isAll ? request : { ...request, topics: null, regex: null, owned: null }, false);
    // It says everything again, as clients do after an error.
    if ((await consumer.send(consumer.request())) !== ErrorCode.NONE) await this.beat(consumer);
  }

  private async leave(consumer: Consumer): Promise<void> {
    const isForAWhile = consumer.instanceId !== null && this.below(2) === 0;
    this.story.push(`${consumer.memberId} leaves${isForAWhile ? " for a while" : ""}`);
    await consumer.leave(isForAWhile ? -2 : -1);
    if (isForAWhile && consumer.instanceId !== null) this.away.push(consumer.instanceId);
    this.remove(consumer);
  }

  private die(consumer: Consumer): Promise<void> {
    this.story.push(`${consumer.memberId} dies`);
    consumer.owned = new Set();
    this.remove(consumer);
    return Promise.resolve();
  }

  private async changeTopics(): Promise<void> {
    const { cluster, clock } = this.rig;
    const name = ["orders", "sales", "returns"][this.below(3)] ?? "orders";
    const topic = cluster.topic(name);
    if (topic === undefined) {
      this.story.push(`${name} is made`);
      await this.rig.topic(name, 1 + this.below(6));
    } else if (topic.partitions.length < 12) {
      this.story.push(`${name} grows`);
      await clock.until(cluster.createPartitions(name, topic.partitions.length + 1 + this.below(3)));
    } else {
      this.story.push(`${name} is deleted`);
      await clock.until(cluster.deleteTopic(topic.id));
      // Nobody can read what is gone.
      for (const { owned } of this.consumers)
        for (const each of owned) if (each.startsWith(topic.id)) owned.delete(each);
    }
  }

  /** What is in memory is lost; the store stays. */
  private async kill(): Promise<void> {
    this.story.push("the node is started anew");
    await this.rig.close();
    this.rig = await GroupRig.open({ store: this.store });
    for (const each of this.consumers) each.moveTo(this.rig);
  }

  private remove(consumer: Consumer): void {
    this.consumers.splice(this.consumers.indexOf(consumer), 1);
  }

  private subscription(): number {
    return this.isAlike ? 0 : this.below(SUBSCRIPTIONS.length);
  }

  private below(bound: number): number {
    return Math.floor(this.random() * bound);
  }
}

const given = process.env.RIVULET_GROUPS_SEED;
const seeds =
  given === undefined ? [1, 2, 3, 4, Math.floor(Math.random() * 2 ** 31)] : given.split(",").map(Number);

test.each(seeds)(
  "members of a group share its partitions, whatever happens: RIVULET_GROUPS_SEED=%i",
  async (seed) => {
    const walk = await Walk.begin(seed);
    const told = (): string => walk.story.slice(-40).join("\n");
    for (let step = 0; step < STEPS; step++) {
      await walk.step();
      expect(walk.doubled(), told()).toBeUndefined();
      if (step % 30 !== 29) continue;
      await walk.calm();
      expect(walk.doubled(), told()).toBeUndefined();
      const owned = walk.consumers.flatMap((each) => [...each.owned]);
      expect(owned.toSorted(), told()).toEqual(walk.wanted().toSorted());
      const sizes = walk.consumers.map((each) => each.owned.size);
      if (walk.hasOneSubscription && sizes.length > 0)
        expect(Math.max(...sizes) - Math.min(...sizes), told()).toBeLessThan(2);
    }
    await walk.rig.close();
  },
  120_000,
);
