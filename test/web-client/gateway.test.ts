/** The SDK in a real browser against a real gateway. */
import { Kafka, logLevel } from "kafkajs";
import type { Page } from "playwright";
import { expect, test, vi } from "vitest";
import type * as Sdk from "../../web-client/index.ts";
import { onPageError } from "../tools/browser.ts";
import { sdkGround } from "./sdk-ground.ts";

declare const sdk: typeof Sdk;
declare let client: Sdk.Rivulet;

const ground = sdkGround(["--config", "num.partitions=2"]);

async function openPage(options: { offline?: boolean } = {}): Promise<Page> {
  const page = await ground.browser.newPage(ground.context);
  onPageError(page, (error) => {
    throw error;
  });
  await ground.connect(page, options);
  return page;
}

function untilLive(page: Page): Promise<void> {
  return page.evaluate(async () => {
    while (client.state.name !== "live") {
      await new Promise((resolve) => client.addEventListener("state", resolve, { once: true }));
    }
  });
}

test("what a tab publishes, another reads from the start and then live, in order per key", async () => {
  const [writer, reader] = [await openPage(), await openPage()];
  expect(await writer.evaluate(() => client.storage)).toBe("indexeddb");
  const delivered = await writer.evaluate(async () => {
    const orders = client.topic("orders", { value: sdk.json<{ n: number }>() });
    const sent = Array.from({ length: 50 }, (_, n) =>
      orders.publish({ key: `k${n % 5}`, value: { n }, headers: [{ key: "h", value: null }] }),
    );
    return (await Promise.all(sent.map((each) => each.delivered))).map(
      ({ partition, offset }) => `${partition}/${offset}`,
    );
  });
  expect(new Set(delivered).size).toBe(50);
  const reading = reader.evaluate(async () => {
    const seen: { n: number; key: string | null; place: string }[] = [];
    const orders = client.topic("orders", { value: sdk.json<{ n: number }>() });
    for await (const record of orders.subscribe({ from: "earliest" })) {
      seen.push({ n: record.value?.n ?? -1, key: record.key, place: `${record.partition}/${record.offset}` });
      if (seen.length === 60) break;
    }
    return seen;
  });
  await writer.evaluate(async () => {
    const orders = client.topic("orders", { value: sdk.json<{ n: number }>() });
    for (let n = 50; n < 60; n++) await orders.publish({ key: `k${n % 5}`, value: { n } }).delivered;
  });
  const seen = await reading;
  for (const [index, place] of delivered.entries())
    expect(seen.find((each) => each.place === place)?.n).toBe(index);
  for (let key = 0; key < 5; key++) {
    const ns = seen.filter((each) => each.key === `k${key}`).map((each) => each.n);
    expect(ns).toEqual([...ns].sort((a, b) => a - b));
    expect(ns).toHaveLength(12);
  }
});

test("published offline, closed, opened again, delivered once when the gateway is back", async () => {
  const first = await openPage();
  await first.evaluate(
    () => client.topic("notes", { value: sdk.text() }).publish({ value: "online" }).delivered,
  );
  const { httpPort } = ground.gateway;
  await ground.gateway.stop();
  await first.evaluate(async () => {
    const notes = client.topic("notes", { value: sdk.text() });
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => notes.publish({ key: "one", value: `offline ${n}` }).queued),
    );
  });
  expect(await first.evaluate(() => client.outbox.list().then((list) => list.length))).toBe(100);
  await first.close();
  const second = await openPage();
  expect(await second.evaluate(() => client.outbox.pending)).toBe(100);
  expect(await second.evaluate(() => client.clusterId)).toBe(ground.gateway.clusterId);
  await ground.startGateway(httpPort);
  await untilLive(second);
  const values = await second.evaluate(async () => {
    while (client.outbox.pending > 0)
      await new Promise((resolve) => client.outbox.addEventListener("change", resolve, { once: true }));
    const values: string[] = [];
    for await (const record of client.topic("notes", { value: sdk.text() }).subscribe({ from: "earliest" })) {
      values.push(record.value ?? "");
      if (values.length === 101) break;
    }
    return values;
  });
  expect(values.filter((value) => value !== "online")).toEqual(
    Array.from({ length: 100 }, (_, n) => `offline ${n}`),
  );
});

