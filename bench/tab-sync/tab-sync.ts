/**
 * A tab's first sync: a real Chromium takes a whole partition into its store through the SDK, every batch checked, in turns
 * with ways of taking in the same bytes that do less.
 */
import { createHash } from "node:crypto";
import type { BenchSettings, Mode } from "../bench.ts";
import { BenchPage, openChromium, withoutChromium } from "../browser/chromium.ts";
import { servePage } from "../browser/page-server.ts";
import { startChild } from "../child.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { startGateway } from "../gateway-process.ts";
import { interleave, MEGABYTES, ratio, type Result, type Rounds, type Sample } from "../harness.ts";
import { openKafkaClient } from "../kafka-client.ts";
import type { LoadGeneratorCommands } from "../produce/load-generator.ts";
import { readValues } from "../produce/read-values.ts";
import type { Aim, BenchReport } from "../report.ts";
import type { Tab } from "./page.ts";

const CONNECTIONS = 4;

/** How many of the tab's values are compared with the gateway's. */
const HASHED_VALUES = 500;

const STALL = "longest stall, ms";
const REPLICATE = "replicate: checked, in IndexedDB";
const UNCHECKED = "the same, unchecked";
const INTO_STORE = "one fetch into IndexedDB";

interface Size extends Rounds {
  /** Batches of 64 KiB. */
  readonly batches: number;
}
const sizes: Readonly<Record<Mode, Size>> = {
  full: { batches: 1600, warmups: 1, rounds: 7 },
  small: { batches: 32, warmups: 0, rounds: 1 },
};

export function tabSyncBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => syncTab(settings, defer));
}

async function syncTab(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const { batches, ...rounds } = sizes[settings.mode];
  const browser = await openChromium(defer);
  if (typeof browser === "string") return withoutChromium("a tab's sync", browser);

  const server = await servePage(settings, "tab-sync");
  defer(() => server.close());
  const gateway = await startGateway(settings, ["--allow-origin", server.origin]);
  defer(() => gateway.stop());
  const { topic, topicId } = await gateway.createTopic("tab-sync");
  const generator = await startChild<LoadGeneratorCommands>(settings.scripts, "produce/load-generator");
  defer(() => generator.stop());
  const records = batches * (await generator.call("prepare", settings));
  const load = await generator.call("open", {
    transport: "TCP",
    port: gateway.kafkaPort,
    connections: CONNECTIONS,
  });
  const { bytes } = await generator.call("run", { load, topic, acks: -1, requests: batches });
  const hash = await hashFirst(gateway.kafkaPort, settings.root, topic);

  const page = new BenchPage<Tab>(await browser.newPage());
  await page.load(server.origin);
  let tabs = 0;
  const measure = async (way: keyof Tab): Promise<Sample> => {
    const result = await page.call(way, {
      url: `http://127.0.0.1:${gateway.httpPort}`,
      topic,
      topicId,
      name: `bench-${tabs++}`,
      hashedValues: HASHED_VALUES,
    });
    if (result.records !== undefined && result.records !== records)
      throw new Error(`the tab holds ${result.records} records of ${records}`);
    if (result.hash !== undefined && result.hash !== hash)
      throw new Error("the tab holds other values than the gateway");
    if (result.bytes < bytes) throw new Error(`the tab got ${result.bytes} bytes of ${bytes}`);
    return {
      [MEGABYTES]: bytes / 1000 / result.milliseconds,
      [STALL]: result.longestStallMs,
      "long tasks": result.longTasks,
    };
  };
  const contenders = [
    { name: REPLICATE, round: () => measure("replicate") },
    { name: UNCHECKED, round: () => measure("unchecked") },
    { name: INTO_STORE, round: () => measure("fetchIntoStore") },
    { name: "one fetch, nothing kept", round: () => measure("fetchOnly") },
  ];
  const size = `${Math.round(bytes / 1e6)} MB`;
  const results = await interleave(contenders, rounds);
  return {
    name: "a tab's sync",
    tables: [
      {
        title: "tab sync",
        metrics: [MEGABYTES, STALL, "long tasks"],
        cases: [{ name: size, results }],
      },
    ],
    aims: settings.mode === "full" ? aimsOf(results) : [],
    notes: [
      `in Chromium ${browser.version()}`,
      "stalls are of the page's own thread; all of the work is done in a worker, and rows are stored with relaxed durability",
    ],
    counts: { records },
    hash: hash.slice(0, 12),
  };
}

function aimsOf(results: readonly Result[]): Aim[] {
  const stall = results.find(({ contender }) => contender === REPLICATE)?.metrics[STALL];
  return [
    {
      what: "first sync, MB/s, times the same unchecked",
      sense: "at least",
      bound: 0.8,
      value: ratio(results, MEGABYTES, REPLICATE, UNCHECKED),
    },
    {
      what: "first sync, MB/s, times one fetch into IndexedDB",
      sense: "at least",
      bound: 0.6,
      value: ratio(results, MEGABYTES, REPLICATE, INTO_STORE),
    },
    { what: "first sync, longest stall of the page, ms", sense: "at most", bound: 50, value: stall?.median },
  ];
}

/** Of the values that the tab hashes, read over Kafka's protocol. */
async function hashFirst(kafkaPort: number, root: string, topic: string): Promise<string> {
  const client = await openKafkaClient(kafkaPort, () => {});
  const hash = createHash("sha256");
  for (const value of (await readValues(client, root, topic)).slice(0, HASHED_VALUES)) hash.update(value);
  client.close();
  return hash.digest("hex");
}
