/**
 * Real gateways that compact all the time, killed at calls of the file system in the middle of it: while a segment is written,
 * while it takes the place of others, and just after. RIVULET_CRASHES says how often in each (3), RIVULET_SEED repeats at which.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { loadEngine } from "../engine/load.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { spawnGateway, type SpawnedGateway } from "../gateway/spawn-gateway.ts";
import { Random } from "../sim/kernel/random.ts";
import { PartitionModel } from "../soak/partition-model.ts";
import { SoakProducer } from "../soak/producer.ts";
import type { Place } from "../soak/place.ts";
import { followPushes, KafkaReader, readHistory } from "../soak/readers.ts";
import { Reading } from "../soak/reading.ts";
import { type SoakTopic, TOMBSTONES_STAY_MS } from "../soak/topics.ts";
import { inspectPartitions } from "../tools/dump-log-segments.ts";
import { findTool } from "../tools/require-tool.ts";

const CRASHES = Number(process.env["RIVULET_CRASHES"] ?? 3);
const SEED = Number(process.env["RIVULET_SEED"] ?? Date.now() % 2 ** 31);
const SEGMENT_BYTES = 16_000;
const KEYS = 40;
const RECORDS_PER_SECOND = 600;
const ROUND_MS = 30_000;
const DIE_COMPACTING = new URL("die-compacting.mjs", import.meta.url).href;
/** Calls that a compaction makes at least in each phase, and one of them before which the phase's file is there. */
const PHASES = {
  cleaned: { most: 5, sure: 5 },
  swap: { most: 8, sure: 3 },
  done: { most: 8, sure: 3 },
} as const;
const MOMENTS = ["before", "with", "after"] as const;
const SETTINGS = [
  `log.segment.bytes=${SEGMENT_BYTES}`,
  "log.index.interval.bytes=500",
  "log.cleaner.backoff.ms=10",
].flatMap((setting) => ["--config", setting]);
const TOPIC: SoakTopic = {
  name: "latest",
  partitions: 1,
  keys: KEYS,
  compacts: true,
  deletes: false,
  configs: {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": String(TOMBSTONES_STAY_MS),
  },
  settledBytesMax: 0,
};

