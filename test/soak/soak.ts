/**
 * A gateway that is written to without a pause, read in three ways, and killed now and then, while retention and compaction
 * work at small segments as fast as they may: what would take days passes in minutes. All that is read is checked; what the
 * process takes of its machine is told over time.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { createTopics } from "../../wire/apis/create-topics.ts";
import type { Engine } from "../../log/engine.ts";
import { loadEngine } from "../engine/load.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { run, spawnGateway, type SpawnedGateway } from "../gateway/spawn-gateway.ts";
import { Random } from "../sim/kernel/random.ts";
import { bytesByTopic, type Figures, fileKinds, takeFigures } from "./figures.ts";
import { GatewayWords } from "./gateway-words.ts";
import { PartitionModel } from "./partition-model.ts";
import { SoakProducer } from "./producer.ts";
import type { Place } from "./place.ts";
import { followPushes, KafkaReader, readHistories, readHistory } from "./readers.ts";
import { Reading } from "./reading.ts";
import { OFFSETS_BYTES_MAX, OFFSETS_TOPIC, soakSettings, soakTopics } from "./topics.ts";

export interface SoakOptions {
  readonly seed: number;
  /** Where the data goes: a directory that is there. */
  readonly directory: string;
  /** Into each partition. */
  readonly recordsPerSecond: number;
  /** One more than there are kills. */
  readonly lives: number;
  /** Whether a life, the first being 0, has gone on for long enough. `bytes` were acknowledged in it. */
  readonly isOver: (life: number, ranMs: number, bytes: number) => boolean;
  readonly sampleMs: number;
  readonly sampled: (sample: Sample) => void;
}

/** How far all has come. */
export interface Sample extends Figures {
  readonly ranMs: number;
  readonly life: number;
  /** From the process's start until it serves, the last time. */
  readonly startMs: number;
  readonly produced: number;
  readonly producedBytes: number;
  readonly readByKafka: number;
  readonly readByPush: number;
  readonly readAsHistory: number;
  readonly gaps: number;
  readonly compactions: number;
  readonly removedSegments: number;
}

export interface SoakReport {
  readonly samples: readonly Sample[];
  /** With nobody connected, and nothing left to do. */
  readonly atRest: Sample;
  /** Segments on the disk then. */
  readonly segments: number;
  /** What the gateway has warned of. */
  readonly warnings: readonly string[];
}

const MEMORY_REPORT = new URL("../../test/soak/report-memory.mjs", import.meta.url).href;
const LOOK_MS = 50;
/** As long as a very busy machine may need for what nothing else holds up. */
const SETTLE_MS = 120_000;

export function soak(options: SoakOptions): Promise<SoakReport> {
  return new Soak(options).run();
}

class Soak {
  private readonly options: SoakOptions;
  private readonly engine: Engine = loadEngine();
  private readonly random: Random;
  private readonly dataDir: string;
  private readonly memoryReport: string;
  private readonly models: readonly PartitionModel[];
  private readonly producers: readonly SoakProducer[];
  private readonly kafka: KafkaReader;
  private readonly pushed: readonly Reading[];
  private readonly words = new GatewayWords();
  private readonly samples: Sample[] = [];
  private readonly topicIds = new Map<string, string>();
  private readonly beganMs = performance.now();
  private histories: Reading[] = [];
  private readBefore = 0;
  private life = 0;
  private startMs = 0;
  private gateway: SpawnedGateway | undefined;

  constructor(options: SoakOptions) {
    const { seed, directory, recordsPerSecond } = options;
    this.options = options;
    this.random = new Random(seed);
    this.dataDir = join(directory, "data");
    this.memoryReport = join(directory, "memory.json");
    this.models = soakTopics.flatMap((topic) =>
      Array.from({ length: topic.partitions }, (_, partition) => new PartitionModel(topic, partition, seed)),
    );
    const { engine } = this;
    this.producers = this.models.map((model) => {
      const random = this.random.fork(model.name);
      return new SoakProducer({ engine, model, random, recordsPerSecond });
    });
    this.kafka = new KafkaReader(this.readingsFrom(0));
    this.pushed = this.readingsFrom(0);
  }

