/** What is pending, in a subscription: over a real gateway, each record once from when it is published on, and nothing is kept for it. */
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { OutboxRecord } from "../../sync/outbox-store.ts";
import { pendingRows } from "../../sync/pending-rows.ts";
import type { LocalRecord } from "../../web-client/core/api-pending.ts";
import type { SubscribeOptions } from "../../web-client/core/api-subscribe.ts";
import type { ClientParts } from "../../web-client/core/client-parts.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { TopicReading } from "../../web-client/core/topic-reading.ts";
import { TopicClient } from "../../web-client/core/topic-client.ts";
import { ANONYMOUS } from "../../web-client/core/tokens.ts";
import { gatewayAddress } from "../../web-client/address.ts";
import { accountName } from "../../web-client/databases.ts";
import { HealingAccount } from "../../web-client/healing-account.ts";
import { IdbOutboxStore } from "../../web-client/idb-outbox-store.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { loadEngine } from "../engine/load.ts";
import { CountedRows } from "../sync/counted-rows.ts";
import { seeded } from "../sync/virtual-clock.ts";
import { openNodeClient, stubBrowser, testDevice } from "./node-client.ts";
import type { TestDevice } from "./node-client.ts";
import { PendingTab, ShownRecords } from "./pending-tab.ts";

const PARTITIONS = 2;
const WAIT = { timeout: 25_000 };

let gateway: TestGateway;
let device: TestDevice;
const clients: RivuletClient[] = [];
const subscribers: ShownRecords[] = [];

