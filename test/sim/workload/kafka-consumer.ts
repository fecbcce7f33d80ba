/**
 * A foreign Kafka consumer over TCP: long polls, a position for each partition, a new connection for ever. It checks every
 * batch. What it reads after its position was taken from it, it reads under a new name.
 */
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, KafkaRun } from "../workload.ts";
import { EARLIEST, KafkaClient, LATEST, offsetAt, topicNamed } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { KafkaFetcher, type Reading } from "./kafka-fetcher.ts";
import { behind } from "./log-now.ts";
import { sleep } from "./waiting.ts";

export interface KafkaConsumerOptions {
  readonly topics: readonly string[];
  readonly from: "earliest" | "latest" | "somewhere";
  /** Mean time between two crashes of its process; undefined: never. */
  readonly crashMeanMs?: number | undefined;
}

const REFRESH_MS = 5000;
const REST_MS = [20, 500] as const;
/** However often in a row there was nothing to be had. */
const REST_MS_MAX = 5000;

export class KafkaConsumer implements Actor {
  readonly name: string;
  private readonly run: KafkaRun;
  private readonly options: KafkaConsumerOptions;
  private readonly random: Random;
  private lives = 0;
  private life: ConsumerLife | undefined;
  private isCalm = false;

  constructor(run: KafkaRun, name: string, options: KafkaConsumerOptions) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = run.random.fork(name);
  }

  start(): void {
    const { run, random, options } = this;
    this.lives += 1;
    const life = new ConsumerLife(run, `${this.name}.${this.lives}`, options, random);
    this.life = life;
    life.begin();
    if (options.crashMeanMs === undefined) return;
    run.world.after(-Math.log(1 - random.next()) * options.crashMeanMs, () => {
      if (this.isCalm) return;
      life.crash();
      run.world.after(random.delay(100, 5000), () => this.start());
    });
  }

  calm(): void {
    this.isCalm = true;
  }

  get waitsFor(): string | undefined {
    return this.life?.waitsFor ?? (this.life === undefined ? "its start" : undefined);
  }

  finish(final: FinalState): Promise<void> {
    for (const { reader, topicId, partition, next } of this.life?.readings ?? [])
      final.readers.push({ reader, topicId, partition, next });
    return Promise.resolve();
  }
}

class ConsumerLife {
  private readonly fetcher: KafkaFetcher;
  private readonly run: KafkaRun;
  private readonly name: string;
  private readonly options: KafkaConsumerOptions;
  private readonly random: Random;
  private readonly client: KafkaClient;
  /** Whether it has begun: from then on, partitions that come up are read from their start. */
  private readonly begun = new Set<string>();

  constructor(run: KafkaRun, name: string, options: KafkaConsumerOptions, random: Random) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = random;
    this.client = new KafkaClient(run, name);
    this.fetcher = new KafkaFetcher({ run, name, random });
  }

  get readings(): readonly Reading[] {
    return this.fetcher.readings;
  }

  begin(): void {
    void this.client.keepConnected((connection) => this.work(connection));
  }

  crash(): void {
    this.run.world.trace.say(this.name, "crashes");
    this.run.world.trace.count("kafka consumer: crashed");
    this.client.process.kill();
  }

  get waitsFor(): string | undefined {
    const { cluster } = this.run.gateway;
    if (!this.client.process.isAlive) return "its next life";
    for (const name of this.options.topics) {
      const topic = Array.from(cluster?.topics() ?? []).find((each) => each.name === name);
      if (topic === undefined) return `topic ${name}`;
      for (const { partition } of topic.partitions) {
        const reading = this.readings.find(
          (each) => each.topicId === topic.id && each.partition === partition,
        );
        const why = behind(this.run, topic.id, partition, reading?.next);
        if (why !== undefined) return why;
      }
    }
    return undefined;
  }

  private async work(connection: KafkaConnection): Promise<void> {
    let refreshAtMs = 0;
    let failures = 0;
    while (!connection.isClosed) {
      if (this.run.world.nowMs >= refreshAtMs) {
        await this.refresh(connection);
        refreshAtMs = this.run.world.nowMs + REFRESH_MS;
      }
      if (this.readings.length > 0 && (await this.fetcher.fetchOnce(connection))) {
        failures = 0;
        continue;
      }
      failures += 1;
      refreshAtMs = 0;
      const [leastMs, mostMs] = REST_MS;
      await sleep(this.client.process, this.random.delay(leastMs, Math.min(mostMs * failures, REST_MS_MAX)));
    }
  }

  /** Topics, partitions and leader epochs as they are now. */
  private async refresh(connection: KafkaConnection): Promise<void> {
    for (const name of this.options.topics) {
      const topic = await topicNamed(connection, name);
      // A topic that is not there may be on its way: what was read of it goes on, or is over when there is another one.
      if (topic === undefined) continue;
      this.fetcher.readings = this.readings.filter(
        (each) => each.topic !== name || each.topicId === topic.id,
      );
      for (const { partition, leaderEpoch } of topic.partitions) {
        const known = this.readings.find((each) => each.topicId === topic.id && each.partition === partition);
        if (known !== undefined) known.leaderEpoch = leaderEpoch;
        else {
          const next = await this.startOf(connection, topic, partition);
          if (next === undefined) continue;
          const reading = {
            topic: name,
            topicId: topic.id,
            partition,
            reader: "",
            next,
            lastEpoch: -1,
            leaderEpoch,
          };
          this.fetcher.readings.push(reading);
          this.fetcher.beginAt(reading, next);
        }
      }
    }
  }

  /** Where a partition is read from that was not read before. */
  private async startOf(
    connection: KafkaConnection,
    topic: { readonly name: string; readonly id: string },
    partition: number,
  ): Promise<bigint | undefined> {
    const { from } = this.options;
    const key = `${topic.name}/${partition}`;
    const earliest = await offsetAt(connection, topic, partition, EARLIEST);
    const latest = await offsetAt(connection, topic, partition, LATEST);
    if (earliest === undefined || latest === undefined) return undefined;
    const isFirst = !this.begun.has(key);
    this.begun.add(key);
    if (!isFirst || from === "earliest") return earliest;
    if (from === "latest" || latest <= earliest) return latest;
    return earliest + BigInt(this.random.below(Number(latest - earliest) + 1));
  }
}
