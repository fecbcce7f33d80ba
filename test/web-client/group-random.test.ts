/** Members of a group come, go, vanish and dawdle at random while records are written: nobody may miss one. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { GroupSubscription } from "../../web-client/core/api-group.ts";
import { text } from "../../web-client/core/serializer.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { seeded } from "../sync/virtual-clock.ts";
import { openNodeClient, stubBrowser } from "./node-client.ts";

const PARTITIONS = 4;
const RECORDS = 600;

let gateway: TestGateway;
beforeAll(async () => {
  stubBrowser();
  const settings = {
    "group.consumer.min.heartbeat.interval.ms": 50,
    "group.consumer.heartbeat.interval.ms": 50,
    "group.consumer.min.session.timeout.ms": 1000,
    "group.consumer.session.timeout.ms": 1000,
    "num.partitions": PARTITIONS,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["--config", `${name}=${value}`]);
  gateway = await startTestGateway({ args });
});
afterAll(async () => {
  await gateway.stop();
  vi.unstubAllGlobals();
});

test("members that come, go and vanish read every record, in order, and where they were is committed", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = seeded(seed);
  const below = (end: number): number => Math.floor(random() * end);
  const clients = await Promise.all(Array.from({ length: 3 }, () => openNodeClient(gateway)));
  const [writer] = clients;
  if (writer === undefined) throw new Error("no client");
  const work = writer.topic("work", { value: text() });
  const written = Array.from({ length: RECORDS }, (_, n) => `record ${n}`);
  await work.publish({ value: "first" }).delivered;
  written.push("first");

  const seen = new Set<string>();
  const open = new Set<GroupSubscription<string>>();
  const disorder: string[] = [];
  const reading: Promise<void>[] = [];
  const read = async (subscription: GroupSubscription<string>): Promise<void> => {
    const last = new Map<number, bigint>();
    for (const type of ["revoked", "lost"] as const)
      subscription.addEventListener(type, ({ partitions }) => {
        for (const { partition } of partitions) last.delete(partition);
      });
    open.add(subscription);
    try {
      for await (const { partition, offset, value } of subscription) {
        if (offset <= (last.get(partition) ?? -1n)) disorder.push(`${partition}/${offset}`);
        last.set(partition, offset);
        // What is in hand when it goes is not done.
        if (below(20) === 0) await new Promise((resolve) => setTimeout(resolve, below(30)));
        if (value !== null) seen.add(value);
      }
    } catch (error) {
      // Another one has come under its name while it was away.
      if (!(error instanceof KafkaError) || error.code !== ErrorCode.FENCED_INSTANCE_ID) throw error;
    }
    open.delete(subscription);
  };
  const join = (): void => {
    const client = clients[below(clients.length)];
    const instance = below(3) === 0 ? { instanceId: `desk-${below(3)}` } : {};
    const subscription = client?.group("crew").subscribe(["work"], { value: text(), ...instance });
    if (subscription !== undefined) reading.push(read(subscription));
  };

  join();
  for (let n = 0; n < RECORDS; n += 20) {
    for (let each = n; each < n + 20; each++) work.publish({ value: `record ${each}` });
    await new Promise((resolve) => setTimeout(resolve, below(150)));
    const action = below(6);
    const [first] = open;
    if (action <= 1 && open.size < 5) join();
    if (action === 2 && open.size > 1) void first?.close();
    if (action === 3) {
      const client = clients[1 + below(clients.length - 1)];
      client?.goOffline();
      void new Promise((resolve) => setTimeout(resolve, below(2500))).then(() => client?.goOnline());
    }
  }
  try {
    await vi.waitFor(() => expect(written.filter((value) => !seen.has(value))).toEqual([]), 50_000);
    expect(disorder).toEqual([]);
    await vi.waitFor(async () => expect((await writer.admin.describeGroup("crew")).lag).toBe(0n), 50_000);
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(reading);
  }
  expect([...open]).toEqual([]);
}, 120_000);
