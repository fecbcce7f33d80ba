/** Where a subscription begins and ends, against a real gateway. */
import { Kafka, logLevel } from "kafkajs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { ReceivedRecord } from "../../web-client/core/api.ts";
import type { From } from "../../web-client/core/api-subscribe.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { openNodeClient, stubBrowser, testDevice, untilState } from "./node-client.ts";
import type { TestDevice } from "./node-client.ts";

let gateway: TestGateway;
let device: TestDevice;
let client: RivuletClient;

beforeAll(async () => {
  stubBrowser();
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway.stop();
  vi.unstubAllGlobals();
});
beforeEach(async () => {
  device = testDevice();
  client = await openNodeClient(gateway, device);
});
afterEach(() => client.close());

const lines = (name: string) => client.topic(name, { value: text() });
const place = ({ partition, offset }: ReceivedRecord<string>): string => `${partition}/${offset}`;

/** A topic whose partitions hold `counts` records: `<partition>/<offset>`, one a second from the 1,000th on. */
async function filled(name: string, counts: readonly number[]): Promise<void> {
  await client.admin.createTopic(name, { partitions: counts.length });
  await append(name, counts);
}

async function append(name: string, counts: readonly number[], firstOffset = 0): Promise<void> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${gateway.kafkaPort}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const messages = counts.flatMap((count, partition) =>
    Array.from({ length: count }, (_, n) => {
      const offset = firstOffset + n;
      return { partition, value: `${partition}/${offset}`, timestamp: String(1_000_000 + 1000 * offset) };
    }),
  );
  await producer.send({ topic: name, messages });
  await producer.disconnect();
}

async function toTheEnd(name: string, from: From, partitions?: readonly number[]): Promise<string[]> {
  const values: string[] = [];
  const options = partitions === undefined ? {} : { partitions };
  for await (const record of lines(name).subscribe({ from, until: "end", ...options })) {
    expect(record.value).toBe(place(record));
    values.push(place(record));
  }
  return values.sort();
}

describe("until the end", () => {
  test("reads what is there when it begins, and ends", async () => {
    await filled("whole", [3, 0, 2]);
    expect(await toTheEnd("whole", "earliest")).toEqual(["0/0", "0/1", "0/2", "2/0", "2/1"]);
    expect(await toTheEnd("whole", "earliest", [1, 2])).toEqual(["2/0", "2/1"]);
    expect(await toTheEnd("whole", "latest")).toEqual([]);
    expect(await toTheEnd("whole", { partition: 0, offset: 2n }, [0])).toEqual(["0/2"]);
    expect(await toTheEnd("whole", [{ partition: 0, offset: 3n }])).toEqual(["2/0", "2/1"]);
  });

  test("a start beyond the end of the log begins at its end, and does not wait for ever", async () => {
    await filled("short", [3]);
    expect(await toTheEnd("short", { partition: 0, offset: 100n })).toEqual([]);
    const live = lines("short").subscribe({ from: { partition: 0, offset: 100n } });
    const next = live.next();
    // It may begin before or after this: what is written until something has come is not before its beginning for ever.
    let written = 3;
    let come: string | undefined;
    void next.then(({ value }) => (come = value === undefined ? "none" : place(value)));
    while (come === undefined) await append("short", [1], written++);
    const [, offset] = come.split("/");
    expect(Number(offset)).toBeGreaterThanOrEqual(3);
    expect(Number(offset)).toBeLessThan(written);
    await live.close();
  });

  test("takes bulk from history, too, and not what comes while it reads", async () => {
    await filled("long", [3000]);
    const values: string[] = [];
    for await (const record of lines("long").subscribe({ from: "earliest", until: "end" })) {
      if (values.length === 0) await append("long", [10], 3000);
      values.push(place(record));
    }
    expect(values).toEqual(Array.from({ length: 3000 }, (_, n) => `0/${n}`));
  });

  test("ends where nothing is left of what was there", async () => {
    await filled("emptied", [5]);
    await client.admin.deleteRecords("emptied", [{ partition: 0, before: "end" }]);
    const gaps: unknown[] = [];
    const values: string[] = [];
    const onGap = (gap: unknown): void => void gaps.push(gap);
    for await (const record of lines("emptied").subscribe({
      from: { partition: 0, offset: 1n },
      until: "end",
      onGap,
    }))
      values.push(place(record));
    expect(values).toEqual([]);
    expect(gaps).toEqual([{ partition: 0, from: 1n, to: 5n }]);
    expect(await toTheEnd("emptied", "earliest")).toEqual([]);
  });
});

