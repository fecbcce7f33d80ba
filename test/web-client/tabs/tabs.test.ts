/**
 * Tabs in a real browser that share one connection: one leads, and another one takes over when it goes; four times here, fifty
 * with `npm run takeovers` (RIVULET_SEED repeats a run, RIVULET_TAKEOVERS counts).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import type { BrowserContext } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestGateway } from "../../gateway/start-gateway.ts";
import type { TestGateway } from "../../gateway/start-gateway.ts";
import { seeded } from "../../sync/virtual-clock.ts";
import { startSdkBrowser } from "../sdk-browser.ts";
import type { SdkBrowser } from "../sdk-browser.ts";
import { startCountingProxy } from "./counting-proxy.ts";
import type { CountingProxy } from "./counting-proxy.ts";
import { TabPage } from "./tab-pages.ts";

const TOPIC = "shared";
const PARTITIONS = 3;
/** Drawn by hand where a run is to be seen again. */
const SEED = Number(process.env.RIVULET_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** How often the tab that leads goes. */
const ROUNDS = Number(process.env.RIVULET_TAKEOVERS ?? 4);
/** Of a tab that was closed or has crashed: rule 7 of the design, on a machine that does nothing else. */
const TAKEOVER_MS = 500;
const FROZEN_TAKEOVER_MS = 6000;
/** This machine may do other things, too; a measurement sets it to 1. */
const PATIENCE = Number(process.env.RIVULET_PATIENCE ?? 10);

let browser: SdkBrowser;
let gateway: TestGateway;
let proxy: CountingProxy;
let context: BrowserContext;
let dataDir: string;
let opened: number;

beforeAll(async () => {
  // A tab that crashes takes no other one with it.
  browser = await startSdkBrowser({ chromiumArgs: ["--process-per-tab"] });
}, 60_000);
afterAll(() => browser?.close());

beforeEach(async () => {
  opened = 0;
  dataDir = await mkdtemp(join(tmpdir(), "rivulet-tabs-"));
  proxy = await startCountingProxy(() => gateway.httpPort);
  gateway = await startGateway();
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  await proxy.close();
  await gateway.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function startGateway(): Promise<TestGateway> {
  // The proxy's address, too: it is the host that the pages name.
  const origins = [browser.origin, `http://127.0.0.1:${proxy.port}`];
  const args = origins.flatMap((origin) => ["--allow-origin", origin]);
  return startTestGateway({ dataDir, args: [...args, "--config", `num.partitions=${PARTITIONS}`] });
}

function openTab(profile = context): Promise<TabPage> {
  opened += 1;
  return TabPage.open(browser, profile, {
    url: `http://127.0.0.1:${proxy.port}`,
    topic: TOPIC,
    name: `tab-${opened}`,
  });
}

/** Everything in the log, as a tab of another profile reads it: values by partition, in order. */
async function logValues(): Promise<string[][]> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${gateway.kafkaPort}`], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(TOPIC);
  await admin.disconnect();
  const inLog = offsets.reduce((sum, { high }) => sum + Number(high), 0);
  const stranger = await browser.newContext();
  const reader = await openTab(stranger);
  await allSeen([reader], inLog);
  const values: string[][] = Array.from({ length: PARTITIONS }, () => []);
  for (const record of await reader.seen()) {
    const [place = "", ...words] = record.split(" ");
    const [partition, offset] = place.split("/").map(Number) as [number, number];
    // Offsets have no holes here.
    expect(values[partition]).toHaveLength(offset);
    values[partition]?.push(words.join(" "));
  }
  await stranger.close();
  return values;
}

/** Values are `<key> <number>`: of each key they stand in one partition, in order, each once. */
function expectOrder(values: readonly string[][]): void {
  const next = new Map<string, number>();
  const partitionOf = new Map<string, number>();
  for (const [partition, inPartition] of values.entries()) {
    for (const value of inPartition) {
      const [key = "", number] = value.split(" ");
      expect(partitionOf.get(key) ?? partition, `partition of ${key}`).toBe(partition);
      partitionOf.set(key, partition);
      expect(Number(number), `of ${key}`).toBe(next.get(key) ?? 0);
      next.set(key, Number(number) + 1);
    }
  }
}

function named(key: string, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${key} ${from + index}`);
}

/** Resolves when all that these tabs have published is delivered. */
async function allDelivered(tabs: readonly TabPage[]): Promise<void> {
  for (const tab of tabs) {
    await expect
      .poll(async () => Object.entries(await tab.fates()).filter(([, fate]) => fate !== "delivered"), {
        timeout: 60_000,
      })
      .toEqual([]);
  }
}

/** Resolves when each of these tabs has seen `count` records, each once. */
async function allSeen(tabs: readonly TabPage[], count: number): Promise<void> {
  for (const tab of tabs) {
    await expect
      .poll(async () => (await tab.seen()).length, { timeout: 60_000 })
      .toBeGreaterThanOrEqual(count);
    const seen = await tab.seen();
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(count);
  }
}

test("ten tabs use one connection, and each of them publishes and reads all", async () => {
  const tabs: TabPage[] = [];
  for (let index = 0; index < 10; index++) tabs.push(await openTab());
  await Promise.all(tabs.map((tab) => tab.untilLive()));
  expect([proxy.open, proxy.asked]).toEqual([1, 1]);
  await Promise.all(tabs.map((tab) => tab.publish(TOPIC, tab.name, named(tab.name, 0, 20))));
  await allDelivered(tabs);
  await allSeen(tabs, 200);
  expect([proxy.open, proxy.asked]).toEqual([1, 1]);
  const values = await logValues();
  expect(values.flat()).toHaveLength(200);
  expectOrder(values);
});

test("while the gateway is away no WebSocket is asked for, which Firefox would hold back for up to a minute later", async () => {
  const tab = await openTab();
  await tab.untilLive();
  await gateway.stop();
  await expect.poll(() => tab.state(), { timeout: 30_000 }).toBe("offline");
  const { knocks, asked } = proxy;
  await expect.poll(() => proxy.knocks, { timeout: 60_000 }).toBeGreaterThan(knocks + 3);
  expect(proxy.asked).toBe(asked);
  gateway = await startGateway();
  await tab.untilLive();
  expect(proxy.asked).toBe(asked + 1);
});

test("a tab that is switched off does not switch off the others, nor leave them without a connection", async () => {
  const [first, second] = [await openTab(), await openTab()];
  await Promise.all([first.untilLive(), second.untilLive()]);
  await first.goOffline();
  expect(await first.state()).toBe("offline");
  await second.publish(TOPIC, "second", named("second", 0, 5));
  await allDelivered([second]);
  await allSeen([second], 5);
  expect(await first.seen()).toEqual([]);
  expect(proxy.open).toBe(1);
  await second.goOffline();
  await expect.poll(() => proxy.open, { timeout: 10_000 }).toBe(0);
  await first.goOnline();
  await allSeen([first], 5);
  expect(await second.state()).toBe("offline");
});

test(`the tab that leads is closed or crashes, ${ROUNDS} times, while all publish: nothing is lost, twice, or out of order`, async () => {
  console.log(`RIVULET_SEED=${SEED}`);
  const random = seeded(SEED);
  const tabs: TabPage[] = [];
  for (let index = 0; index < 3; index++) tabs.push(await openTab());
  /** What was safe on the device when its tab went: it must be in the log. */
  const safe: string[] = [];
  const took: { readonly how: string; readonly ms: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(tabs.map((tab) => tab.untilLive()));
    for (const tab of tabs) {
      const from = Object.keys(await tab.fates()).length;
      await tab.publish(TOPIC, tab.name, named(tab.name, from, 1 + Math.floor(random() * 40)));
    }
    const [leader, next] = tabs.splice(0, 1).concat(tabs) as [TabPage, TabPage];
    // Some of it is on its way then, and some not stored yet.
    await leader.page.waitForTimeout(random() * 30);
    const fates = await leader.fates();
    safe.push(...Object.keys(fates).filter((value) => fates[value] !== "publishing"));
    const isCrash = random() < 0.5;
    await (isCrash ? leader.process.crash() : leader.page.close());
    const ms = await next.timeToDeliver(TOPIC, `timed ${round}`);
    took.push({ how: isCrash ? "crashed" : "closed", ms });
    tabs.push(await openTab());
  }
  await allDelivered(tabs);
  for (const how of ["closed", "crashed"]) {
    const times = took.filter((each) => each.how === how).map(({ ms }) => Math.round(ms));
    if (times.length > 0)
      console.log(`${how}: another tab has delivered a record after (ms) ${times.join(" ")}`);
  }
  expect(Math.max(...took.map(({ ms }) => ms))).toBeLessThan(TAKEOVER_MS * PATIENCE);
  expect([proxy.open, proxy.asked]).toEqual([1, ROUNDS + 1]);
  for (const tab of tabs) safe.push(...Object.keys(await tab.fates()));
  await expectInLog([...safe, ...took.map((_, round) => `timed ${round}`)]);
}, 900_000);

test("a tab that leads is frozen: another one steals the lead, and the old one does no harm when it wakes", async () => {
  const tabs = [await openTab(), await openTab(), await openTab()] as [TabPage, TabPage, TabPage];
  const [leader, ...others] = tabs;
  await Promise.all(tabs.map((tab) => tab.untilLive()));
  await Promise.all(tabs.map((tab) => tab.publish(TOPIC, tab.name, named(tab.name, 0, 50))));
  // A tab that stands still in the middle of a transaction holds up the store until the browser aborts it, after a minute.
  await allDelivered(tabs);
  await allSeen(tabs, 150);
  await leader.process.freeze();
  const ms = await others[0].timeToDeliver(TOPIC, "timed 0");
  console.log(`frozen: another tab has delivered a record after (ms) ${Math.round(ms)}`);
  expect(ms).toBeLessThan(FROZEN_TAKEOVER_MS * Math.max(1, PATIENCE / 3));
  await Promise.all(others.map((tab) => tab.publish(TOPIC, tab.name, named(tab.name, 50, 50))));
  await allDelivered(others);
  await leader.process.wake();
  await leader.publish(TOPIC, leader.name, named(leader.name, 50, 50));
  await allDelivered(tabs);
  await leader.untilLive();
  await allSeen(tabs, 301);
  await expect.poll(() => proxy.open, { timeout: 30_000 }).toBe(1);
  await expectInLog(["timed 0", ...tabs.flatMap(({ name }) => named(name, 0, 100))]);
}, 120_000);

/** Each of these once, and what else there is, too; in order. */
async function expectInLog(values: readonly string[]): Promise<void> {
  const inLog = await logValues();
  const all = inLog.flat();
  expect(new Set(all).size, "records in the log, each once").toBe(all.length);
  expect(
    values.filter((value) => !all.includes(value)),
    "what is missing",
  ).toEqual([]);
  expectOrder(inLog);
}