test("a replica takes history over HTTP, goes on live, and is read without the gateway and after a reload", async () => {
  const page = await openPage();
  await page.evaluate(async () => {
    const lines = client.topic("lines", { value: sdk.text(), key: sdk.text() });
    const sent = Array.from({ length: 5000 }, (_, n) =>
      lines.publish({ key: "same", value: `line ${n} ${"x".repeat(n % 97)}` }),
    );
    await Promise.all(sent.map((each) => each.delivered));
  });
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  const held = await page.evaluate(async () => {
    const replica = await client.topic("lines", { value: sdk.text() }).replicate();
    await replica.caughtUp();
    return { records: replica.heldRecords, states: replica.partitions.map(({ state }) => state) };
  });
  expect(held.records).toBe(5000);
  expect(requests.some((path) => path.startsWith("/log/"))).toBe(true);
  await page.evaluate(async () => {
    const lines = client.topic("lines", { value: sdk.text() });
    for (let n = 5000; n < 5010; n++)
      await lines.publish({ key: "same", value: `line ${n} ${"x".repeat(n % 97)}` }).delivered;
    const replica = await lines.replicate();
    while (replica.heldRecords < 5010)
      await new Promise((resolve) => replica.addEventListener("progress", resolve, { once: true }));
  });
  console.log(
    await page.evaluate(async () =>
      (await client.topics()).map(({ name, id, partitions }) => ({
        name,
        id,
        held: partitions.map((each) => String(each.held?.to)),
      })),
    ),
  );
  await ground.gateway.stop();
  await page.close();
  const again = await openPage();
  const values = await again.evaluate(async () => {
    const replica = await client.topic("lines", { value: sdk.text() }).replicate();
    while (replica.heldRecords < 5010)
      await new Promise((resolve) => replica.addEventListener("progress", resolve, { once: true }));
    const values: string[] = [];
    for await (const record of replica.read()) values.push(record.value ?? "");
    return values;
  });
  expect(values).toEqual(Array.from({ length: 5010 }, (_, n) => `line ${n} ${"x".repeat(n % 97)}`));
  const topics = await again.evaluate(async () =>
    (await client.topics()).map(({ name, partitions }) => ({
      name,
      held: partitions.map((each) => String(each.held?.to)),
    })),
  );
  expect(topics.map(({ name }) => name)).toEqual(["lines"]);
  expect(topics[0]?.held).toContain("5010");
});

test("two tabs on one store: each record once, one replica is written, the other tab reads along and takes over", async () => {
  const tabs = [await openPage(), await openPage()];
  const lanes = await Promise.all(
    tabs.map((tab, index) =>
      tab.evaluate(async (index) => {
        const both = client.topic("both", { value: sdk.text() });
        const sent = Array.from({ length: 100 }, (_, n) =>
          both.publish({ key: `tab ${index}`, value: `${index}:${n}` }),
        );
        return (await Promise.all(sent.map((each) => each.delivered))).map(
          ({ partition, offset }) => `${partition}/${offset}`,
        );
      }, index),
    ),
  );
  expect(new Set(lanes.flat()).size).toBe(200);
  const states = await Promise.all(
    tabs.map((tab) =>
      tab.evaluate(async () => {
        const replica = await client.topic("both", { value: sdk.text() }).replicate();
        while (replica.heldRecords < 200)
          await new Promise((resolve) => replica.addEventListener("progress", resolve, { once: true }));
        const values: string[] = [];
        for await (const record of replica.read()) values.push(record.value ?? "");
        return { values, states: replica.partitions.map(({ state }) => state === "reading") };
      }),
    ),
  );
  for (const { values } of states) expect(new Set(values).size).toBe(200);
  for (const partition of [0, 1])
    expect(states.filter((tab) => tab.states[partition] === false)).toHaveLength(1);
  const [first, second] = tabs;
  const following = second?.evaluate(async () => {
    const replica = await client.topic("both", { value: sdk.text() }).replicate();
    let count = 0;
    for await (const record of replica.follow()) {
      count += 1;
      if (record.value === "last") return count;
    }
    return -1;
  });
  await first?.close();
  await second?.evaluate(
    () => client.topic("both", { value: sdk.text() }).publish({ key: "tab 0", value: "last" }).delivered,
  );
  expect(await following).toBe(201);
  expect(
    await second?.evaluate(async () =>
      (await client.topic("both").replicate()).partitions.map(({ state }) => state),
    ),
  ).toEqual(["live", "live"]);
});

