/** Consumers that divide topics among themselves: they come and go, are killed and frozen, and come back under their own names. */
import type { GroupPlan } from "../plan.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, KafkaRun } from "../workload.ts";
import { ConsumerMemberLife } from "./consumer-member.ts";
import type { GroupLife } from "./group-life.ts";
import { MemberLife } from "./group-member.ts";
import { GroupOffsets } from "./group-offsets.ts";
import { KafkaClient, topicsNow } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { behind } from "./log-now.ts";
import { sleep } from "./waiting.ts";

/** One of its members, in one life after the other. */
interface Place {
  readonly name: string;
  readonly instanceId: string | null;
  life: GroupLife | undefined;
  lives: number;
  /** It was killed, and nobody starts it again: the others are to read what it has left. */
  isGone: boolean;
}

const FIRST_START_MS = [0, 2000] as const;
const AWAY_MS = [50, 5000] as const;
const FROZEN_MS = [100, 12_000] as const;
/** Whoever was replaced while it was frozen wakes, and is ended by an operator after so long. */
const WOKEN_MS = [1, 4000] as const;
const WATCH_MS = 1000;
const GONE_RATE = 0.3;
const LOOK_ON_MS = [50, 600] as const;
/** So often until it looks again which topics there are. */
const LOOKS_ON = 5;

export class KafkaGroup implements Actor {
  readonly name: string;
  private readonly run: KafkaRun;
  private readonly plan: GroupPlan;
  private readonly random: Random;
  private readonly places: readonly Place[];
  private readonly monitor: KafkaClient;
  private readonly offsets: GroupOffsets;
  private isCalm = false;

  constructor(run: KafkaRun, plan: GroupPlan) {
    this.run = run;
    this.plan = plan;
    this.name = plan.groupId;
    this.random = run.random.fork(this.name);
    this.monitor = new KafkaClient(run, `${this.name}/monitor`);
    this.offsets = new GroupOffsets(run, `${this.name}/monitor`);
    const place =
      (kind: string, isStatic: boolean) =>
      (_: unknown, at: number): Place => {
        const name = `${this.name}/${kind}-${at + 1}`;
        return { name, instanceId: isStatic ? name : null, life: undefined, lives: 0, isGone: false };
      };
    this.places = [
      ...Array.from({ length: plan.dynamicMembers }, place("member", false)),
      ...Array.from({ length: plan.staticMembers }, place("static", true)),
    ];
  }

  start(): void {
    void this.monitor.keepConnected(
      (connection) => this.lookOn(connection),
      () => this.isCalm,
    );
    for (const place of this.places) this.startSoon(place, ...FIRST_START_MS);
    this.watch();
    this.trouble();
  }

  calm(): void {
    this.isCalm = true;
    for (const { life } of this.places) {
      life?.client.process.wake();
      life?.calm();
    }
  }

  get waitsFor(): string | undefined {
    const lives = this.lives();
    if (lives.length < this.places.filter(({ isGone }) => !isGone).length) return "members that come back";
    const generations = new Set(lives.map(({ member }) => member?.generation));
    if (generations.size !== 1 || generations.has(undefined)) return "members to be in one generation";
    const readings = lives.flatMap((life) => life.readings);
    for (const name of this.plan.topics) {
      const topic = Array.from(this.run.gateway.cluster?.topics() ?? []).find((each) => each.name === name);
      if (topic === undefined) return `topic ${name}`;
      for (const { partition } of topic.partitions) {
        const reading = readings.find((each) => each.topicId === topic.id && each.partition === partition);
        if (reading === undefined) return `a member that reads ${name}-${partition}`;
        const why = behind(this.run, topic.id, partition, reading.next);
        if (why !== undefined) return why;
      }
    }
    for (const { openCommit } of lives) if (openCommit !== undefined) return openCommit;
    return undefined;
  }

