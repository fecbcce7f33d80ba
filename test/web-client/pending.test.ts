/** What is pending, read with what is replicated: over a real gateway, by several tabs of one device, each record once at all times. */
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { LocalRecord } from "../../web-client/core/api-pending.ts";
import type { ReplicaClient } from "../../web-client/core/replica-client.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { seeded } from "../sync/virtual-clock.ts";
import { openNodeClient, stubBrowser, testDevice } from "./node-client.ts";
import type { TestDevice } from "./node-client.ts";

const PARTITIONS = 2;

let gateway: TestGateway;
let device: TestDevice;
const clients: RivuletClient[] = [];

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
  for (const client of clients.splice(0)) await client.close();
});

async function openTab(): Promise<RivuletClient> {
  const client = await openNodeClient(gateway, device);
  clients.push(client);
  return client;
}

type Replica = ReplicaClient<string, string>;
type Told = LocalRecord<string>;

const topicOf = (client: RivuletClient, name: string) => client.topic<string>(name, { value: text() });

async function readAll(replica: Replica, options: { direction?: "backward" } = {}): Promise<Told[]> {
  const told: Told[] = [];
  for await (const record of replica.read({ ...options, pending: true })) told.push(record);
  return told;
}

const shown = (told: readonly Told[]): (string | null)[] =>
  told.map(({ isPending, value }) => `${isPending ? "~" : ""}${value}`);

test("what is published offline is read after what is replicated, in its order, and then in its place in the log", async () => {
  const tab = await openTab();
  const topic = topicOf(tab, "offline");
  await topic.publish({ key: "k", value: "a" }).delivered;
  const replica = await topic.replicate();
  await replica.caughtUp();
  tab.goOffline();
  const sent = ["b", "c"].map((value) => topic.publish({ key: "k", value }));
  // Not queued yet: a read of this tab waits for it.
  const before = await readAll(replica);
  expect(shown(before)).toEqual(["a", "~b", "~c"]);
  expect(before.slice(1)).toMatchObject([
    { state: "waiting", offset: undefined, key: "k", topic: "offline" },
    { state: "waiting", offset: undefined, key: "k", topic: "offline" },
  ]);
  expect(shown(await readAll(replica, { direction: "backward" }))).toEqual(["~c", "~b", "a"]);
  expect(await replica.latest("k", { pending: true })).toMatchObject({ isPending: true, value: "c" });
  expect(await replica.latest("k")).toMatchObject({ value: "a" });
  tab.goOnline();
  await Promise.all(sent.map(({ delivered }) => delivered));
  // Delivered is not arrived: until it is, it is read as pending still.
  expect(shown(await readAll(replica)).map((each) => each?.replace("~", ""))).toEqual(["a", "b", "c"]);
  await replica.caughtUp();
  expect(shown(await readAll(replica))).toEqual(["a", "b", "c"]);
  expect(shown(await readAll(replica, { direction: "backward" }))).toEqual(["c", "b", "a"]);
  expect(await replica.latest("k", { pending: true })).toMatchObject({ isPending: false, value: "c" });
});

test("of another tab and after a reload, too", async () => {
  const [one, two] = [await openTab(), await openTab()];
  const topic = topicOf(one, "reload");
  await topic.publish({ value: "a" }).delivered;
  const replica = await topicOf(two, "reload").replicate();
  await vi.waitFor(() => expect(replica.heldRecords).toBe(1), { timeout: 25_000 });
  for (const tab of [one, two]) tab.goOffline();
  await topic.publish({ value: "b" }).queued;
  expect(shown(await readAll(replica))).toEqual(["a", "~b"]);
  const [pending] = (await readAll(replica)).slice(1);
  for (const client of clients.splice(0)) await client.close();
  const again = await openTab();
  again.goOffline();
  const held = await topicOf(again, "reload").replicate();
  const [, same] = await readAll(held);
  expect(same).toMatchObject({ isPending: true, value: "b", id: pending?.id });
});