test("another gateway behind the same address: what was meant for the first is held, and asks", async () => {
  const page = await openPage();
  await page.evaluate(
    () => client.topic("notes", { value: sdk.text() }).publish({ value: "first" }).delivered,
  );
  const { httpPort } = ground.gateway;
  await ground.gateway.stop();
  await page.evaluate(() => client.topic("notes", { value: sdk.text() }).publish({ value: "second" }).queued);
  await ground.clearGateway();
  await ground.startGateway(httpPort);
  const listed = await page.evaluate(async () => {
    while (client.outbox.asking === 0)
      await new Promise((resolve) => client.outbox.addEventListener("change", resolve, { once: true }));
    const list = await client.outbox.list();
    return list.map(({ id, state }) => ({ id, state }));
  });
  expect(listed).toMatchObject([{ state: "held" }]);
  const value = await page.evaluate(
    async (ids) => {
      await client.outbox.retry(ids);
      for await (const record of client.topic("notes", { value: sdk.text() }).subscribe({ from: "earliest" }))
        return record.value;
      return undefined;
    },
    listed.map(({ id }) => id),
  );
  expect(value).toBe("second");
});

test("goOffline stops the connection and says so, goOnline brings it back, close ends iterators", async () => {
  const page = await openPage();
  await untilLive(page);
  const states = await page.evaluate(async () => {
    const states: string[] = [];
    client.addEventListener("state", ({ state }) => states.push(state.name));
    client.goOffline();
    client.goOnline();
    while (client.state.name !== "live")
      await new Promise((resolve) => client.addEventListener("state", resolve, { once: true }));
    const iterator = client.topic("nothing-yet").subscribe();
    const next = iterator.next();
    await client.close();
    const { done } = await next;
    return [...states, String(done)];
  });
  expect(states).toEqual(["offline", "connecting", "live", "closed", "true"]);
});

test("an origin without Web Locks works in memory, says so, and keeps nothing", async () => {
  await ground.context.addInitScript(() =>
    Object.defineProperty(Navigator.prototype, "locks", { value: undefined }),
  );
  const page = await openPage();
  const result = await page.evaluate(async () => {
    const notes = client.topic("notes", { value: sdk.text() });
    await Promise.all([1, 2, 3].map((n) => notes.publish({ key: "k", value: `note ${n}` }).delivered));
    const replica = await notes.replicate();
    await replica.caughtUp();
    const values: (string | null)[] = [];
    for await (const record of replica.read()) values.push(record.value);
    return { storage: client.storage, values, databases: (await indexedDB.databases()).length };
  });
  expect(result).toEqual({ storage: "memory", values: ["note 1", "note 2", "note 3"], databases: 0 });
});

test("a topic that the gateway does not make: the records wait, the reason is told, and they go once it is there", async () => {
  await ground.gateway.stop();
  await ground.startGateway(undefined, ["--config", "auto.create.topics.enable=false"]);
  const page = await openPage();
  const problem = await page.evaluate(async () => {
    await client.topic("later", { value: sdk.text() }).publish({ value: "patience" }).queued;
    while (client.outbox.problem === undefined)
      await new Promise((resolve) => client.outbox.addEventListener("change", resolve, { once: true }));
    return client.outbox.problem;
  });
  expect(problem).toContain("later");
  expect(await page.evaluate(() => client.outbox.pending)).toBe(1);
  const kafka = new Kafka({
    clientId: "test",
    brokers: [`127.0.0.1:${ground.gateway.kafkaPort}`],
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: "later", numPartitions: 1 }] });
  await admin.disconnect();
  await page.evaluate(async () => {
    while (client.outbox.pending > 0)
      await new Promise((resolve) => client.outbox.addEventListener("change", resolve, { once: true }));
  });
  expect(await page.evaluate(() => client.outbox.problem)).toBeUndefined();
});