beforeAll(async () => {
  stubBrowser();
  gateway = await startTestGateway({ args: ["--config", `num.partitions=${PARTITIONS}`] });
});
afterAll(async () => {
  await gateway.stop();
  vi.unstubAllGlobals();
});
beforeEach(() => {
  device = testDevice();
});
afterEach(async () => {
  await Promise.all(subscribers.splice(0).map((each) => each.end()));
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

async function openTab(of = device): Promise<RivuletClient> {
  const client = await openNodeClient(gateway, of);
  clients.push(client);
  return client;
}

const topicOf = (client: RivuletClient, name: string) => client.topic<string>(name, { value: text() });

function subscribed(client: RivuletClient, name: string, options: SubscribeOptions = {}): ShownRecords {
  const shown = new ShownRecords((signal) =>
    topicOf(client, name).subscribe({ ...options, pending: true, signal }),
  );
  subscribers.push(shown);
  return shown;
}

/** What reading a topic takes of a client. */
function partsOf({ tab: { upstream, metadata }, published }: PendingTab, signal: AbortSignal): ClientParts {
  const parts: Pick<ClientParts, "upstream" | "metadata" | "engine" | "published" | "signal"> = {
    upstream,
    metadata,
    engine: loadEngine(),
    published,
    signal,
  };
  return parts as ClientParts;
}

async function readAll(records: AsyncIterable<unknown>): Promise<void> {
  for await (const record of records) void record;
}

const until = (isSo: () => void): Promise<void> => vi.waitFor(isSo, WAIT);

test("a chat that only subscribes shows what is published at once, offline too, and turns it into the record that comes by", async () => {
  const tab = await openTab();
  const topic = topicOf(tab, "chat");
  await topic.publish({ value: "a" }).delivered;
  const shown = subscribed(tab, "chat", { from: "earliest" });
  await until(() => expect(shown.values).toEqual(["a"]));
  tab.goOffline();
  topic.publish({ value: "b" });
  await until(() => expect(shown.values).toEqual(["a", "~b"]));
  const ids = [...shown.byId.keys()];
  tab.goOnline();
  await until(() => expect(shown.values).toEqual(["a", "b"]));
  expect([...shown.byId.keys()]).toEqual(ids);
  tab.goOffline();
  topic.publish({ value: "c" });
  await until(() => expect(shown.values).toEqual(["a", "b", "~c"]));
  const last = shown.told.at(-1);
  await tab.outbox.discard(last?.isPending === true ? [last.outboxId] : []);
  await until(() => expect(shown.values).toEqual(["a", "b"]));
});

test("what a topic that nobody has heard of was published offline is shown, and comes by when the network does", async () => {
  const tab = await openTab();
  tab.goOffline();
  const shown = subscribed(tab, "unheard-of", { from: "earliest" });
  topicOf(tab, "unheard-of").publish({ value: "a" });
  await until(() => expect(shown.values).toEqual(["~a"]));
  tab.goOnline();
  await until(() => expect(shown.values).toEqual(["a"]));
});

test("with `until` what is pending comes once, at the end", async () => {
  const tab = await openTab();
  await tab.admin.createTopic("until", { partitions: 1, configs: { "max.message.bytes": 2000 } });
  const topic = topicOf(tab, "until");
  const tooLarge = randomBytes(5000).toString("hex");
  await expect(topic.publish({ value: tooLarge }).delivered).rejects.toThrow();
  for (const value of ["a", "b"]) await topic.publish({ value }).delivered;
  const read: LocalRecord<string>[] = [];
  for await (const record of topic.subscribe({ from: "earliest", until: "end", pending: true }))
    read.push(record);
  expect(read).toMatchObject([
    { isPending: false, value: "a", offset: 0n },
    { isPending: false, value: "b", offset: 1n },
    { isPending: true, value: tooLarge, state: "refused", partition: 0, reason: expect.any(String) },
  ]);
});

test("nothing stays in the outbox because of a subscription", async () => {
  const tab = await openTab();
  const shown = subscribed(tab, "kept", { from: "earliest" });
  for (const value of ["a", "b", "c"]) await topicOf(tab, "kept").publish({ value }).delivered;
  await until(() => expect(shown.values.toSorted()).toEqual(["a", "b", "c"]));
  const name = accountName(gatewayAddress(`http://127.0.0.1:${gateway.httpPort}`).http.href, ANONYMOUS);
  const onLost = (): void => undefined;
  const account = new HealingAccount({ databases: device.databases, name, now: () => Date.now(), onLost });
  const { records } = await pendingRows(new IdbOutboxStore(account), "kept");
  await account.close();
  expect(records).toEqual([]);
});

test("what is stored moves with what has come, and not with what is pending", async () => {
  const tab = await openTab();
  const topic = topicOf(tab, "stored");
  await topic.publish({ key: "k", value: "a" }).delivered;
  const take = async (count: number): Promise<(string | null)[]> => {
    const taken: (string | null)[] = [];
    for await (const { value } of topic.subscribe({ from: "stored", pending: true })) {
      taken.push(value);
      if (taken.length === count) break;
    }
    return taken;
  };
  expect(await take(1)).toEqual(["a"]);
  await topic.publish({ key: "k", value: "b" }).delivered;
  // Nobody had asked for what comes after the first.
  expect(await take(2)).toEqual(["a", "b"]);
  expect(await take(1)).toEqual(["b"]);
});

test("a subscription that goes on in another worker does not take back what has come, though its row is still there", async () => {
  const tab = new PendingTab();
  const { published, clock } = tab;
  const over = new AbortController();
  const parts = partsOf(tab, over.signal);
  // Since somebody has read the replica with what is pending, rows stay until one like that has found them there.
  const replica = await tab.replica();
  await clock.until(replica.caughtUp());
  await clock.until(readAll(replica.read({ pending: true })));
  tab.publish("mine");
  const rows = (): Promise<readonly OutboxRecord[]> =>
    pendingRows(published.rows, "orders").then(({ records }) => records);
  let [row] = await rows();
  await tab.until(() => {
    void rows().then((found) => ([row] = found));
    return row?.state === "delivered";
  });
  const place = { topicId: tab.topic.id, next: new Map([[0, 1n]]) };
  const reading = new TopicReading("orders", parts, {
    from: "earliest",
    former: { ...place, told: [], arrived: [row?.id ?? 0] },
  });
  const steps: unknown[] = [];
  const read = (async () => {
    for await (const step of reading.local()) steps.push(step);
  })();
  await clock.pass(5000);
  expect(steps).toEqual([]);
  tab.append("later");
  await tab.until(() => steps.length > 0);
  expect(steps).toMatchObject([{ partition: 0 }]);
  over.abort();
  await clock.until(read);
  await tab.close();
});

test("a subscription looks at the rows once for what comes together, and not again as it is given", async () => {
  let rows: CountedRows | undefined;
  const tab = new PendingTab((store) => (rows = new CountedRows(store)));
  const { clock } = tab;
  const over = new AbortController();
  const parts = partsOf(tab, over.signal);
  const topic = new TopicClient("orders", parts, { key: text(), value: text() });
  const shown = new ShownRecords((signal) => topic.subscribe({ from: "earliest", pending: true, signal }));
  tab.append("0");
  await tab.until(() => shown.values.length === 1);
  await clock.pass(1000);
  for (let count = 1; count <= 5; count++) {
    if (rows !== undefined) rows.looks = 0;
    tab.append(`${count}`, `${count} again`);
    await tab.until(() => shown.values.length === 1 + 2 * count);
    await clock.pass(1000);
    expect(rows?.looks).toBe(1);
  }
  const ids = shown.told.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  over.abort();
  await clock.until(shown.end());
  await tab.close();
});

const SEEDS = process.env.RIVULET_PENDING_SEED?.split(",").map(Number) ?? [
  Math.floor(Math.random() * 2 ** 31),
  Math.floor(Math.random() * 2 ** 31),
];

test.each(SEEDS)("whoever subscribes shows each record once at all times (seed %i)", async (seed) => {
  const random = seeded(seed);
  const upTo = (count: number): number => Math.floor(random() * count);
  const name = `random-${seed}`;
  const tabs = [await openTab(), await openTab()];
  // Somebody else writes, too.
  const stranger = await openTab(testDevice());
  await tabs[0]?.admin.createTopic(name, { partitions: PARTITIONS });
  const problems: string[] = [];
  const all = tabs.map((tab) => subscribed(tab, name, { from: "earliest" }));
  const values: string[] = [];
  for (let step = 0; step < 120; step++) {
    const tab = tabs[upTo(tabs.length)] as RivuletClient;
    const dice = upTo(20);
    if (dice < 12) {
      const value = `${step}`;
      values.push(value);
      const key = random() < 0.5 ? `k${upTo(3)}` : null;
      const from = random() < 0.2 ? stranger : tab;
      void topicOf(from, name).publish({ key, value });
    } else if (dice < 14) for (const each of tabs) each.goOffline();
    else if (dice < 17) for (const each of tabs) each.goOnline();
    else await new Promise((resolve) => setTimeout(resolve, upTo(30)));
    for (const { values: now } of all) {
      const plain = now.map((value) => value.replace("~", ""));
      if (new Set(plain).size < plain.length) problems.push(`${step}: ${now.join()}`);
    }
  }
  for (const tab of tabs) tab.goOnline();
  for (const shown of all) await until(() => expect(shown.values.toSorted()).toEqual(values.toSorted()));
  for (const { told } of all) {
    // Who has come stays: it is told neither twice nor as pending again.
    const come = new Set<string>();
    for (const { id, isPending, value } of told) {
      if (come.has(id)) problems.push(`${value} again`);
      if (!isPending) come.add(id);
    }
  }
  expect({ seed, problems }).toEqual({ seed, problems: [] });
});