test("who follows is told of a record when it is queued, and once more, under the same id, when it has come", async () => {
  const tab = await openTab();
  const topic = topicOf(tab, "followed");
  await topic.publish({ key: "k", value: "a" }).delivered;
  const replica = await topic.replicate();
  await replica.caughtUp();
  const told: Told[] = [];
  const stop = new AbortController();
  const following = (async () => {
    for await (const record of replica.follow({ pending: true, signal: stop.signal })) told.push(record);
  })();
  await vi.waitFor(() => expect(shown(told)).toEqual(["a"]), { timeout: 25_000 });
  tab.goOffline();
  topic.publish({ key: "k", value: "b" });
  await vi.waitFor(() => expect(shown(told)).toEqual(["a", "~b"]), { timeout: 25_000 });
  tab.goOnline();
  await vi.waitFor(() => expect(shown(told).at(-1)).toBe("b"), { timeout: 25_000 });
  const ids = told.slice(1).map(({ id }) => id);
  expect(new Set(ids).size).toBe(1);
  // What is discarded is said to be gone.
  tab.goOffline();
  topic.publish({ key: "k", value: "c" });
  await vi.waitFor(() => expect(shown(told).at(-1)).toBe("~c"), { timeout: 25_000 });
  const last = told.at(-1);
  await tab.outbox.discard(last?.isPending === true ? [last.outboxId] : []);
  await vi.waitFor(() => expect(told.at(-1)).toMatchObject({ state: "gone", id: last?.id }), {
    timeout: 25_000,
  });
  stop.abort();
  await following;
});

test("what is refused stays, marked, until the app decides", async () => {
  const tab = await openTab();
  await tab.admin.createTopic("refusing", { partitions: 1, configs: { "max.message.bytes": 2000 } });
  const topic = topicOf(tab, "refusing");
  const replica = await topic.replicate();
  const sent = topic.publish({ value: randomBytes(5000).toString("hex") });
  await expect(sent.delivered).rejects.toThrow();
  const [record] = await readAll(replica);
  expect(record).toMatchObject({
    isPending: true,
    state: "refused",
    partition: 0,
    reason: expect.any(String),
  });
  await tab.outbox.discard(record?.isPending === true ? [record.outboxId] : []);
  expect(await readAll(replica)).toEqual([]);
});

test("the newest are followed from so many before the end", async () => {
  const tab = await openTab();
  await tab.admin.createTopic("newest", { partitions: 1 });
  const topic = topicOf(tab, "newest");
  for (const value of "abcde") await topic.publish({ value }).delivered;
  const replica = await topic.replicate();
  await replica.caughtUp();
  const stop = new AbortController();
  const told: (string | null)[] = [];
  for await (const { value } of replica.follow({ last: 2, signal: stop.signal })) {
    told.push(value);
    if (told.length === 2) stop.abort();
  }
  expect(told).toEqual(["d", "e"]);
  await expect(replica.follow({ last: -1 }).next()).rejects.toThrow(RangeError);
});

/** Follows, and holds what it is told to what must always be so. */
class Follower {
  readonly shown = new Map<string, Told>();
  readonly problems: string[] = [];
  private readonly stop = new AbortController();
  private readonly running: Promise<void>;

