/** Consumer groups of the SDK against a real gateway, beside members of other clients. */
import { Kafka, logLevel } from "kafkajs";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { ReceivedRecord } from "../../web-client/core/api.ts";
import type { GroupSubscribeOptions, GroupSubscription } from "../../web-client/core/api-group.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { openNodeClient, stubBrowser, untilState } from "./node-client.ts";

const SESSION_MS = 2000;

let gateway: TestGateway;
let clients: RivuletClient[] = [];

beforeAll(async () => {
  stubBrowser();
  const settings = {
    "group.consumer.min.heartbeat.interval.ms": 50,
    "group.consumer.heartbeat.interval.ms": 50,
    "group.consumer.min.session.timeout.ms": 1000,
    "group.consumer.session.timeout.ms": SESSION_MS,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["--config", `${name}=${value}`]);
  gateway = await startTestGateway({ args });
});
afterAll(async () => {
  await gateway.stop();
  vi.unstubAllGlobals();
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
});

async function open(): Promise<RivuletClient> {
  const client = await openNodeClient(gateway);
  clients.push(client);
  return client;
}

/** A topic of so many partitions, with so many records in each: `<partition>/<offset>`. */
async function filled(client: RivuletClient, topic: string, partitions: number, each: number): Promise<void> {
  await client.admin.createTopic(topic, { partitions });
  await append(topic, partitions, each, 0);
}

async function append(topic: string, partitions: number, each: number, from: number): Promise<void> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${gateway.kafkaPort}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: partitions }, (_, partition) =>
    Array.from({ length: each }, (_each, n) => ({ partition, value: `${partition}/${from + n}` })),
  ).flat();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

type Reader = GroupSubscription<string>;

function join(
  client: RivuletClient,
  groupId: string,
  topic: string,
  options: Omit<GroupSubscribeOptions<string, string>, "value"> = {},
): Reader {
  return client.group(groupId).subscribe([topic], { ...options, value: text() });
}

const place = ({ partition, offset }: ReceivedRecord<string>): string => `${partition}/${offset}`;

async function take(reader: Reader, count: number): Promise<string[]> {
  const places: string[] = [];
  while (places.length < count) {
    const { value } = await reader.next();
    if (value === undefined) throw new Error(`ended after ${places.join(" ")}`);
    expect(value.value).toBe(place(value));
    places.push(place(value));
  }
  return places;
}

/** What happened to its partitions, in order: `+ 0 1`, `- 1`, `lost 0`. */
function story(reader: Reader): string[] {
  const told: string[] = [];
  const signs = { assigned: "+", revoked: "-", lost: "lost" } as const;
  for (const type of ["assigned", "revoked", "lost"] as const)
    reader.addEventListener(type, ({ partitions }) =>
      told.push(`${signs[type]} ${partitions.map(({ partition }) => partition).join(" ")}`),
    );
  return told;
}

const has = (reader: Reader): number[] => reader.partitions.map(({ partition }) => partition);

function until(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 25_000, interval: 10 });
}

/** Goes on taking records until the signal aborts or it is closed. */
async function drain(reader: Reader, seen: string[]): Promise<void> {
  for await (const record of reader) seen.push(place(record));
}

