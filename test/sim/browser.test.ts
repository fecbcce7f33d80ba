import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { aborted } from "../../sync/wait.ts";
import { HealingAccount } from "../../web-client/healing-account.ts";
import { BORN, openAccount } from "../../web-client/databases.ts";
import { IdbOutboxStore } from "../../web-client/idb-outbox-store.ts";
import { DeviceDatabases } from "./browser/databases.ts";
import { Device } from "./browser/device.ts";
import type { LostData } from "./browser/device.ts";
import { browserFaults, calmBrowser } from "./browser/faults.ts";
import type { BrowserFaults } from "./browser/faults.ts";
import { installIndexedDb } from "./browser/indexed-db.ts";
import { DeviceLocks } from "./browser/locks.ts";
import type { Tab } from "./browser/tab.ts";
import { EPOCH_MS, Process } from "./kernel/process.ts";
import { World } from "./kernel/world.ts";
import { Network, quiet } from "./network/network.ts";

const LIMIT_MS = 60_000;

let world: World;
let uninstall: () => void;

function begin(seed: number): void {
  world = new World(seed);
  uninstall = installIndexedDb(world);
}

beforeEach(() => begin(1));
afterEach(() => {
  uninstall();
  expect(world.trace.violations).toEqual([]);
});

/** Nobody is at the other end of the network. */
function lonelyDevice(faults: BrowserFaults = calmBrowser): Device {
  const gateway = { webSocketAddress: "ws://nobody:8080/ws", httpAddress: "http://nobody:8080" };
  return new Device({ world, network: new Network(world, quiet), name: "device-1", gateway, faults });
}

function settle<T>(work: Promise<T>): Promise<T> {
  return world.settle(work, LIMIT_MS, "this");
}

function until(isOver: () => boolean): Promise<boolean> {
  return world.runUntil(isOver, LIMIT_MS);
}

async function outboxOf(tab: Tab): Promise<string[]> {
  const entries = await settle(tab.client.outbox.list());
  return entries.map(({ value }) => new TextDecoder().decode(value ?? undefined));
}

function publish(tab: Tab, value: string): Promise<void> {
  return tab.client.topic("orders").publish({ value: new TextEncoder().encode(value) }).queued;
}

/** Whether a promise has settled by now. */
function isSettled(work: Promise<unknown>): () => boolean {
  let is = false;
  const mark = (): void => void (is = true);
  work.then(mark, mark);
  return () => is;
}

