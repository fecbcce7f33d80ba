import { afterEach, beforeEach, expect, test } from "vitest";
import type { Replica } from "../../web-client/core/api.ts";
import { Device } from "./browser/device.ts";
import { calmBrowser } from "./browser/faults.ts";
import { installIndexedDb } from "./browser/indexed-db.ts";
import type { Tab } from "./browser/tab.ts";
import { noDiskFaults } from "./disk/disk-faults.ts";
import { SimDisk } from "./disk/sim-disk.ts";
import { GatewayNode } from "./gateway-node.ts";
import { World } from "./kernel/world.ts";
import { Network, quiet } from "./network/network.ts";

const LIMIT_MS = 120_000;

let world: World;
let gateway: GatewayNode;
let device: Device;
let uninstall: () => void;

beforeEach(async () => {
  world = new World(3);
  uninstall = installIndexedDb(world);
  const network = new Network(world, quiet);
  const disk = new SimDisk(world, noDiskFaults);
  const config = new Map([["num.partitions", "1"]]);
  gateway = new GatewayNode({ world, network, disk, name: "gateway", config });
  device = new Device({ world, network, name: "device-1", gateway, faults: calmBrowser });
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

function publish(tab: Tab, value: string): Promise<unknown> {
  return tab.client.topic("orders").publish({ value: new TextEncoder().encode(value) }).delivered;
}

/** What a replica holds, as text, in order. */
async function held(replica: Replica<Uint8Array>): Promise<string[]> {
  const read = async (): Promise<string[]> => {
    const values: string[] = [];
    for await (const { value } of replica.read())
      values.push(new TextDecoder().decode(value ?? new Uint8Array()));
    return values;
  };
  return settle(read());
}

test("records of all tabs reach the log once, also when the tab that delivers dies", async () => {
  const tabs = [await settle(device.openTab("alice"))];
  await until(() => tabs[0]?.client.state.name === "live");
  for (let index = 0; index < 2; index++) tabs.push(await settle(device.openTab("alice")));
  const [first, second, third] = tabs as [Tab, Tab, Tab];
  await settle(Promise.all([publish(first, "one"), publish(second, "two"), publish(third, "three")]));
  gateway.kill();
  const waiting = ["four", "five"].map((value) =>
    second.client.topic("orders").publish({ value: new TextEncoder().encode(value) }),
  );
  await settle(Promise.all(waiting.map(({ queued }) => queued)));
  // It was opened first and delivers.
  first.crash();
  expect(await settle(gateway.start())).toBe(true);
  await settle(Promise.all(waiting.map(({ delivered }) => delivered)));
  await until(() => third.client.outbox.pending === 0);
  const replica = await settle(third.client.topic("orders").replicate());
  await settle(replica.caughtUp());
  const values = await held(replica);
  expect(values.slice(0, 3).toSorted()).toEqual(["one", "three", "two"]);
  expect(values.slice(3)).toEqual(["four", "five"]);
});

test("one tab writes the replica, the others read along, and one takes over from it", async () => {
  const writer = await settle(device.openTab("alice"));
  // It leads then.
  await until(() => writer.client.state.name === "live");
  const reader = await settle(device.openTab("alice"));
  await settle(publish(writer, "one"));
  const written = await settle(writer.client.topic("orders").replicate());
  await settle(written.caughtUp());
  const readAlong = await settle(reader.client.topic("orders").replicate());
  await until(() => readAlong.partitions[0]?.to === 1n);
  expect([written.partitions[0]?.state, readAlong.partitions[0]?.state]).toEqual(["live", "reading"]);
  await settle(publish(reader, "two"));
  await until(() => readAlong.partitions[0]?.to === 2n);
  expect(await held(readAlong)).toEqual(["one", "two"]);
  writer.crash();
  await settle(publish(reader, "three"));
  await until(() => readAlong.partitions[0]?.to === 3n && readAlong.partitions[0]?.state === "live");
  expect(await held(readAlong)).toEqual(["one", "two", "three"]);
});

test("a device that was wiped keeps its topic anew, under the same handles, and delivers what is published from then on", async () => {
  const before = await settle(device.openTab("alice"));
  for (const value of ["one", "two"]) await settle(publish(before, value));
  const replica = await settle(before.client.topic("orders").replicate());
  await settle(replica.caughtUp());
  expect(device.wipe()).toEqual([{ producer: "device-1/alice", outbox: true }]);
  await until(() => before.client.state.reason?.includes("thrown away") === true);
  await until(() => before.client.state.name === "live" && replica.partitions[0]?.to === 2n);
  await settle(publish(before, "three"));
  await until(() => replica.partitions[0]?.to === 3n);
  expect(await held(replica)).toEqual(["one", "two", "three"]);
  // And the next visit finds it.
  await settle(before.close());
  const after = await settle(device.openTab("alice"));
  const again = await settle(after.client.topic("orders").replicate());
  expect(await held(again)).toEqual(["one", "two", "three"]);
});