describe("a group", () => {
  test("reads on where its last member has left off, and the record that was worked on again", async () => {
    const client = await open();
    await filled(client, "one", 1, 6);
    const first = join(client, "solo", "one");
    const told = story(first);
    expect(first.state.name).toBe("joining");
    expect(await take(first, 4)).toEqual(["0/0", "0/1", "0/2", "0/3"]);
    expect(first.state).toEqual({ name: "joined", reason: undefined });
    expect(has(first)).toEqual([0]);
    await first.close();
    expect(first.state.name).toBe("left");
    expect(told).toEqual(["+ 0", "- 0"]);
    expect(await client.admin.describeGroup("solo")).toMatchObject({
      state: "Empty",
      partitions: [{ topic: "one", partition: 0, offset: 3n, lag: 3n }],
    });
    const second = join(client, "solo", "one");
    expect(await take(second, 3)).toEqual(["0/3", "0/4", "0/5"]);
    // All of them are done once it asks for one more.
    const waiting = second.next();
    await client.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    const other = await open();
    expect((await other.admin.describeGroup("solo")).lag).toBe(0n);
  });

  test("commits while it goes on", async () => {
    const client = await open();
    await filled(client, "going", 1, 3);
    const reader = join(client, "going", "going");
    await take(reader, 3);
    void reader.next();
    await vi.waitFor(
      async () => expect((await client.admin.describeGroup("going")).partitions[0]?.offset).toBe(3n),
      { timeout: 25_000 },
    );
  });

  test("shares the partitions among members, and gives none away before its record is done", async () => {
    const [one, other] = [await open(), await open()];
    await filled(one, "shared", 2, 3);
    const first = join(one, "sharers", "shared");
    const firstTold = story(first);
    const [held] = await take(first, 1);
    const heldPartition = Number(held?.split("/")[0]);
    const second = join(other, "sharers", "shared");
    const seen: string[] = [];
    const draining = drain(second, seen);
    await until(() => expect(second.state.name).toBe("joined"));
    // The first works on a record; meanwhile the other gets the partition that is free, or nothing.
    const firstSeen = [held];
    const more = first.next();
    const next = await more;
    if (next.value !== undefined) firstSeen.push(place(next.value));
    void drain(first, firstSeen as string[]);
    await until(() => expect([has(first).length, has(second).length]).toEqual([1, 1]));
    await until(() => expect(new Set([...firstSeen, ...seen]).size).toBe(6));
    await append("shared", 2, 2, 3);
    await until(() => expect(new Set([...firstSeen, ...seen]).size).toBe(10));
    expect(firstTold[0]).toBe("+ 0 1");
    expect(firstTold).toHaveLength(2);
    expect([heldPartition, 1 - heldPartition].map((each) => `- ${each}`)).toContain(firstTold[1]);
    // In order, and nobody has read what the other had done.
    const all = [...firstSeen, ...seen];
    expect(all).toHaveLength(10);
    await second.close();
    await draining;
    await until(() => expect(has(first)).toEqual([0, 1]));
  });

  test("waits for the record that is worked on before its partition goes to another member", async () => {
    const [one, other] = [await open(), await open()];
    await filled(one, "slow", 1, 2);
    const first = join(one, "patient", "slow", { instanceId: "b" });
    const told = story(first);
    expect(await take(first, 1)).toEqual(["0/0"]);
    await one.admin.addPartitions("slow", 2);
    await until(() => expect(has(first)).toEqual([0, 1]));
    const second = join(other, "patient", "slow", { instanceId: "a" });
    const seen: string[] = [];
    void drain(second, seen);
    await until(() => expect(second.state.name).toBe("joined"));
    // One of the two is to go. Whichever it is, the record in hand is not read by the other.
    await vi.waitFor(async () => {
      const { members } = await one.admin.describeGroup("patient");
      expect(members.map(({ target }) => target?.flatMap(({ partitions }) => partitions).length)).toEqual([
        1, 1,
      ]);
    }, 25_000);
    expect(seen).toEqual([]);
    const rest: string[] = [];
    void drain(first, rest);
    await until(() => expect([...rest, ...seen]).toEqual(["0/1"]));
    await until(() => expect([has(first).length, has(second).length]).toEqual([1, 1]));
    expect(told.filter((each) => each.startsWith("lost"))).toEqual([]);
  });

  test("begins at the end where that is asked, and has what comes then also after it was away", async () => {
    const client = await open();
    await filled(client, "late", 1, 3);
    const first = join(client, "latecomers", "late", { from: "latest" });
    const waiting = first.next();
    await until(() => expect(has(first)).toEqual([0]));
    await first.close();
    await waiting;
    await append("late", 1, 2, 3);
    const second = join(client, "latecomers", "late", { from: "latest" });
    expect(await take(second, 2)).toEqual(["0/3", "0/4"]);
  });

  test("gets a topic that is made later, and one that is made anew", async () => {
    const client = await open();
    const reader = join(client, "early", "to-come");
    const taking = take(reader, 2);
    await until(() => expect(reader.state.name).toBe("joined"));
    await filled(client, "to-come", 1, 2);
    expect(await taking).toEqual(["0/0", "0/1"]);
    const again = take(reader, 1);
    await client.admin.deleteTopic("to-come");
    await until(() => expect(has(reader)).toEqual([]));
    await filled(client, "to-come", 1, 1);
    expect(await again).toEqual(["0/0"]);
  });

  test("reads from its beginning what was committed behind the end", async () => {
    const client = await open();
    await filled(client, "short", 1, 2);
    await client.admin.alterGroupOffsets("ahead", [{ topic: "short", partition: 0, offset: 2n }]);
    const [{ offset = 0n } = {}] = (await client.admin.describeGroup("ahead")).partitions;
    expect(offset).toBe(2n);
    await client.admin.alterGroupOffsets("ahead", [{ topic: "short", partition: 0, offset: 77n }]);
    expect(await take(join(client, "ahead", "short"), 2)).toEqual(["0/0", "0/1"]);
  });
});

describe("commits by hand", () => {
  test("count the record in hand, and nothing else is committed", async () => {
    const client = await open();
    await filled(client, "by-hand", 1, 5);
    const first = join(client, "manual", "by-hand", { commit: "manual" });
    await take(first, 2);
    await first.commit();
    await take(first, 2);
    await first.close();
    const committed = async () => (await client.admin.describeGroup("manual")).partitions[0]?.offset;
    expect(await committed()).toBe(2n);
    const second = join(client, "manual", "by-hand", { commit: "manual" });
    const { value: record } = await second.next();
    expect(record?.offset).toBe(2n);
    await take(second, 2);
    if (record !== undefined) await second.commit(record);
    expect(await committed()).toBe(3n);
    await expect(second.commit({ topic: "by-hand", partition: 9, offset: 0n })).rejects.toMatchObject({
      code: ErrorCode.REBALANCE_IN_PROGRESS,
    });
    await second.close();
    expect(await committed()).toBe(3n);
    await expect(second.commit(record ?? { topic: "", partition: 0, offset: 0n })).rejects.toThrow();
  });
});