describe("tabs of one device", () => {
  test("two tabs have one outbox, another user's tab has another one", async () => {
    const device = lonelyDevice();
    const [one, two] = [await settle(device.openTab("alice")), await settle(device.openTab("alice"))];
    const other = await settle(device.openTab("bob"));
    await settle(Promise.all([publish(one, "a"), publish(two, "b"), publish(other, "c")]));
    expect((await outboxOf(one)).toSorted()).toEqual(["a", "b"]);
    expect(await outboxOf(two)).toEqual(await outboxOf(one));
    expect(await outboxOf(other)).toEqual(["c"]);
    // Nobody asks the second tab: the first one has told it.
    expect(await until(() => two.client.outbox.pending === 2)).toBe(true);
    await settle(one.close());
    expect(device.tabs).toEqual([two, other]);
    expect((await outboxOf(two)).toSorted()).toEqual(["a", "b"]);
  });

  test("what was queued is there after a crash and after a loss of power", async () => {
    const device = lonelyDevice();
    const first = await settle(device.openTab("alice"));
    await settle(publish(first, "before the crash"));
    first.crash();
    expect(first.isOpen).toBe(false);
    const second = await settle(device.openTab("alice"));
    await settle(publish(second, "before the power went"));
    device.losePower();
    expect(device.tabs).toEqual([]);
    const third = await settle(device.openTab("alice"));
    expect(await outboxOf(third)).toEqual(["before the crash", "before the power went"]);
  });

  test("nothing is heard of a tab that has crashed, and it hears nothing", async () => {
    const device = lonelyDevice();
    const [one, two] = [await settle(device.openTab("alice")), await settle(device.openTab("alice"))];
    let heard = 0;
    one.client.outbox.addEventListener("change", () => (heard += 1));
    one.crash();
    const late = publish(one, "too late");
    late.then(
      () => (heard += 1),
      () => (heard += 1),
    );
    await settle(publish(two, "alive"));
    await world.runUntil(() => false, 5000);
    expect(heard).toBe(0);
    expect(await outboxOf(two)).toEqual(["alive"]);
  });

  test("a frozen tab hears of everything when it wakes", async () => {
    const device = lonelyDevice();
    const [one, two] = [await settle(device.openTab("alice")), await settle(device.openTab("alice"))];
    await settle(publish(two, "before"));
    await world.runUntil(() => false, 100);
    two.freeze();
    let isHeard = false;
    two.client.outbox.addEventListener("change", () => (isHeard = true));
    await settle(publish(one, "meanwhile"));
    await world.runUntil(() => false, 5000);
    expect(isHeard).toBe(false);
    expect(two.client.outbox.pending).toBe(1);
    two.wake();
    expect(await until(() => two.client.outbox.pending === 2)).toBe(true);
    expect(await outboxOf(two)).toEqual(["before", "meanwhile"]);
  });

  test("when the browser throws the store away every tab with it says so, and goes on with an empty one", async () => {
    const device = lonelyDevice();
    const tabs = [await settle(device.openTab("alice")), await settle(device.openTab("alice"))];
    const other = await settle(device.openTab("bob"));
    const lost = tabs.map((tab) => tab.client.topic("orders").publish({ value: new Uint8Array(1) }));
    await settle(Promise.all(lost.map(({ queued }) => queued)));
    const told: string[] = [];
    for (const [index, { delivered }] of lost.entries())
      delivered.catch((error: unknown) => told.push(`${index} ${String(error)}`));
    tabs[1]?.freeze();
    expect(device.wipe()).toEqual([
      { producer: "device-1/alice", outbox: true },
      { producer: "device-1/bob", outbox: true },
    ]);
    expect(await until(() => told.length === 1)).toBe(true);
    expect(told[0]).toMatch(/^0 .*thrown away.*may have been delivered before/);
    expect(await outboxOf(tabs[0] as Tab)).toEqual([]);
    await settle(publish(tabs[0] as Tab, "after"));
    const [first] = await settle((tabs[0] as Tab).client.outbox.list());
    // It hears of what has gone when it wakes; no record of the new store has the id of one of the old.
    tabs[1]?.wake();
    expect(await until(() => told.length === 2)).toBe(true);
    for (const tab of tabs) {
      expect(await outboxOf(tab)).toEqual(["after"]);
      expect((await settle(tab.client.storageStatus())).lost).toMatch(/thrown away .* at 20/);
    }
    expect(await until(() => other.client.outbox.pending === 0)).toBe(true);
    expect(first?.id).toBeGreaterThan(world.nowMs);
    expect([...tabs, other].some((tab) => tab.isLost)).toBe(false);
  });

  test("a record whose transaction the browser aborts is not queued, and is not there", async () => {
    const device = lonelyDevice({ ...calmBrowser, abortRate: 0.2 });
    const tab = await settle(device.openTab("alice"));
    const fates: boolean[] = [];
    const values = Array.from({ length: 60 }, (_, index) => `record ${index}`);
    for (const value of values) {
      fates.push(
        await settle(
          publish(tab, value).then(
            () => true,
            () => false,
          ),
        ),
      );
    }
    expect(fates).toContain(true);
    expect(fates).toContain(false);
    device.heal();
    expect(await outboxOf(tab)).toEqual(values.filter((_, index) => fates[index]));
  });

  test("a tab that crashes while it is opened is opened again, whoever waits for the database", async () => {
    const device = lonelyDevice({ ...calmBrowser, crashAtOpeningRate: 0.8, slowRate: 0.5 });
    const opening = ["alice", "alice", "alice", "bob"].map((principal) => device.openTab(principal));
    const tabs = await settle(Promise.all(opening));
    expect(tabs.every((tab) => tab.isOpen && tab.client.storage === "indexeddb")).toBe(true);
    expect(world.trace.counts.get("tab: crashed while it was opened")).toBeGreaterThan(2);
    await settle(Promise.all(tabs.map((tab) => publish(tab, tab.name))));
  });

  test("the clock of a device is that of all its tabs, and jumps under them", async () => {
    const device = lonelyDevice();
    device.clockAheadMs = 1000;
    const tab = await settle(device.openTab("alice"));
    await settle(publish(tab, "a second ahead"));
    device.clockAheadMs = -3_600_000;
    await settle(publish(tab, "an hour behind"));
    const [first, second] = await settle(tab.client.outbox.list());
    expect((first?.timestamp ?? 0) - EPOCH_MS).toBeGreaterThanOrEqual(1000);
    expect((second?.timestamp ?? 0) - EPOCH_MS).toBeLessThan(-3_500_000);
  });
});

