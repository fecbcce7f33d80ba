/** Tabs that share one connection, on a simulated clock: who leads, and how soon somebody else does. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { Device } from "./browser/device.ts";
import { calmBrowser } from "./browser/faults.ts";
import { installIndexedDb } from "./browser/indexed-db.ts";
import type { Tab } from "./browser/tab.ts";
import { allCode } from "../../web-client/client-code.ts";
import { noDiskFaults } from "./disk/disk-faults.ts";
import { SimDisk } from "./disk/sim-disk.ts";
import { GatewayNode } from "./gateway-node.ts";
import { World } from "./kernel/world.ts";
import { Network, quiet } from "./network/network.ts";

const LIMIT_MS = 120_000;

let world: World;
let gateway: GatewayNode;
let device: Device;
/** What the next tab has. */
let code = allCode;
let uninstall: () => void;

beforeEach(async () => {
  world = new World(5);
  uninstall = installIndexedDb(world);
  const network = new Network(world, quiet);
  const disk = new SimDisk(world, noDiskFaults);
  const config = new Map([["num.partitions", "1"]]);
  gateway = new GatewayNode({ world, network, disk, name: "gateway", config });
  code = allCode;
  device = new Device({
    world,
    network,
    name: "device-1",
    gateway,
    faults: calmBrowser,
    code: () => code,
  });
  expect(await settle(gateway.start())).toBe(true);
});

afterEach(() => {
  uninstall();
  expect(world.trace.violations).toEqual([]);
});

function settle<T>(work: Promise<T>): Promise<T> {
  return world.settle(work, LIMIT_MS, "this");
}

async function until(isSo: () => boolean): Promise<void> {
  expect(await world.runUntil(isSo, LIMIT_MS), isSo.toString()).toBe(true);
}

/** The first one leads. */
async function open(count: number): Promise<Tab[]> {
  const tabs: Tab[] = [];
  for (let index = 0; index < count; index++) {
    tabs.push(await settle(device.openTab("alice")));
    await until(() => tabs.every(({ client }) => client.state.name === "live"));
  }
  return tabs;
}

function publish(tab: Tab, value: string): Promise<unknown> {
  return tab.client.topic("orders").publish({ key: "k", value: new TextEncoder().encode(value) }).delivered;
}

/** Simulated milliseconds until a record that `tab` publishes now is in the log. */
async function timeToDeliver(tab: Tab, value: string): Promise<number> {
  const begunMs = world.nowMs;
  await settle(publish(tab, value));
  return world.nowMs - begunMs;
}

/** What a tab's subscription has given so far. */
function reading(tab: Tab): string[] {
  const values: string[] = [];
  void (async () => {
    for await (const { value } of tab.client.topic("orders").subscribe({ from: "earliest" }))
      values.push(new TextDecoder().decode(value ?? undefined));
  })();
  return values;
}

test("a tab that leads is closed: another one delivers within half a second", async () => {
  const [first, second, third] = (await open(3)) as [Tab, Tab, Tab];
  await settle(publish(first, "one"));
  const read = reading(third);
  const closing = first.close();
  expect(await timeToDeliver(second, "two")).toBeLessThan(500);
  await settle(closing);
  await until(() => read.length === 2);
  expect(read).toEqual(["one", "two"]);
});

test("a tab that leads has crashed: another one delivers within half a second, and readers read on", async () => {
  const [first, second, third] = (await open(3)) as [Tab, Tab, Tab];
  await settle(publish(third, "one"));
  const read = reading(third);
  await until(() => read.length === 1);
  first.crash();
  expect(await timeToDeliver(third, "two")).toBeLessThan(500);
  second.crash();
  expect(await timeToDeliver(third, "three")).toBeLessThan(500);
  await until(() => read.length === 3);
  expect(read).toEqual(["one", "two", "three"]);
});

test("a tab that leads is frozen: another one delivers within six seconds, and the old one does no harm when it wakes", async () => {
  const [first, second] = (await open(2)) as [Tab, Tab];
  await settle(publish(first, "one"));
  // A frozen tab keeps what it has begun with the store: this one has begun nothing.
  await until(() => first.client.outbox.pending === 0);
  first.freeze();
  const tookMs = await timeToDeliver(second, "two");
  expect(tookMs).toBeGreaterThan(1000);
  expect(tookMs).toBeLessThan(6000);
  await settle(publish(second, "three"));
  first.wake();
  await until(() => first.client.state.name === "live");
  expect(await timeToDeliver(first, "four")).toBeLessThan(500);
  const read = reading(first);
  await until(() => read.length === 4);
  expect(read).toEqual(["one", "two", "three", "four"]);
});

test("a tab that is switched off takes no connection from the others, and the last one closes it", async () => {
  const [first, second] = (await open(2)) as [Tab, Tab];
  first.client.goOffline();
  expect(first.client.state.name).toBe("offline");
  expect(await timeToDeliver(second, "one")).toBeLessThan(500);
  // The device delivers what waits on it, whichever tab has published it.
  expect(await timeToDeliver(first, "two")).toBeLessThan(500);
  second.client.goOffline();
  const waiting = publish(second, "three");
  await world.runUntil(() => false, 5000);
  expect(second.client.outbox.pending).toBe(1);
  first.client.goOnline();
  await settle(waiting);
  expect([first.client.state.name, second.client.state.name]).toEqual(["live", "offline"]);
});

test("all tabs tell that the gateway is away, and that it is back", async () => {
  const tabs = await open(3);
  gateway.kill();
  await until(() => tabs.every(({ client }) => client.state.name === "offline"));
  for (const { client } of tabs) expect(client.state.reason).toContain("trying again");
  expect(await settle(gateway.start())).toBe(true);
  await until(() => tabs.every(({ client }) => client.state.name === "live"));
});

test("a replica that another tab keeps is written by the one that leads, and deleted when nobody keeps it", async () => {
  const [leader, keeper] = (await open(2)) as [Tab, Tab];
  await settle(publish(leader, "one"));
  const replica = await settle(keeper.client.topic("orders").replicate());
  await settle(replica.caughtUp());
  expect(replica.partitions.map(({ state, to }) => [state, to])).toEqual([["reading", 1n]]);
  leader.crash();
  await settle(publish(keeper, "two"));
  await until(() => replica.partitions[0]?.state === "live" && replica.heldRecords === 2);
  await settle(replica.delete());
  const [topic] = await settle(keeper.client.topics());
  expect(topic?.partitions[0]?.held).toBeUndefined();
});

test("tabs of one old build, none of which finds what delivers, come to rest instead of leading in turn; the first that has it delivers", async () => {
  code = { ...allCode, delivery: () => Promise.reject(new TypeError("404: ./worker-delivery.js")) };
  const tabs = await open(3);
  const sent = publish(tabs[0] as Tab, "one");
  let ends = 0;
  for (const { client } of tabs)
    client.addEventListener("state", ({ state }) => (ends += state.name === "live" ? 0 : 1));
  await world.runUntil(() => false, 60_000);
  ends = 0;
  await world.runUntil(() => false, 300_000);
  expect(ends).toBe(0);
  expect(tabs[0]?.client.outbox.problem).toContain("404");
  code = allCode;
  const fresh = await settle(device.openTab("alice"));
  await settle(sent);
  expect(fresh.client.outbox.problem).toBeUndefined();
});