test("a topic that gets more partitions: subscribers and replicas have them, too", async () => {
  const page = await openPage();
  await page.evaluate(
    () => client.topic("grows", { value: sdk.text() }).publish({ key: "a", value: "first" }).delivered,
  );
  const reading = page.evaluate(async () => {
    const grows = client.topic("grows", { value: sdk.text() });
    const replica = await grows.replicate();
    const count = async (records: AsyncIterable<unknown>): Promise<number> => {
      let seen = 0;
      for await (const _ of records) if (++seen === 41) break;
      return seen;
    };
    return Promise.all([
      count(grows.subscribe({ from: "earliest" })),
      count(replica.follow()),
      count(replica.follow()),
    ]);
  });
  // A replica that nobody reads, in another tab's place.
  const unread = await openPage();
  await unread.evaluate(async () => {
    const replica = await client.topic("grows", { value: sdk.text() }).replicate();
    Object.assign(globalThis, { partitions: () => replica.partitions.map(({ partition }) => partition) });
  });
  const kafka = new Kafka({
    clientId: "test",
    brokers: [`127.0.0.1:${ground.gateway.kafkaPort}`],
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic: "grows", count: 7 }] });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: 40 }, (_, n) => ({ partition: n % 7, value: `more ${n}` }));
  await producer.send({ topic: "grows", messages });
  await producer.disconnect();
  // As the console does; without anybody's asking it would take up to five minutes.
  await page.evaluate(() => client.topics());
  expect(await reading).toEqual([41, 41, 41]);
  await unread.evaluate(() => client.topics());
  const kept = await unread.evaluate(() =>
    (globalThis as unknown as { partitions(): number[] }).partitions(),
  );
  expect(kept).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

/** The topic "keeps" with `keys` keys, each written `times` times. */
async function fillTopic(page: Page, keys: number, times: number, bytes = 1000): Promise<void> {
  await page.evaluate(
    async ({ keys, times, bytes }) => {
      const keeps = client.topic("keeps", { value: sdk.text() });
      // What cannot be compressed takes the room that it has.
      const noise = (length: number): string =>
        Array.from({ length }, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join("");
      const sent: Promise<unknown>[] = [];
      for (let time = 0; time < times; time++)
        for (let key = 0; key < keys; key++)
          sent.push(keeps.publish({ key: `k${key}`, value: `${time} ${noise(bytes)}` }).delivered);
      await Promise.all(sent);
    },
    { keys, times, bytes },
  );
}

async function createKept(configs: Record<string, string>): Promise<void> {
  const brokers = [`127.0.0.1:${ground.gateway.kafkaPort}`];
  const admin = new Kafka({ clientId: "test", brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic: "keeps", numPartitions: 1, configEntries }] });
  await admin.disconnect();
}

test("of a compacted topic the device keeps the last record of each key within its budget, and finds it offline, in every tab", async () => {
  await createKept({ "cleanup.policy": "compact" });
  const [page, along] = [await openPage(), await openPage()];
  await fillTopic(page, 50, 20);
  const look = async () => {
    const replica = await client
      .topic("keeps", { value: sdk.text() })
      .replicate({ keep: { bytes: 200_000 } });
    await replica.caughtUp();
    const isWithin = (): boolean => replica.heldBytes <= 200_000;
    while (!isWithin())
      await new Promise((resolve) => replica.addEventListener("progress", resolve, { once: true }));
    const latest = await Promise.all(["k0", "k49", "none"].map((key) => replica.latest(key)));
    const newest: string[] = [];
    for await (const { key } of replica.read({ partition: 0, direction: "backward" })) {
      newest.push(key ?? "");
      if (newest.length === 2) break;
    }
    return { latest: latest.map((record) => record?.value?.slice(0, 3)), newest };
  };
  const expected = { latest: ["19 ", "19 ", undefined], newest: ["k49", "k48"] };
  expect(await page.evaluate(look)).toEqual(expected);
  expect(await along.evaluate(look)).toEqual(expected);
  await page.close();
  await along.close();
  const offline = await openPage({ offline: true });
  const found = await offline.evaluate(async () => {
    const replica = await client
      .topic("keeps", { value: sdk.text() })
      .replicate({ keep: { bytes: 200_000 } });
    while (replica.partitions[0]?.to === 0n)
      await new Promise((resolve) => replica.addEventListener("progress", resolve, { once: true }));
    return (await replica.latest("k7"))?.value?.slice(0, 2);
  });
  expect(found).toBe("19");
});

test("a replica that the browser throws away under the page is said to be gone, and is fetched anew", async () => {
  const page = await openPage();
  await fillTopic(page, 10, 10);
  const outcome = await page.evaluate(async () => {
    const replica = await client.topic("keeps", { value: sdk.text() }).replicate();
    await replica.caughtUp();
    const held = replica.heldRecords;
    const reasons = new Set<string>();
    replica.addEventListener("progress", () => {
      for (const { reason } of replica.partitions) if (reason !== undefined) reasons.add(reason);
    });
    const names = (await indexedDB.databases()).map(({ name = "" }) => name);
    for (const name of names.filter((each) => each.startsWith("rivulet/replica/")))
      indexedDB.deleteDatabase(name);
    while (!Array.from(reasons).some((reason) => reason.includes("fetched anew")))
      await new Promise((resolve) => replica.addEventListener("progress", resolve, { once: true }));
    while (replica.heldRecords < held)
      await new Promise((resolve) => replica.addEventListener("progress", resolve, { once: true }));
    let read = 0;
    for await (const _ of replica.read()) read++;
    return { held, read, state: client.state.name };
  });
  expect(outcome).toEqual({ held: 100, read: 100, state: "live" });
});