  constructor(replica: Replica) {
    this.running = this.run(replica);
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  get values(): (string | null)[] {
    return Array.from(this.shown.values(), ({ value }) => value);
  }

  private async run(replica: Replica): Promise<void> {
    for await (const record of replica.follow({ pending: true, signal: this.stop.signal })) {
      const before = this.shown.get(record.id);
      if (before !== undefined && !before.isPending) this.problems.push(`${record.value} has come twice`);
      if (before !== undefined && before.value !== record.value) this.problems.push(`${record.id} is two`);
      if (record.isPending && record.state === "gone") this.problems.push(`${record.value} is gone`);
      this.shown.set(record.id, record);
      if (new Set(this.values).size < this.shown.size) this.problems.push(`${record.value} is shown twice`);
    }
  }
}

const SEEDS = process.env.RIVULET_PENDING_SEED?.split(",").map(Number) ?? [
  Math.floor(Math.random() * 2 ** 31),
  Math.floor(Math.random() * 2 ** 31),
];

test.each(SEEDS)(
  "each record is read once at all times from when it is published on (seed %i)",
  async (seed) => {
    const random = seeded(seed);
    const upTo = (count: number): number => Math.floor(random() * count);
    const name = `random-${seed}`;
    let tabs = [await openTab(), await openTab()];
    await tabs[0]?.admin.createTopic(name, { partitions: PARTITIONS });
    const replicas = new Map<RivuletClient, Replica>();
    const followers: Follower[] = [];
    const open = async (tab: RivuletClient): Promise<void> => {
      const replica = await topicOf(tab, name).replicate();
      replicas.set(tab, replica);
      followers.push(new Follower(replica));
    };
    // From now on what is delivered is kept until it has arrived.
    for (const tab of tabs) await open(tab);
    for (const replica of replicas.values()) await readAll(replica);
    /** By value: which tab has published it, and whether it is queued, so that others see it, too. */
    const published = new Map<string, { tab: RivuletClient; isQueued: boolean }>();
    const checkRead = async (tab: RivuletClient): Promise<void> => {
      const expected = [...published]
        .filter(([, { tab: its, isQueued }]) => isQueued || its === tab)
        .map(([value]) => value);
      const replica = replicas.get(tab) as Replica;
      const values = (await readAll(replica)).map(({ value }) => value ?? "");
      // A reader that is closed ends where it is.
      if (replica.keeper.signal.aborted) return;
      const twice = values.filter((value, at) => values.indexOf(value) !== at);
      const missing = expected.filter((value) => !values.includes(value));
      expect({ seed, twice, missing }).toEqual({ seed, twice: [], missing: [] });
    };
    const checks: Promise<void>[] = [];
    for (let step = 0; step < 150; step++) {
      const tab = tabs[upTo(tabs.length)] as RivuletClient;
      const dice = upTo(20);
      if (dice < 9) {
        const value = `${step}`;
        const entry = { tab, isQueued: false };
        published.set(value, entry);
        const key = random() < 0.5 ? `k${upTo(3)}` : null;
        const { queued, delivered } = topicOf(tab, name).publish({ key, value });
        void queued.then(() => (entry.isQueued = true));
        // Delivered, and not here yet: who reads just then sees it. It may not be delivered before the tab is closed.
        const later = delivered.then(() => Promise.all([...replicas.keys()].map(checkRead)));
        later.catch((error: unknown) => {
          if (error instanceof Error && error.name === "AssertionError") checks.push(Promise.reject(error));
        });
      } else if (dice < 14) checks.push(checkRead(tab));
      else if (dice < 16) for (const each of tabs) each.goOffline();
      else if (dice < 18) for (const each of tabs) each.goOnline();
      else if (dice < 19) await new Promise((resolve) => setTimeout(resolve, upTo(30)));
      else if (random() < 0.3) {
        // A reload: what is queued is there, and what is not was never promised.
        await Promise.all(checks.splice(0));
        await Promise.all(
          followers.splice(0).map((follower) => (expect(follower.problems).toEqual([]), follower.end())),
        );
        for (const client of clients.splice(0)) await client.close();
        for (const [value, { isQueued }] of published) if (!isQueued) published.delete(value);
        replicas.clear();
        tabs = [await openTab(), await openTab()];
        for (const each of tabs) await open(each);
      }
    }
    await Promise.all(checks);
    for (const tab of tabs) {
      tab.goOnline();
      await checkRead(tab);
    }
    // In the end everything has come, and nobody was told anything that was not so meanwhile.
    await vi.waitFor(
      () => {
        for (const { shown: all } of followers) {
          expect([...all.values()].filter(({ isPending }) => isPending)).toEqual([]);
          expect(all.size).toBeGreaterThanOrEqual(published.size);
        }
      },
      { timeout: 50_000 },
    );
    for (const follower of followers) {
      expect({ seed, problems: follower.problems }).toEqual({ seed, problems: [] });
      expect([...published.keys()].filter((value) => !follower.values.includes(value))).toEqual([]);
      await follower.end();
    }
  },
);