describe("databases of one device", () => {
  /** A store of an account's outbox, opened by a process of its own. */
  async function visit(databases: DeviceDatabases, name: string) {
    const process = new Process(world, name);
    const onLost = (): void => undefined;
    const opening = { databases: databases.of(process), name: "account", now: () => 0, onLost };
    const account = new HealingAccount(opening);
    return { process, account, store: new IdbOutboxStore(account) };
  }

  const databasesOf = (faults: BrowserFaults): DeviceDatabases =>
    new DeviceDatabases(world, world.random.fork("databases"), faults);

  test("a crash in the middle of a transaction leaves all of it or nothing", async () => {
    const databases = databasesOf({ ...calmBrowser, slowRate: 0.2 });
    let isThere = 0;
    for (let round = 1; round <= 200; round++) {
      const { process, store } = await visit(databases, `writer ${round}`);
      void store.transact("readwrite", async (rows) => {
        const count = await rows.term();
        for (let index = 0; index < 3; index++) await rows.putProducerId(`cluster ${index}`, BigInt(round));
        await rows.putTerm(count + 1);
      });
      world.after(world.random.delay(0, 8), () => process.kill());
      await world.runUntil(() => !process.isAlive, LIMIT_MS);
      const reader = await visit(databases, `reader ${round}`);
      const [count, ...ids] = await settle(
        reader.store.transact("readonly", async (rows) => [
          await rows.term(),
          ...(await Promise.all([0, 1, 2].map((index) => rows.producerId(`cluster ${index}`)))),
        ]),
      );
      const expected = count === isThere ? [] : [BigInt(round)];
      if (expected.length > 0) expect(ids).toEqual([BigInt(round), BigInt(round), BigInt(round)]);
      else expect(ids).not.toContain(BigInt(round));
      expect(Number(count) - isThere).toBeOneOf([0, 1]);
      isThere = Number(count);
      reader.process.kill();
    }
    expect(isThere).toBeGreaterThan(20);
    expect(isThere).toBeLessThan(180);
  });

  test("a tab that freezes in the middle of a transaction keeps the others from its stores until it wakes", async () => {
    const databases = databasesOf(calmBrowser);
    const [one, two] = [await visit(databases, "one"), await visit(databases, "two")];
    const first = one.store.transact("readwrite", async (rows) => {
      await rows.putTerm(1);
      one.process.freeze();
      await rows.putTerm(2);
    });
    let seen: number | undefined;
    const second = two.store.transact("readonly", async (rows) => void (seen = await rows.term()));
    const isFirstOver = isSettled(first);
    await world.runUntil(() => false, 5000);
    expect([isFirstOver(), seen]).toEqual([false, undefined]);
    one.process.wake();
    await settle(Promise.all([first, second]));
    expect(seen).toBe(2);
  });

  test("a loss of power takes the last relaxed transactions, and none before a strict one", async () => {
    const lengths = new Set<number>();
    for (let round = 0; round < 30; round++) {
      const databases = databasesOf(calmBrowser);
      const { process, account } = await visit(databases, `writer ${round}`);
      await settle(account.open());
      const write = async (key: string, durability: IDBTransactionDurability): Promise<void> => {
        const transaction = await account.begin(["facts"], "readwrite", { durability });
        await Promise.all([transaction.objectStore("facts").put(key, key), transaction.done]);
      };
      await settle(write("1 relaxed", "relaxed"));
      await settle(write("2 strict", "strict"));
      for (const key of ["3", "4", "5"]) await settle(write(key, "relaxed"));
      process.kill();
      databases.losePower();
      const reader = await visit(databases, `reader ${round}`);
      const facts = await settle(reader.account.begin(["facts"], "readonly"));
      // What says when it was made is there, too.
      const keys = (await settle(facts.objectStore("facts").getAllKeys())).filter((key) => key !== BORN);
      expect(keys).toEqual(["1 relaxed", "2 strict", "3", "4", "5"].slice(0, keys.length));
      expect(keys.length).toBeGreaterThanOrEqual(2);
      lengths.add(keys.length);
    }
    expect([...lengths].toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5]);
  });
});