test("what is held of a topic that was made anew goes from the device, and the page is told how much room there is", async () => {
  await createKept({});
  const page = await openPage();
  await fillTopic(page, 10, 10);
  const held = await page.evaluate(async () => {
    const replica = await client.topic("keeps", { value: sdk.text() }).replicate();
    await replica.caughtUp();
    await replica.close();
    return replica.topicId;
  });
  const brokers = [`127.0.0.1:${ground.gateway.kafkaPort}`];
  const admin = new Kafka({ clientId: "test", brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: ["keeps"] });
  await admin.disconnect();
  await createKept({});
  const left = await page.evaluate(async (former) => {
    // Nothing tells of it until somebody asks.
    await client.topics();
    const replica = await client.topic("keeps", { value: sdk.text() }).replicate();
    await replica.caughtUp();
    const { name = "" } =
      (await indexedDB.databases()).find((each) => each.name?.startsWith("rivulet/replica/") === true) ?? {};
    const files = async (): Promise<string[]> => {
      const opening = indexedDB.open(name);
      await new Promise((resolve) => opening.addEventListener("success", resolve, { once: true }));
      const asking = opening.result.transaction("files").objectStore("files").getAllKeys();
      await new Promise((resolve) => asking.addEventListener("success", resolve, { once: true }));
      opening.result.close();
      return asking.result.map(String);
    };
    while ((await files()).some((file) => file.startsWith(former)))
      await new Promise((resolve) => setTimeout(resolve, 50));
    return {
      isOther: replica.topicId !== former,
      status: await client.storageStatus(),
      persist: typeof (await client.persist()),
    };
  }, held);
  expect(left).toMatchObject({
    isOther: true,
    persist: "boolean",
    status: { kind: "indexeddb", reason: undefined },
  });
  expect(left.status.quota).toBeGreaterThan(left.status.usage ?? 0);
});

test("the work is done in a worker, and the page decodes; where no worker can be loaded the client runs in the page and says so", async () => {
  const use = () => {
    const ours: Sdk.Serializer<string> = {
      encode: (value) => new TextEncoder().encode(value),
      decode: (bytes) => `${document.title}: ${new TextDecoder().decode(bytes)}`,
    };
    const notes = client.topic("notes", { value: ours });
    const isRefused = (): boolean => {
      const refusing: Sdk.Serializer<string> = {
        encode: () => {
          throw new RangeError("not this");
        },
        decode: String,
      };
      try {
        client.topic("notes", { value: refusing }).publish({ value: "" });
        return false;
      } catch (error) {
        return error instanceof RangeError;
      }
    };
    return (async () => {
      await notes.publish({ key: "k", value: "one", headers: [{ key: "h", value: new Uint8Array([7]) }] })
        .delivered;
      for await (const { value, key, headers } of notes.subscribe({ from: "earliest" }))
        return { value, key, header: headers[0]?.value?.[0], refused: isRefused(), runsIn: client.runsIn };
      return undefined;
    })();
  };
  const expected = { value: "ready: one", key: "k", header: 7, refused: true };
  const page = await openPage();
  expect(await page.evaluate(use)).toEqual({ ...expected, runsIn: "worker" });
  expect(page.workers()).toHaveLength(1);
  await page.evaluate(() => client.close());
  await vi.waitFor(() => expect(page.workers()).toHaveLength(0));
  await ground.context.addInitScript(() => {
    const Real = globalThis.Worker;
    globalThis.Worker = class extends Real {
      constructor() {
        super("/not-there.js", { type: "module" });
      }
    };
  });
  const said: string[] = [];
  ground.context.on("console", (message) => said.push(message.text()));
  const without = await openPage();
  expect(await without.evaluate(use)).toEqual({ ...expected, runsIn: "page" });
  expect(said.some((each) => each.includes("runs in the page"))).toBe(true);
});