  async run(): Promise<SoakReport> {
    try {
      const last = this.options.lives - 1;
      for (; this.life < last; this.life++) {
        await this.live(false);
        if (this.random.chance(0.3)) await this.dieWhileStarting();
      }
      await this.live(true);
      return await this.comeToRest();
    } finally {
      await this.gateway?.kill("SIGKILL");
    }
  }

  /** One life of the gateway, from its start to its kill; the last one goes on. */
  private async live(isLast: boolean): Promise<void> {
    const place = await this.start();
    let isFinishing = false;
    const [lifeMs, bytesBefore] = [performance.now(), this.producedBytes];
    const hasEnough = (): boolean => isFinishing;
    const hasAll = (): boolean => isFinishing && this.hasReadAll;
    const clients = [
      ...this.producers.map((producer) => producer.run(place, hasEnough)),
      this.kafka.run(place, hasAll),
      followPushes(this.pushed, place, hasAll),
      readHistories(() => this.beginHistories(), place, hasEnough),
    ];
    const over = Promise.all(clients);
    // Whatever of them fails first is told, and at once.
    let failure: { readonly error: unknown } | undefined;
    over.catch((error: unknown) => (failure = { error }));
    let sampledMs = -Infinity;
    const isOver = (): boolean =>
      this.options.isOver(this.life, performance.now() - lifeMs, this.producedBytes - bytesBefore);
    while (!isOver() && failure === undefined && !place.isGone()) {
      if (performance.now() - sampledMs >= this.options.sampleMs) {
        sampledMs = performance.now();
        await this.sample();
      }
      await setTimeout(LOOK_MS);
    }
    if (failure === undefined && place.isGone()) throw new Error(`the gateway has ended: ${this.words.tail}`);
    await this.sample();
    if (failure === undefined && !isLast) await this.gateway?.kill("SIGKILL");
    isFinishing = true;
    if (failure !== undefined) throw (failure as { error: Error }).error;
    await over;
  }

  private async start(): Promise<Place> {
    await rm(this.memoryReport, { force: true });
    const begin = performance.now();
    const env = { NODE_OPTIONS: `--import=${MEMORY_REPORT}`, MEMORY_REPORT: this.memoryReport };
    const gateway = await spawnGateway(this.args, env);
    this.startMs = performance.now() - begin;
    this.gateway = gateway;
    this.words.listen(gateway);
    let isGone = false;
    const exited = gateway.exited.then(() => (isGone = true));
    const { kafkaPort, httpPort } = gateway;
    if (this.topicIds.size === 0) await this.makeTopics(kafkaPort);
    return { kafkaPort, httpPort, topicIds: this.topicIds, isGone: () => isGone, exited };
  }

  private get args(): string[] {
    return ["--data-dir", this.dataDir, ...soakSettings];
  }

  private async dieWhileStarting(): Promise<void> {
    const { child, exited } = run(this.args);
    await setTimeout(this.random.between(50, 600));
    child.kill("SIGKILL");
    await exited;
  }

  private async makeTopics(kafkaPort: number): Promise<void> {
    const client = await ProtocolClient.tcp(kafkaPort);
    const { topics } = await client.request(createTopics, 7, {
      topics: soakTopics.map(({ name, partitions, configs }) => ({
        name,
        numPartitions: partitions,
        replicationFactor: -1,
        assignments: [],
        configs: Object.entries(configs).map(([setting, value]) => ({ name: setting, value })),
      })),
      timeoutMs: 60_000,
      validateOnly: false,
    });
    for (const { name, topicId, errorCode, errorMessage } of topics) {
      equal(errorCode, 0, errorMessage ?? name);
      this.topicIds.set(name, topicId);
    }
    await client.close();
  }

  private beginHistories(): readonly Reading[] {
    this.readBefore += recordsOf(this.histories);
    this.histories = this.readingsFrom(0);
    return this.histories;
  }

  private readingsFrom(offset: number): Reading[] {
    return this.models.map((model) => new Reading(this.engine, model, offset));
  }

