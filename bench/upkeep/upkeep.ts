/**
 * Upkeep: what a node's looking after its disk costs those who use it meanwhile. Requests at a steady pace, with nothing beside
 * them, with compaction and with retention of another topic; latencies count from when a request was due.
 */
import { setTimeout } from "node:timers/promises";
import type { BenchSettings, Mode } from "../bench.ts";
import { checksum } from "../checksum.ts";
import { startChild } from "../child.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { loadEngine } from "../engine.ts";
import { startGateway } from "../gateway-process.ts";
import { type Contender, interleave, ratio, type Rounds, type Sample } from "../harness.ts";
import { openKafkaClient } from "../kafka-client.ts";
import type { CrowdCommands } from "../many/crowd.ts";
import type { BenchReport } from "../report.ts";
import { configure, fill, type Filling, keyedBatches, remove, sizeOf } from "./beside.ts";

interface Size extends Rounds {
  /** One after the other produces and fetches. */
  readonly requests: number;
  readonly perSecond: number;
  readonly filling: Filling;
}

const MIB = 1024 * 1024;
const sizes: Readonly<Record<Mode, Size>> = {
  full: {
    warmups: 1,
    rounds: 5,
    requests: 2000,
    perSecond: 500,
    filling: { records: 200_000, keys: 60_000, segmentBytes: 4 * MIB },
  },
  small: {
    warmups: 0,
    rounds: 1,
    requests: 40,
    perSecond: 400,
    filling: { records: 2000, keys: 200, segmentBytes: 64 * 1024 },
  },
};

const NODE = [
  "log.cleaner.backoff.ms=50",
  "log.retention.check.interval.ms=50",
  "log.initial.task.delay.ms=0",
].flatMap((setting) => ["--config", setting]);
const CONNECTIONS = 8;
const ALONE = "nothing beside";
const COMPACTION = "compaction beside";
const RETENTION = "retention beside";
const tasks: readonly { readonly name: string; readonly configs: Readonly<Record<string, string>> }[] = [
  { name: ALONE, configs: {} },
  { name: COMPACTION, configs: { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" } },
  { name: RETENTION, configs: { "retention.bytes": "1" } },
];
const P99 = ["produce p99 ms", "fetch p99 ms"] as const;
const METRICS = ["produce p50 ms", P99[0], "fetch p50 ms", P99[1]];
const TOOK = "took ms";
const TOOK_MS_MAX = 60_000;
const LOOK_MS = 10;

export function upkeepBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => measure(settings, defer));
}

async function measure(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const size = sizes[settings.mode];
  const { requests, perSecond, filling } = size;
  const gateway = await startGateway(settings, NODE);
  defer(() => gateway.stop());
  const { topic } = await gateway.createTopic("measured");
  const crowd = await startChild<CrowdCommands>(settings.scripts, "many/crowd");
  defer(() => crowd.stop());
  await crowd.call("prepare", { root: settings.root, seed: settings.seed, port: gateway.kafkaPort });
  await crowd.call("gather", { connections: CONNECTIONS, topics: [topic] });
  const places = [{ topic, partition: 0 }];
  // So that there is something to fetch.
  await crowd.call("produceInTurn", { places, requests: 1, atOnce: 1 });
  const client = await openKafkaClient(gateway.kafkaPort, () => {});
  defer(() => client.close());
  const batches = keyedBatches(loadEngine(settings.root), settings.seed, filling);

  let rounds = 0;
  let lookedAfter = 0;
  const contender = ({ name, configs }: (typeof tasks)[number]): Contender => ({
    name,
    round: async (): Promise<Sample> => {
      const beside = `beside-${rounds++}`;
      await fill(client, beside, batches, filling);
      const before = await sizeOf(client, beside);
      const begin = performance.now();
      if (name !== ALONE) await configure(client, beside, configs);
      // Other requests are measured meanwhile; what looks at it here is one small request now and then.
      const done = name === ALONE ? undefined : untilSmaller(client, beside, before * 0.75);
      const ticked = await crowd.call("tickOver", { places, requests, perSecond });
      const taken = done === undefined ? {} : { [TOOK]: (await done) - begin };
      if (done !== undefined) lookedAfter++;
      await remove(client, beside);
      return {
        "produce p50 ms": ticked.produce.p50,
        [P99[0]]: ticked.produce.p99,
        "fetch p50 ms": ticked.fetch.p50,
        [P99[1]]: ticked.fetch.p99,
        ...taken,
      };
    },
  });
  const results = await interleave(tasks.map(contender), size);
  const bytes = batches.reduce((sum, batch) => sum + batch.length, 0);
  const aims = [COMPACTION, RETENTION].flatMap((name) =>
    P99.map((metric) => ({
      what: `${metric} with ${name}, to that with nothing`,
      sense: "at most" as const,
      bound: 1.2,
      value: ratio(results, metric, name, ALONE),
    })),
  );
  const what = `${perSecond} requests/s, ${(bytes / MIB).toFixed(1)} MiB beside`;
  return {
    name: "upkeep",
    tables: [{ title: "latency", metrics: METRICS, ratioTo: ALONE, cases: [{ name: what, results }] }],
    aims: settings.mode === "full" ? aims : [],
    notes: [COMPACTION, RETENTION].map((name) => {
      const took = results.find(({ contender: each }) => each === name)?.metrics[TOOK]?.median ?? 0;
      return `${name} had a quarter of it gone after ${Math.round(took)} ms`;
    }),
    counts: { "records beside": filling.records, "topics looked after": lookedAfter },
    // Timestamps are those of the day.
    hash: checksum(batches.map(({ length }) => length)),
  };
}

async function untilSmaller(
  client: Parameters<typeof sizeOf>[0],
  topic: string,
  bytes: number,
): Promise<number> {
  const deadline = performance.now() + TOOK_MS_MAX;
  while ((await sizeOf(client, topic)) > bytes) {
    if (performance.now() > deadline) throw new Error(`${topic} has still more than ${bytes} bytes`);
    await setTimeout(LOOK_MS);
  }
  return performance.now();
}