test("what is published is read with the replica at all times: in another tab, offline, after a reload, and when it has come", async () => {
  const [writer, reader] = [await openPage(), await openPage()];
  await writer.evaluate(() => client.admin.createTopic("told", { partitions: 2 }));
  /** Reads without a pause, from before the first is published, until all have come; answers what was wrong. */
  const reading = reader.evaluate(async () => {
    const topic = client.topic<string>("told", { value: sdk.text() });
    const replica = await topic.replicate();
    const seen = new Set<string>();
    /** Until all have come; answers how many different ones are shown. */
    const shownOf = async (
      records: AsyncIterable<{ id: string; isPending: boolean; value: string | null }>,
    ): Promise<number> => {
      const shown = new Map<string, string>();
      for await (const { id, isPending, value } of records) {
        shown.set(id, `${isPending ? "~" : ""}${value}`);
        if (shown.size === 100 && [...shown.values()].every((each) => !each.startsWith("~"))) break;
      }
      return new Set(shown.values()).size;
    };
    const following = Promise.all([
      shownOf(replica.follow({ pending: true })),
      shownOf(topic.subscribe({ from: "earliest", pending: true })),
    ]);
    const wrong: string[] = [];
    let pendings = 0;
    for (let arrived = 0; arrived < 100;) {
      const values: string[] = [];
      arrived = 0;
      for await (const record of replica.read({ pending: true })) {
        values.push(record.value ?? "");
        if (record.isPending) pendings += 1;
        else arrived += 1;
      }
      const now = new Set(values);
      if (now.size < values.length)
        wrong.push(`twice: ${values.filter((each, at) => values.indexOf(each) < at).join()}`);
      for (const value of seen) if (!now.has(value)) wrong.push(`missing: ${value}`);
      for (const value of now) seen.add(value);
    }
    return { wrong, count: seen.size, hasSeenPending: pendings > 0, shown: await following };
  });
  const told = await writer.evaluate(async () => {
    const topic = client.topic<string>("told", { value: sdk.text() });
    const replica = await topic.replicate();
    let told = 0;
    for (let n = 0; n < 100; n++) {
      const { delivered } = topic.publish({ key: n % 3 === 0 ? `k${n}` : null, value: `${n}` });
      if (n % 10 !== 0) continue;
      // Of what this tab has published it reads all, though nothing is queued yet.
      for await (const { value } of replica.read({ pending: true })) if (value === `${n}`) told += 1;
      await delivered;
    }
    return told;
  });
  expect(told).toBe(10);
  expect(await reading).toEqual({ wrong: [], count: 100, hasSeenPending: true, shown: [100, 100] });
  for (const page of [writer, reader]) await page.evaluate(() => client.goOffline());
  await writer.evaluate(
    () => client.topic("told", { value: sdk.text() }).publish({ value: "offline" }).queued,
  );
  await writer.close();
  await reader.close();
  const again = await openPage({ offline: true });
  const last = await again.evaluate(async () => {
    const replica = await client
      .topic<string, string>("told", { key: sdk.text(), value: sdk.text() })
      .replicate();
    const all = [];
    for await (const record of replica.read({ pending: true })) all.push(record);
    const { value, isPending, offset } = all.at(-1)!;
    const latest = await replica.latest("k99", { pending: true });
    return { count: all.length, value, isPending, offset, latest: latest?.value };
  });
  expect(last).toEqual({ count: 101, value: "offline", isPending: true, offset: undefined, latest: "99" });
});

test("a device that has lost its account's store alone goes on writing its replicas: terms do not begin anew", async () => {
  const visit = async (value: string): Promise<(string | null)[]> => {
    const page = await openPage();
    const values = await page.evaluate(async (value) => {
      const notes = client.topic("notes", { value: sdk.text() });
      await notes.publish({ key: "k", value }).delivered;
      const replica = await notes.replicate();
      await replica.caughtUp();
      const held: (string | null)[] = [];
      for await (const record of replica.read()) held.push(record.value);
      await client.close();
      return held;
    }, value);
    await page.close();
    return values;
  };
  for (const value of ["one", "two", "three"]) await visit(value);
  const page = await ground.browser.newPage(ground.context);
  await page.evaluate(async () => {
    const account = (await indexedDB.databases()).find(({ name }) => name?.includes("/account/"));
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(account?.name ?? "").onsuccess = resolve;
    });
  });
  expect(await visit("four")).toEqual(["one", "two", "three", "four"]);
});