describe(`kills in the middle of compaction, ${CRASHES} in each phase (RIVULET_SEED=${SEED})`, () => {
  const engine = loadEngine();
  let directory: string;
  let dataDir: string;
  let gateway: SpawnedGateway | undefined;
  let model: PartitionModel;
  let producer: SoakProducer;
  let pushed: Reading[];
  let kafka: KafkaReader;
  let topicId = "";

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "rivulet-compaction-"));
    dataDir = join(directory, "data");
    model = new PartitionModel(TOPIC, 0, SEED);
    const random = new Random(SEED).fork("producer");
    producer = new SoakProducer({ engine, model, random, recordsPerSecond: RECORDS_PER_SECOND });
    pushed = [new Reading(engine, model, 0)];
    kafka = new KafkaReader([new Reading(engine, model, 0)]);
  });
  afterEach(async () => {
    await gateway?.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  });

  /** Starts a gateway, and has it written to and read until it is gone, or all is written and read. */
  const live = async (env: Record<string, string>, isFinishing: () => boolean): Promise<Place> => {
    gateway = await spawnGateway(["--data-dir", dataDir, ...SETTINGS], env);
    const { kafkaPort, httpPort, exited } = gateway;
    let isGone = false;
    void exited.then(() => (isGone = true));
    if (topicId === "") topicId = await makeTopic(kafkaPort);
    const topicIds = new Map([[TOPIC.name, topicId]]);
    const place = { kafkaPort, httpPort, topicIds, isGone: () => isGone, exited };
    await readAll(place);
    const hasAll = (): boolean =>
      isFinishing() &&
      [...pushed, ...kafka.readings].every(({ next }) => next === model.next && next === model.acknowledged);
    await Promise.all([
      producer.run(place, isFinishing),
      kafka.run(place, hasAll),
      followPushes(pushed, place, hasAll),
    ]);
    return place;
  };

  /** Reads the whole log anew: what is there is right, and of each key what was written last is there. */
  const readAll = async (place: Place): Promise<void> => {
    const reading = new Reading(engine, model, 0);
    if (!(await readHistory(reading, place))) return;
    expect(reading.next).toBeGreaterThanOrEqual(model.acknowledged);
    reading.checkLatest();
  };

  test(
    "leave a log that is as before or as after, never half: all is there, and of each key the last",
    { timeout: 60_000 + 3 * CRASHES * ROUND_MS },
    async () => {
      const random = new Random(SEED);
      const found = new Map<string, number>();
      let diedStarting = 0;
      for (let round = 0; round < CRASHES; round++) {
        for (const [phase, calls] of Object.entries(PHASES)) {
          const env = {
            NODE_OPTIONS: `--import=${DIE_COMPACTING}`,
            DIE_PHASE: phase,
            // The first time where the file is surely there.
            DIE_CALL: String(round === 0 ? calls.sure : random.between(1, calls.most)),
            DIE_MOMENT: round === 0 ? "before" : random.pick(MOMENTS),
          };
          try {
            await live(env, () => false);
            expect(await gateway?.exited).toMatchObject({ signal: "SIGKILL" });
          } catch (error) {
            // What is to be finished after one kill may be the moment of the next.
            if (!String(error).includes("before it was ready")) throw error;
            expect(String(error)).toMatch(
              /code null before it was ready: $|code null before it was ready: \{/,
            );
            diedStarting++;
          }
          const names = await readdir(join(dataDir, `${TOPIC.name}-0`)).catch(() => []);
          for (const kind of ["cleaned", "swap"])
            if (names.some((name) => name.endsWith(`.${kind}`))) found.set(kind, (found.get(kind) ?? 0) + 1);
        }
      }
      const left = [...found].map(([kind, times]) => `${times} times .${kind}`).join(", ");
      console.info(`${3 * CRASHES} kills left ${left}; ${diedStarting} came while it started (seed ${SEED})`);
      expect(found.get("cleaned")).toBeGreaterThan(0);
      expect(found.get("swap")).toBeGreaterThan(0);

      const enough = model.next + 1000;
      const place = await live({}, () => model.next >= enough);
      await readAll(place);
      expect(await healthOf(place)).toMatchObject({ status: "ok" });
      expect(await gateway?.kill("SIGTERM")).toMatchObject({ code: 0 });
      gateway = undefined;
      const names = await readdir(join(dataDir, `${TOPIC.name}-0`));
      expect(names.filter((name) => /\.(cleaned|swap|deleted|tmp)$/.test(name))).toEqual([]);
      if (findTool("kafka-tools") === undefined) return;
      const { files, complaints } = await inspectPartitions(dataDir, [`${TOPIC.name}-0`]);
      // The tool tells of every hole between records, of Kafka's own compacted logs as well.
      expect(complaints.filter((complaint) => !complaint.includes("Non-consecutive offsets"))).toEqual([]);
      const logs = files.filter(({ name }) => name.endsWith(".log"));
      let next = 0n;
      for (const { baseOffset, lastOffset, isValid } of logs.flatMap(({ batches }) => batches)) {
        expect([baseOffset, isValid]).toEqual([next, true]);
        next = lastOffset + 1n;
      }
      expect(next).toBe(BigInt(model.next));
      expect(logs.flatMap(({ records }) => records).length).toBeLessThan(model.next / 2);
    },
  );
});

async function makeTopic(kafkaPort: number): Promise<string> {
  const client = await ProtocolClient.tcp(kafkaPort);
  const configs = Object.entries(TOPIC.configs).map(([name, value]) => ({ name, value }));
  const topic = { name: TOPIC.name, numPartitions: 1, replicationFactor: -1, assignments: [], configs };
  const { topics } = await client.request(createTopics, 7, {
    topics: [topic],
    timeoutMs: 60_000,
    validateOnly: false,
  });
  expect(topics[0]).toMatchObject({ errorCode: ErrorCode.NONE });
  await client.close();
  return topics[0]?.topicId ?? "";
}

async function healthOf({ httpPort }: Place): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${httpPort}/healthz`)).json();
}
