/** A tab's first sync: a real Chromium takes a whole partition into its store, through the SDK. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { chromium, type Page } from "playwright";
import type { BenchSettings, Mode } from "../bench.ts";
import { startChild } from "../child.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { startGateway } from "../gateway-process.ts";
import { interleave, MEGABYTES, type Rounds, type Sample } from "../harness.ts";
import { openKafkaClient } from "../kafka-client.ts";
import type { LoadGeneratorCommands } from "../produce/load-generator.ts";
import { readValues } from "../produce/read-values.ts";
import type { BenchReport } from "../report.ts";
import { servePage } from "./page-server.ts";
import type { Tab, TabRequest, TabResult } from "./page.ts";

const CONNECTIONS = 4;

/** How many of the tab's values are compared with the gateway's. */
const HASHED_VALUES = 500;

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
  const name = "tab sync";
  const page = await openTab(defer);
  if (typeof page === "string") return { name, tables: [], aims: [], notes: [page], counts: {}, hash: "-" };

  const server = await servePage(join(settings.scripts, "page"), join(settings.root, "build/engine.wasm"));
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

  await page.goto(server.origin);
  await page.waitForFunction("window.tab !== undefined");
  let tabs = 0;
  const measure = async (way: keyof Tab): Promise<Sample> => {
    const request = {
      url: `http://127.0.0.1:${gateway.httpPort}`,
      topic,
      topicId,
      name: `bench-${tabs++}`,
      hashedValues: HASHED_VALUES,
    };
    const result = await inTab(page, way, request);
    if (result.records !== undefined && result.records !== records) {
      throw new Error(`the tab holds ${result.records} records of ${records}`);
    }
    if (result.hash !== undefined && result.hash !== hash)
      throw new Error("the tab holds other values than the gateway");
    if (result.bytes < bytes) throw new Error(`the tab got ${result.bytes} bytes of ${bytes}`);
    return { [MEGABYTES]: bytes / 1000 / result.milliseconds };
  };
  const contenders = [
    { name: "replicate, kept in IndexedDB", round: () => measure("replicate") },
    { name: "one fetch, nothing kept", round: () => measure("fetchOnly") },
  ];
  const size = `${Math.round(bytes / 1e6)} MB`;
  const cases = [{ name: size, results: await interleave(contenders, rounds) }];
  return {
    name: "a tab's sync",
    tables: [{ title: "tab sync", metrics: [MEGABYTES], cases }],
    aims: [],
    notes: [],
    counts: { records },
    hash: hash.slice(0, 12),
  };
}

/** A page in a Chromium with a store of its own; or why there is none. */
async function openTab(defer: Defer): Promise<Page | string> {
  try {
    const executablePath = process.env.RIVULET_CHROMIUM ?? "/usr/bin/chromium";
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    defer(() => browser.close());
    return await browser.newPage();
  } catch (error) {
    const reason = String(error instanceof Error ? error.message : error).split("\n")[0];
    const note = `left out: no Chromium (install one, or name it in RIVULET_CHROMIUM): ${reason}`;
    if (process.env.RIVULET_REQUIRE_TOOLS === "1") throw new Error(note, { cause: error });
    return note;
  }
}

function inTab(page: Page, way: keyof Tab, request: TabRequest): Promise<TabResult> {
  return page.evaluate(([name, argument]) => (window as unknown as { tab: Tab }).tab[name](argument), [
    way,
    request,
  ] as const);
}

/** Of the values that the tab hashes, read over Kafka's protocol. */
async function hashFirst(kafkaPort: number, root: string, topic: string): Promise<string> {
  const client = await openKafkaClient(kafkaPort, () => {});
  const hash = createHash("sha256");
  for (const value of (await readValues(client, root, topic)).slice(0, HASHED_VALUES)) hash.update(value);
  client.close();
  return hash.digest("hex");
}