describe("a commit by hand, of a member that commits by itself, too", () => {
  test("is not taken back when the loop is left at the record that it was for", async () => {
    const client = await open();
    await filled(client, "both", 1, 3);
    const reader = join(client, "both", "both");
    await take(reader, 2);
    await reader.commit();
    const committed = async () => (await client.admin.describeGroup("both")).partitions[0]?.offset;
    expect(await committed()).toBe(2n);
    await reader.close();
    expect(await committed()).toBe(2n);
  });
});

describe("a member", () => {
  test("that is not heard of loses everything, and is back as soon as it can be", async () => {
    const [one, other] = [await open(), await open()];
    await filled(one, "vanishing", 1, 2);
    const first = join(one, "vanished", "vanishing", { commit: "manual" });
    const told = story(first);
    await take(first, 1);
    one.goOffline();
    const second = join(other, "vanished", "vanishing", { commit: "manual" });
    // Nothing was committed: it begins where the first did.
    expect(await take(second, 2)).toEqual(["0/0", "0/1"]);
    await second.commit();
    one.goOnline();
    await untilState(one, "live");
    await until(() => expect(told).toEqual(["+ 0", "lost 0"]));
    await expect(first.commit()).resolves.toBeUndefined();
    await second.close();
    await append("vanishing", 1, 1, 2);
    expect(await take(first, 1)).toEqual(["0/2"]);
    expect(told).toEqual(["+ 0", "lost 0", "+ 0"]);
  });

  test("that loses its connection for a moment keeps what it has", async () => {
    const client = await open();
    await filled(client, "blinking", 1, 2);
    const reader = join(client, "blinkers", "blinking");
    const told = story(reader);
    await take(reader, 1);
    client.goOffline();
    client.goOnline();
    await untilState(client, "live");
    expect(await take(reader, 1)).toEqual(["0/1"]);
    await reader.commit();
    expect(told).toEqual(["+ 0"]);
    expect((await client.admin.describeGroup("blinkers")).lag).toBe(0n);
  });

  test("that works on a record for too long makes room, and is back with the next one that it asks for", async () => {
    const [one, other] = [await open(), await open()];
    await filled(one, "stuck", 1, 2);
    const first = join(one, "workers", "stuck", { workMsMax: 1000 });
    const states: string[] = [];
    first.addEventListener("state", () => states.push(first.state.name));
    const told = story(first);
    await take(first, 1);
    await until(() => expect(first.state.name).toBe("suspended"));
    expect(told).toEqual(["+ 0", "lost 0"]);
    const second = join(other, "workers", "stuck");
    expect(await take(second, 1)).toEqual(["0/0"]);
    await second.close();
    expect(await take(first, 2)).toEqual(["0/0", "0/1"]);
    expect(states.filter((name, at) => name !== states[at - 1])).toEqual([
      "joining",
      "joined",
      "joining",
      "suspended",
      "joining",
      "joined",
    ]);
  });

  test("that is static comes back to what it had, and waits while its name is taken", async () => {
    const [one, other] = [await open(), await open()];
    await filled(one, "static", 1, 4);
    const first = join(one, "statics", "static", { instanceId: "desk" });
    await take(first, 1);
    const second = join(other, "statics", "static", { instanceId: "desk" });
    const taking = take(second, 1);
    await until(() => expect(second.state.reason).toMatch(/desk/));
    await first.commit();
    await first.close();
    expect(await taking).toEqual(["0/1"]);
    const [member] = (await one.admin.describeGroup("statics")).members;
    expect(member).toMatchObject({ instanceId: "desk", memberId: second.memberId });
  });

  test("of a group that speaks the classic protocol is told so", async () => {
    const client = await open();
    await filled(client, "classic", 1, 1);
    const kafka = new Kafka({ brokers: [`127.0.0.1:${gateway.kafkaPort}`], logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: "old-fashioned" });
    await consumer.connect();
    await consumer.subscribe({ topic: "classic", fromBeginning: true });
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: () => {
          resolve();
          return Promise.resolve();
        },
      });
    });
    const reader = join(client, "old-fashioned", "classic");
    await expect(reader.next()).rejects.toMatchObject({ name: expect.stringMatching(/GROUP/) as string });
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    expect(reader.state.name).toBe("left");
    await consumer.disconnect();
    expect(() => client.group("g").subscribe([])).toThrow(TypeError);
  });

  test("that was never asked for a record does not join, and ends", async () => {
    const client = await open();
    const reader = join(client, "never", "nothing");
    await reader.close();
    expect(reader.state.name).toBe("left");
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    expect(await client.admin.listGroups()).not.toContainEqual(expect.objectContaining({ groupId: "never" }));
    const aborted = join(client, "never", "nothing", { signal: AbortSignal.abort() });
    expect(await aborted.next()).toEqual({ done: true, value: undefined });
  });
});