test("a read that the browser aborts is heard of once, and is no rejection that nobody has handled", async () => {
  const databases = new DeviceDatabases(world, world.random.fork("databases"), calmBrowser);
  const process = new Process(world, "reader");
  const database = await settle(openAccount(databases.of(process), "account", () => undefined, 0));
  const unhandled: unknown[] = [];
  const hear = (error: unknown): void => void unhandled.push(error);
  globalThis.process.on("unhandledRejection", hear);
  try {
    const reads = [database.get("facts", "a"), database.getAll("facts"), database.getAllKeys("topics")];
    databases.delete("account");
    const fates = await settle(Promise.allSettled(reads));
    expect(fates.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    await world.runUntil(() => false, 100);
    expect(unhandled).toEqual([]);
  } finally {
    globalThis.process.off("unhandledRejection", hear);
  }
});

test("locks go to whoever waited first, and a dead tab gives back what it had", async () => {
  const locks = new DeviceLocks(world);
  const [one, two, three] = ["one", "two", "three"].map((name) => new Process(world, name)) as [
    Process,
    Process,
    Process,
  ];
  const { signal } = new AbortController();
  const held: string[] = [];
  const hold = (process: Process, until: Promise<void>, ends = signal): Promise<void> =>
    locks.of(process).hold("lock", ends, () => {
      held.push(process.name);
      return until;
    });
  const never = new Promise<void>(() => undefined);
  const wait = (): Promise<boolean> => world.runUntil(() => false, 20);
  void hold(one, never);
  await wait();
  const givesUp = new AbortController();
  const second = hold(two, never, givesUp.signal);
  await wait();
  const third = hold(three, Promise.resolve());
  await wait();
  givesUp.abort();
  await settle(second);
  expect(held).toEqual(["one"]);
  one.kill();
  await settle(third);
  expect(held).toEqual(["one", "three"]);
});

test("a lock that was stolen from a frozen tab is gone when it wakes, and who waited waits on", async () => {
  const locks = new DeviceLocks(world);
  const [one, two, three] = ["one", "two", "three"].map((name) => new Process(world, name)) as [
    Process,
    Process,
    Process,
  ];
  const { signal } = new AbortController();
  const told: string[] = [];
  const hold = (process: Process): Promise<void> =>
    locks.of(process).hold("lock", signal, async (stolen) => {
      told.push(`${process.name} has it`);
      await aborted(stolen);
      told.push(`${process.name} has lost it`);
    });
  const first = hold(one);
  expect(await world.runUntil(() => told.length === 1, 20)).toBe(true);
  void hold(three);
  one.freeze();
  const stealing = locks.of(two).steal("lock", () => {
    told.push("two has stolen it");
    return world.sleep(50);
  });
  await world.runUntil(() => false, 20);
  expect(told).toEqual(["one has it", "two has stolen it"]);
  one.wake();
  await settle(first);
  expect(told.at(-1)).toBe("one has lost it");
  await settle(stealing);
  expect(await world.runUntil(() => told.at(-1) === "three has it", 20)).toBe(true);
});

test("whatever befalls a device, what was queued is in its outbox once, unless the outbox was thrown away", async () => {
  for (let seed = 1; seed <= 15; seed++) {
    uninstall();
    begin(seed);
    const { random } = world;
    const device = lonelyDevice(browserFaults(random.next()));
    const queued = new Map([
      ["alice", new Set<string>()],
      ["bob", new Set<string>()],
    ]);
    const forget = (lost: readonly LostData[]): void => {
      for (const { producer, outbox } of lost) if (outbox) queued.get(producer.split("/")[1] ?? "")?.clear();
    };
    const befalls = [
      (): void => void (device.tabs.length > 0 && random.pick(device.tabs).crash()),
      (): void => void (device.tabs.length > 0 && random.pick(device.tabs).freeze()),
      (): void => device.losePower(),
      (): void => forget(device.wipe()),
      (): void => forget(device.deleteDatabase()),
      (): void => void (device.clockAheadMs += random.between(-100_000, 100_000)),
    ];
    for (let index = 0; index < 60; index++) {
      if (device.tabs.length < 3) void device.openTab(random.pick(["alice", "bob"]));
      for (const tab of device.tabs) {
        if (tab.isLost) void tab.close();
        else if (random.chance(0.1)) tab.wake();
      }
      await world.runUntil(() => false, random.delay(0, 200));
      if (device.tabs.length > 0) {
        const tab = random.pick(device.tabs);
        const value = `${tab.principal} ${index}`;
        publish(tab, value).then(
          () => queued.get(tab.principal)?.add(value),
          () => undefined,
        );
      }
      if (random.chance(0.2)) random.pick(befalls)();
    }
    device.heal();
    for (const tab of device.tabs) tab.wake();
    await world.runUntil(() => false, 1000);
    for (const [principal, values] of queued) {
      const found = await outboxOf(await settle(device.openTab(principal)));
      expect(found, `seed ${seed}: each record once`).toEqual([...new Set(found)]);
      expect(
        [...values].filter((value) => !found.includes(value)),
        `seed ${seed}: lost`,
      ).toEqual([]);
    }
    expect(world.trace.violations, `seed ${seed}`).toEqual([]);
  }
});

test("the same seed is the same history", async () => {
  const digests: string[] = [];
  for (const seed of [7, 7, 8]) {
    uninstall();
    begin(seed);
    const device = lonelyDevice(browserFaults(1));
    const tabs = await settle(Promise.all(["alice", "alice", "bob"].map((name) => device.openTab(name))));
    for (let index = 0; index < 30; index++) {
      const tab = world.random.pick(tabs);
      if (!tab.isOpen) continue;
      publish(tab, `record ${index}`).then(
        () => world.trace.say(tab.name, `queued ${index}`),
        (error: Error) => world.trace.say(tab.name, `not queued ${index}: ${error.name}`),
      );
      await world.runUntil(() => false, world.random.delay(0, 30));
      if (index === 10) tab.crash();
      if (index === 15) tab.freeze();
    }
    for (const tab of device.tabs) tab.wake();
    await world.runUntil(() => false, 1000);
    digests.push(`${world.trace.digest} after ${world.events} events`);
  }
  expect(digests[0]).toBe(digests[1]);
  expect(digests[0]).not.toBe(digests[2]);
});
