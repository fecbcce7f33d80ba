import { expect, test } from "vitest";
import { BatchHeader } from "../../log/batch.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { Tab } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

function setUp(options: { serverAheadMs?: number } = {}) {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const serverTime = () => Promise.resolve(clock.now() + (options.serverAheadMs ?? 0));
  const tab = new Tab({ engine, broker, clock, random: seeded(1), serverTime });
  return { clock, broker, tab };
}

function logOf(broker: FakeBroker, topic = "orders") {
  return (broker.topics.get(topic)?.partitions ?? []).flatMap((partition) => partition.records());
}

async function failureOf(delivered: Promise<unknown>): Promise<unknown> {
  return delivered.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("unanswered, forgotten by the broker, and the range gone: in doubt, until the app decides", async () => {
  const { clock, broker, tab } = setUp();
  broker.createTopic("orders");
  broker.faults = (api) => (api === "Produce" ? "unanswered" : "none");
  tab.deliver();
  const { delivered } = tab.publish("orders", null, "one");
  await clock.pass(5);
  await clock.settle();
  tab.upstream.goOffline();
  await clock.pass(13 * 3_600_000);
  const partition = broker.topics.get("orders")?.partitions[0];
  expect(partition?.end).toBe(1n);
  partition?.deleteBefore(1n);
  partition?.forgetProducers();
  broker.faults = () => "none";
  tab.upstream.goOnline();
  await clock.until(tab.drained(clock));
  expect(tab.outbox.counts["in doubt"]).toBe(1);
  expect(await failureOf(delivered)).toMatchObject({ code: ErrorCode.NETWORK_EXCEPTION });
  const [listed] = await tab.outbox.list();
  expect(listed).toMatchObject({ state: "in doubt" });
  const after = tab.publish("orders", null, "two");
  expect(await clock.until(after.delivered)).toEqual({ partition: 0, offset: 1n });
  await tab.outbox.retry([listed?.id ?? -1]);
  await clock.until(tab.drained(clock));
  expect(logOf(broker).map((record) => record.value)).toEqual(["two", "one"]);
  await tab.close();
});

test("unanswered for half a day, and the broker has forgotten: found in the log, not sent again", async () => {
  const { clock, broker, tab } = setUp();
  broker.createTopic("orders");
  broker.strictAboutUnknown = false;
  broker.faults = (api) => (api === "Produce" ? "unanswered" : "none");
  tab.deliver();
  const { delivered } = tab.publish("orders", null, "one");
  await clock.pass(5);
  await clock.settle();
  tab.upstream.goOffline();
  await clock.pass(13 * 3_600_000);
  broker.topics.get("orders")?.partitions[0]?.forgetProducers();
  broker.faults = () => "none";
  tab.upstream.goOnline();
  expect(await clock.until(delivered)).toEqual({ partition: 0, offset: 0n });
  expect(logOf(broker)).toHaveLength(1);
  await tab.close();
});

test.each([
  ["", 1],
  [", also where the node that is asked knows of no controller", -1],
])(
  "unanswered for longer than the gateway remembers its producers, which is a minute: found in the log, not sent again%s",
  async (_, controllerId) => {
    const { clock, broker, tab } = setUp();
    broker.controllerId = controllerId;
    broker.createTopic("orders");
    broker.configs.set("producer.id.expiration.ms", "60000");
    broker.strictAboutUnknown = false;
    broker.faults = (api) => (api === "Produce" ? "unanswered" : "none");
    tab.deliver();
    const { delivered } = tab.publish("orders", null, "one");
    await clock.pass(5);
    await clock.settle();
    tab.upstream.goOffline();
    await clock.pass(61_000);
    broker.topics.get("orders")?.partitions[0]?.forgetProducers();
    broker.faults = () => "none";
    tab.upstream.goOnline();
    expect(await clock.until(delivered)).toEqual({ partition: 0, offset: 0n });
    expect(logOf(broker)).toHaveLength(1);
    await tab.close();
  },
);

test("another cluster behind the same address: delivery stops and asks; the first one again: it goes on", async () => {
  const { clock, broker, tab } = setUp();
  broker.createTopic("orders");
  broker.faults = (api) => (api === "Produce" ? "lost" : "none");
  tab.deliver();
  tab.publish("orders", null, "sealed for one", { clusterId: "cluster-one" });
  await clock.pass(2000);
  tab.upstream.goOffline();
  tab.publish("orders", null, "meant for one", { clusterId: "cluster-one" });
  broker.clusterId = "cluster-two";
  broker.faults = () => "none";
  tab.upstream.goOnline();
  await clock.pass(2000);
  await tab.outbox.refresh();
  expect(logOf(broker)).toEqual([]);
  expect(tab.outbox.counts).toMatchObject({ waiting: 0, frozen: 1, blocked: 1, held: 1 });
  tab.upstream.goOffline();
  broker.clusterId = "cluster-one";
  tab.upstream.goOnline();
  await clock.pass(2000);
  expect(logOf(broker).map((record) => record.value)).toEqual(["sealed for one", "meant for one"]);
  await tab.close();
});

test("what was held for another cluster goes out when the app is opened where that is, and nothing else is published", async () => {
  const { clock, broker, tab } = setUp();
  broker.createTopic("orders");
  tab.deliver();
  tab.upstream.goOffline();
  tab.publish("orders", null, "meant for one", { clusterId: "cluster-one" });
  broker.clusterId = "cluster-two";
  tab.upstream.goOnline();
  await clock.pass(2000);
  await tab.outbox.refresh();
  expect(tab.outbox.counts).toMatchObject({ waiting: 0, frozen: 0, held: 1 });
  broker.clusterId = "cluster-one";
  const { store } = tab;
  await tab.close();
  const again = new Tab({
    engine,
    broker,
    clock,
    random: seeded(2),
    serverTime: () => Promise.resolve(clock.now()),
    store,
  });
  again.deliver();
  await clock.pass(2000);
  expect(logOf(broker).map((record) => record.value)).toEqual(["meant for one"]);
  await again.close();
});

test("a topic made anew does not get what was meant for the one before; discarding and retrying both work", async () => {
  const { clock, broker, tab } = setUp();
  const { id: topicId } = broker.createTopic("orders");
  broker.faults = (api) => (api === "Produce" ? "lost" : "none");
  tab.deliver();
  const sealed = tab.publish("orders", null, "sealed", { topicId });
  await clock.pass(2000);
  tab.upstream.goOffline();
  tab.publish("orders", null, "meant", { topicId });
  broker.createTopic("orders");
  broker.faults = () => "none";
  tab.upstream.goOnline();
  await clock.pass(5000);
  const listed = await tab.outbox.list();
  expect(listed.map(({ state, blocked }) => ({ state, isBlocked: blocked !== null }))).toEqual([
    { state: "frozen", isBlocked: true },
    { state: "held", isBlocked: false },
  ]);
  await tab.outbox.discard([listed[0]?.id ?? -1]);
  expect(await failureOf(sealed.delivered)).toBeInstanceOf(Error);
  await tab.outbox.retry([listed[1]?.id ?? -1]);
  await clock.until(tab.drained(clock));
  expect(logOf(broker).map((record) => record.value)).toEqual(["meant"]);
  expect(await tab.outbox.list()).toEqual([]);
  await tab.close();
});

test("an app learns by itself that it is asked about a batch: it showed the record as on its way for ever", async () => {
  const { clock, broker, tab } = setUp();
  const { id: topicId } = broker.createTopic("orders");
  broker.faults = (api) => (api === "Produce" ? "lost" : "none");
  tab.deliver();
  tab.publish("orders", null, "sealed", { topicId });
  await clock.pass(2000);
  await tab.close();
  broker.createTopic("orders");
  broker.faults = () => "none";
  const next = new Tab({ engine, broker, clock, random: seeded(2), store: tab.store });
  await next.outbox.refresh();
  expect(next.outbox.counts).toMatchObject({ frozen: 1, blocked: 0 });
  next.deliver();
  // Nobody asks for a count any more, and this tab waits for no record of its own.
  await clock.pass(60_000);
  expect(next.outbox.counts).toMatchObject({ frozen: 1, blocked: 1 });
  await next.close();
});

test("records of the old topic do not land in its successor that is made while the connection stands", async () => {
  const { clock, broker, tab } = setUp();
  // As Kafka's: a log that has not seen a producer takes any sequence as its first, so that only the id can tell.
  broker.strictAboutUnknown = false;
  const { id: topicId } = broker.createTopic("orders");
  tab.deliver();
  await tab.publish("orders", null, "before", { topicId }).delivered;
  const connection = [...broker.connections];
  const { id: successor } = broker.createTopic("orders");
  tab.publish("orders", null, "meant for the first", { topicId });
  await clock.pass(5000);
  expect(logOf(broker)).toEqual([]);
  const [kept] = await tab.outbox.list();
  expect(kept).toMatchObject({ state: "frozen", topicId });
  expect(kept?.blocked).toBeTruthy();
  const next = tab.publish("orders", null, "meant for the second", { topicId: successor });
  await next.delivered;
  expect(logOf(broker).map((record) => record.value)).toEqual(["meant for the second"]);
  expect([...broker.connections]).toEqual(connection);
  await tab.outbox.discard([kept?.id ?? -1]);
  await tab.close();
});

test("one record in a batch is refused for good: it is kept and marked, all others are delivered in order", async () => {
  const { clock, broker, tab } = setUp();
  broker.createTopic("orders");
  broker.faults = (api, body) => {
    const records = (body as { topicData?: { partitionData: { records: Uint8Array }[] }[] }).topicData?.[0]
      ?.partitionData[0]?.records;
    if (api !== "Produce" || records === undefined) return "none";
    return Buffer.from(records).includes("poison") ? { refuse: ErrorCode.INVALID_RECORD } : "none";
  };
  const values = ["a", "b", "poison", "c", "d"];
  const published = values.map((value) => tab.publish("orders", null, value));
  tab.deliver();
  await clock.until(tab.drained(clock));
  expect(logOf(broker).map((record) => record.value)).toEqual(["a", "b", "c", "d"]);
  expect(
    (await tab.outbox.list()).map(({ state, reason }) => ({
      state,
      told: reason?.includes("INVALID_RECORD"),
    })),
  ).toEqual([{ state: "refused", told: true }]);
  expect(await failureOf(published[2]?.delivered ?? Promise.resolve())).toMatchObject({
    code: ErrorCode.INVALID_RECORD,
  });
  await tab.close();
});

test("a topic that may not be written to is refused, and another topic gets its records", async () => {
  const { clock, broker, tab } = setUp();
  broker.faults = (api, body) => {
    const names = (body as { topics?: { name: string }[] }).topics?.map((topic) => topic.name) ?? [];
    return api === "Metadata" && names.includes("secret")
      ? { refuse: ErrorCode.TOPIC_AUTHORIZATION_FAILED }
      : "none";
  };
  const secret = tab.publish("secret", null, "no");
  const open = tab.publish("orders", null, "yes");
  tab.deliver();
  await clock.until(open.delivered);
  expect(await failureOf(secret.delivered)).toMatchObject({ code: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
  await tab.close();
});

test("a topic that is not there and is not made keeps its records waiting, and does not hold up others", async () => {
  const { clock, broker, tab } = setUp();
  broker.autoCreate = false;
  broker.createTopic("orders");
  const missing = tab.publish("missing", null, "later");
  const open = tab.publish("orders", null, "now");
  tab.deliver();
  await clock.until(open.delivered);
  expect(tab.problems.some((problem) => problem.includes("missing"))).toBe(true);
  broker.createTopic("missing");
  expect(await clock.until(missing.delivered)).toEqual({ partition: 0, offset: 0n });
  await tab.close();
});

test("a device's clock that is wrong by years is corrected by the server's", async () => {
  const { clock, broker, tab } = setUp({ serverAheadMs: -3 * 365 * 86_400_000 });
  const { delivered } = tab.publish("orders", null, "one");
  await clock.pass(1000);
  tab.deliver();
  await clock.until(delivered);
  const server = clock.now() - 3 * 365 * 86_400_000;
  const [record] = logOf(broker);
  expect(Math.abs((record?.timestamp ?? 0) - server)).toBeLessThan(5000);
  expect(record?.timestamp).toBeLessThanOrEqual(server);
  await tab.close();
});

test("an acknowledgement for an older offset is not ours: a copy of this device used our sequence", async () => {
  const { clock, broker, tab } = setUp();
  broker.createTopic("orders");
  tab.deliver();
  await clock.until(tab.publish("orders", null, "one").delivered);
  // The copy, made now, publishes under the same producer id and sequence.
  const stored = broker.topics.get("orders")?.partitions[0];
  const twin = engine.writeBatch(
    [{ key: null, value: new TextEncoder().encode("of the copy"), timestamp: 1 }],
    {
      codec: 0,
      producerId: new BatchHeader(stored?.batches[0] ?? new Uint8Array()).producerId,
      producerEpoch: 0,
      baseSequence: 1,
      bytesMax: 1000,
    },
  );
  stored?.append(twin);
  // The lane learns the log's end anew with the next connection.
  broker.dropAll();
  await clock.pass(2000);
  expect(await clock.until(tab.publish("orders", null, "two").delivered)).toEqual({
    partition: 0,
    offset: 2n,
  });
  expect(logOf(broker).map((record) => record.value)).toEqual(["one", "of the copy", "two"]);
  await tab.close();
});

test("frozen batches are sent again bit for bit, at most five in flight, in order", async () => {
  const { clock, broker, tab } = setUp();
  broker.createTopic("orders");
  const sent: Uint8Array[] = [];
  let withhold = false;
  broker.faults = (api, body) => {
    if (api !== "Produce") return "none";
    sent.push(
      (
        body as { topicData: { partitionData: { records: Uint8Array }[] }[] }
      ).topicData[0]?.partitionData[0]?.records.slice() ?? new Uint8Array(),
    );
    return withhold ? "unanswered" : "none";
  };
  tab.deliver();
  await clock.until(tab.publish("orders", null, "proof").delivered);
  withhold = true;
  const big = "x".repeat(300 * 1024);
  const published = Array.from({ length: 9 }, (_, index) => tab.publish("orders", null, `${index}${big}`));
  await Promise.all(published.map(({ queued }) => queued));
  await clock.pass(50);
  const before = sent.slice(1);
  expect(before.length).toBeGreaterThan(0);
  withhold = false;
  await clock.until(Promise.all(published.map(({ delivered }) => delivered)));
  const bySequence = new Map<number, Uint8Array>();
  for (const bytes of sent) {
    const { baseSequence } = new BatchHeader(bytes);
    expect(Buffer.compare(bySequence.get(baseSequence) ?? bytes, bytes)).toBe(0);
    bySequence.set(baseSequence, bytes);
  }
  expect(logOf(broker).map((record) => record.value?.slice(0, 1))).toEqual("p012345678".split(""));
  await tab.close();
});