describe("from a time", () => {
  test("begins with the first record of that time or later, in each partition", async () => {
    await filled("timed", [5, 1]);
    expect(await toTheEnd("timed", { timestamp: 1_003_000 })).toEqual(["0/3", "0/4"]);
    expect(await toTheEnd("timed", { timestamp: new Date(1_002_001) })).toEqual(["0/3", "0/4"]);
    expect(await toTheEnd("timed", { timestamp: 0 })).toHaveLength(6);
    const later = lines("timed").subscribe({ from: { timestamp: 2_000_000 } });
    const next = later.next();
    await append("timed", [1], 1000);
    expect((await next).value?.value).toBe("0/1000");
    await later.close();
    const wrong = lines("timed").subscribe({ from: { timestamp: Number.NaN } });
    await expect(wrong.next()).rejects.toThrow(RangeError);
  });
});

describe("what is stored", () => {
  async function take(count: number, from: From = "stored"): Promise<string[]> {
    const taken: string[] = [];
    for await (const record of lines("kept").subscribe({ from, until: "end" })) {
      taken.push(place(record));
      if (taken.length === count) break;
    }
    return taken;
  }

  test("is read on from after a reload, and what the app was at is read again", async () => {
    await filled("kept", [6]);
    expect(await take(3)).toEqual(["0/0", "0/1", "0/2"]);
    await client.close();
    client = await openNodeClient(gateway, device);
    // The third was taken, and nobody asked for the fourth.
    expect(await take(2)).toEqual(["0/2", "0/3"]);
    expect(await take(0)).toEqual(["0/3", "0/4", "0/5"]);
    expect(await take(0)).toEqual([]);
    expect(await take(1, { stored: "another reader" })).toEqual(["0/0"]);
    expect(await take(0, { stored: "a late one", otherwise: "latest" })).toEqual([]);
  });

  test("is noted when the client closes while a record is waited for, and when the app dawdles over one", async () => {
    await filled("kept-on", [2, 2]);
    const subscription = lines("kept-on").subscribe({ from: { stored: "x" } });
    for (let n = 0; n < 4; n++) await subscription.next();
    const waiting = subscription.next();
    await untilState(client, "live");
    await client.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    client = await openNodeClient(gateway, device);
    expect(await toTheEnd("kept-on", { stored: "x" })).toEqual([]);
    const slow = lines("kept-on").subscribe({ from: { stored: "y" } });
    for (let n = 0; n < 4; n++) await slow.next();
    // Nobody asks for another one, and nobody ends it.
    await client.close();
    client = await openNodeClient(gateway, device);
    expect(await toTheEnd("kept-on", { stored: "y" })).toHaveLength(1);
  });

  test("begins anew with a topic that was made anew", async () => {
    await filled("again", [2]);
    expect(await toTheEnd("again", "stored")).toEqual(["0/0", "0/1"]);
    await client.admin.deleteTopic("again");
    await filled("again", [1]);
    expect(await toTheEnd("again", "stored")).toEqual(["0/0"]);
  });
});

describe("a subscription", () => {
  test("to partitions that are not there says so", async () => {
    await filled("narrow", [1]);
    await expect(toTheEnd("narrow", "earliest", [1])).rejects.toThrow(/no partition 1; it has 1/);
  });

  test("ends while a record is waited for: closed, left, disposed of, aborted", async () => {
    await filled("quiet", [0]);
    const controller = new AbortController();
    const ways = [
      (subscription: AsyncDisposable & { close(): Promise<void> }) => subscription.close(),
      (subscription: AsyncDisposable) => subscription[Symbol.asyncDispose](),
      () => Promise.resolve(controller.abort()),
    ];
    for (const end of ways) {
      const subscription = lines("quiet").subscribe({ from: "earliest", signal: controller.signal });
      const waiting = subscription.next();
      await untilState(client, "live");
      await end(subscription);
      expect(await waiting).toEqual({ done: true, value: undefined });
    }
    const never = lines("quiet").subscribe();
    await never.close();
    expect(await never.next()).toEqual({ done: true, value: undefined });
  });
});