  private get hasReadAll(): boolean {
    const isDone = this.models.every(({ acknowledged, next }) => acknowledged === next);
    return isDone && [...this.kafka.readings, ...this.pushed].every(({ model, next }) => next === model.next);
  }

  private get producedBytes(): number {
    return this.models.reduce((sum, { acknowledgedBytes }) => sum + acknowledgedBytes, 0);
  }

  private async sample(): Promise<Sample> {
    const figures = await takeFigures(this.dataDir, this.gateway?.process.pid ?? 0, this.memoryReport);
    const sample: Sample = {
      ...figures,
      ranMs: performance.now() - this.beganMs,
      life: this.life,
      startMs: this.startMs,
      produced: this.models.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      producedBytes: this.producedBytes,
      readByKafka: recordsOf(this.kafka.readings),
      readByPush: recordsOf(this.pushed),
      readAsHistory: this.readBefore + recordsOf(this.histories),
      gaps: [...this.kafka.readings, ...this.pushed].reduce((sum, { gaps }) => sum + gaps, 0),
      compactions: this.words.compactions,
      removedSegments: this.words.removedSegments,
    };
    this.samples.push(sample);
    this.options.sampled(sample);
    return sample;
  }

  /** Nothing is written any more, and all has been read: the disk settles, and everything is read once more. */
  private async comeToRest(): Promise<SoakReport> {
    const { gateway } = this;
    ok(gateway);
    await this.settled();
    const { kafkaPort, httpPort } = gateway;
    const exited = gateway.exited;
    const place = { kafkaPort, httpPort, topicIds: this.topicIds, isGone: () => false, exited };
    for (const reading of [...this.kafka.readings, ...this.pushed]) reading.checkLatest();
    await this.readAgain(place);
    await until(async () => (await this.figures()).deletedFiles === 0, "files that are deleted are closed");
    const atRest = await this.sample();
    const warnings = [...this.words.warnings];
    const { code } = await gateway.kill("SIGTERM");
    this.gateway = undefined;
    equal(code, 0, this.words.tail);
    const kinds = await fileKinds(this.dataDir);
    const leftovers = [...kinds.keys()].filter((kind) => /cleaned|swap|deleted|tmp/.test(kind));
    deepEqual(leftovers, []);
    const { samples } = this;
    return { samples, atRest, segments: kinds.get("log") ?? 0, warnings };
  }

  private figures(): Promise<Figures> {
    return takeFigures(this.dataDir, this.gateway?.process.pid ?? 0, this.memoryReport);
  }

  /** Resolves when each topic takes no more of the disk than it may. */
  private async settled(): Promise<void> {
    const bounds = new Map(soakTopics.map(({ name, settledBytesMax }) => [name, settledBytesMax]));
    bounds.set(OFFSETS_TOPIC, OFFSETS_BYTES_MAX);
    for (const [topic, bytesMax] of bounds) {
      await until(
        async () => ((await bytesByTopic(this.dataDir)).get(topic) ?? 0) <= bytesMax,
        `${topic} takes no more than ${bytesMax} bytes`,
      );
    }
  }

  /** In all three ways, from the start to the end: of each key what was written last. */
  private async readAgain(place: Place): Promise<void> {
    const [kafka, pushed, histories] = [this.readingsFrom(0), this.readingsFrom(0), this.readingsFrom(0)];
    const isRead = (readings: readonly Reading[]) => () =>
      readings.every(({ model, next }) => next === model.next);
    await new KafkaReader(kafka).run(place, isRead(kafka));
    await followPushes(pushed, place, isRead(pushed));
    for (const reading of histories) ok(await readHistory(reading, place));
    for (const reading of [...kafka, ...pushed, ...histories]) {
      equal(reading.next, reading.model.next, reading.model.name);
      reading.checkLatest();
    }
  }
}

function recordsOf(readings: readonly Reading[]): number {
  return readings.reduce((sum, { records }) => sum + records, 0);
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`it was waited for in vain that ${what}`);
    await setTimeout(LOOK_MS);
  }
}