  finish(final: FinalState): Promise<void> {
    const { groupId, topics } = this.plan;
    const lives = this.lives();
    for (const { reader, topicId, partition, next } of lives.flatMap((life) => life.readings))
      final.readers.push({ reader, topicId, partition, next });
    const members = lives.map(({ member, assigned }) => ({
      memberId: member?.memberId ?? "",
      generation: member?.generation ?? -1,
      partitions: assigned,
    }));
    final.groups.push({ groupId, topics, members });
    return Promise.resolve();
  }

  /** Somebody who looks at how far the group has got, as tools do that tell its lag. */
  private async lookOn(connection: KafkaConnection): Promise<void> {
    while (!connection.isClosed && !this.isCalm) {
      const topics = await topicsNow(connection, this.plan.topics);
      const partitions = topics.flatMap(({ id, partitions: all }) =>
        all.map(({ partition }) => ({ topicId: id, partition })),
      );
      for (let times = 0; times < LOOKS_ON && partitions.length > 0 && !this.isCalm; times++) {
        await this.offsets.committed(connection, this.plan.groupId, partitions);
        await sleep(this.monitor.process, this.random.between(...LOOK_ON_MS));
      }
      if (partitions.length === 0) await sleep(this.monitor.process, this.random.between(...LOOK_ON_MS));
    }
  }

  private lives(): GroupLife[] {
    return this.places.flatMap(({ life }) => (life?.isAlive === true ? [life] : []));
  }

  private startSoon(place: Place, leastMs: number, mostMs: number): void {
    this.run.world.after(this.random.delay(leastMs, mostMs), () => this.begin(place));
  }

  private begin(place: Place): void {
    const { run, plan, random } = this;
    place.lives += 1;
    const { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs } = plan;
    const { instanceId } = place;
    const options = { groupId, topics, instanceId, sessionTimeoutMs, rebalanceTimeoutMs };
    const Life = plan.protocol === "classic" ? MemberLife : ConsumerMemberLife;
    const life = new Life(run, `${place.name}.${place.lives}`, options, random.fork(place.name));
    place.life = life;
    if (this.isCalm) life.calm();
    life.begin();
  }

  /** Whoever has ended is started again: it has left, or another has taken its name. */
  private watch(): void {
    this.run.world.after(this.random.delay(WATCH_MS / 2, WATCH_MS * 4), () => {
      for (const place of this.places) if (place.life?.isAlive === false) this.begin(place);
      this.watch();
    });
  }

  private trouble(): void {
    const { troubleMeanMs } = this.plan;
    if (troubleMeanMs === undefined) return;
    this.run.world.after(-Math.log(1 - this.random.next()) * troubleMeanMs, () => {
      if (this.isCalm) return;
      this.troubleOne(this.random.pick(this.places.filter(({ isGone }) => !isGone)));
      this.trouble();
    });
  }

  private troubleOne(place: Place): void {
    const { life } = place;
    const { trace } = this.run.world;
    if (life === undefined || !life.isAlive || life.client.process.isFrozen) return;
    const what = this.random.pick(["kill", "freeze", "leave"] as const);
    trace.say(place.name, `trouble: ${what}`);
    trace.count(`group: member, ${what}`);
    if (what === "leave") return life.leave();
    if (what === "kill") return this.kill(place, life);
    life.client.process.freeze();
    const isReplaced = place.instanceId !== null && this.random.chance(0.6);
    if (isReplaced) {
      trace.count("group: static member replaced while it was frozen");
      place.life = undefined;
      this.startSoon(place, ...AWAY_MS);
    }
    this.run.world.after(this.random.delay(...FROZEN_MS), () => {
      life.client.process.wake();
      if (isReplaced) this.run.world.after(this.random.delay(...WOKEN_MS), () => life.kill());
    });
  }

  private kill(place: Place, life: GroupLife): void {
    life.kill();
    place.life = undefined;
    const others = this.places.filter((each) => each !== place && !each.isGone);
    place.isGone = others.length > 0 && this.random.chance(GONE_RATE);
    if (!place.isGone) return this.startSoon(place, ...AWAY_MS);
    this.run.world.trace.count("group: member gone for good");
  }
}
