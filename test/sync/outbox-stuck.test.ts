import { expect, test } from "vitest";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { FakePartition } from "./fake-partition.ts";
import { Tab } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();
const encoder = new TextEncoder();

function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const store = new MemoryOutboxStore();
  const random = seeded(5);
  const tab = (): Tab => new Tab({ engine, broker, clock, random, store });
  return { clock, broker, store, tab };
}

const valuesOf = (broker: FakeBroker, topic: string): (string | null)[] =>
  (broker.topics.get(topic)?.partitions ?? []).flatMap((partition) =>
    partition.records().map((record) => record.value),
  );

test.each([Number.NaN, 1.5, Infinity, 2 ** 70])(
  "a record with a timestamp that no batch can hold (%d) holds up no other",
  async (timestamp) => {
    const { clock, broker, tab } = setUp();
    const mine = tab().deliver();
    const record = { topic: "orders", key: null, headers: [], clusterId: null, topicId: null };
    const before = mine.publish("orders", null, "before");
    const poison = mine.outbox.publish({ ...record, value: encoder.encode("poison"), timestamp });
    const poisoned = poison.delivered.then(
      () => "delivered",
      (error: unknown) => String(error),
    );
    const after = mine.publish("orders", null, "after");
    await clock.until(Promise.all([before.delivered, after.delivered]), 60_000);
    expect(valuesOf(broker, "orders")).toEqual(["before", "after"]);
    expect(await clock.until(poisoned, 60_000)).toMatch(/timestamp/);
    await mine.close();
  },
);

test("a partition whose log cannot be asked holds up no other topic", async () => {
  const { clock, broker, tab } = setUp();
  broker.faults = (api, body) =>
    api === "ListOffsets" &&
    JSON.stringify(body, (_, each: unknown) => (typeof each === "bigint" ? Number(each) : each)).includes(
      '"fenced"',
    )
      ? { refuse: ErrorCode.KAFKA_STORAGE_ERROR }
      : "none";
  const mine = tab().deliver();
  mine.publish("fenced", null, "waits");
  await clock.pass(100);
  const { delivered } = mine.publish("orders", null, "passes");
  await clock.until(delivered, 60_000);
  expect(valuesOf(broker, "orders")).toEqual(["passes"]);
  broker.faults = () => "none";
  await clock.until(mine.drained(clock), 60_000);
  expect(valuesOf(broker, "fenced")).toEqual(["waits"]);
  await mine.close();
});

test("a topic that has no partitions yet is not asked for partition NaN, and gets its records when it has one", async () => {
  const { clock, broker, tab } = setUp();
  const bare = broker.createTopic("bare", 0);
  const mine = tab().deliver();
  mine.publish("bare", "key", "waits");
  await clock.pass(100);
  const { delivered } = mine.publish("orders", null, "passes");
  await clock.until(delivered, 60_000);
  expect(valuesOf(broker, "orders")).toEqual(["passes"]);
  expect(new Set(mine.problems)).toEqual(new Set(["topic bare has no partitions yet"]));
  bare.partitions.push(new FakePartition(engine, true));
  await clock.until(mine.drained(clock), 60_000);
  expect(valuesOf(broker, "bare")).toEqual(["waits"]);
  await mine.close();
});

test("what another tab was refused is told to the tab that published it", async () => {
  const { clock, broker, tab } = setUp();
  broker.faults = (api) => (api === "Produce" ? { refuse: ErrorCode.TOPIC_AUTHORIZATION_FAILED } : "none");
  const publisher = tab();
  const deliverer = tab().deliver();
  const { queued, delivered } = publisher.publish("orders", null, "refused");
  const fate = delivered.then(
    () => "delivered",
    (error: unknown) => String(error),
  );
  await clock.until(queued);
  deliverer.outbox.wake();
  await clock.until(deliverer.drained(clock), 60_000);
  // The other tab says only that rows have changed.
  await publisher.outbox.refresh();
  expect(await clock.until(fate, 60_000)).toMatch(/refused/);
  await publisher.close();
  await deliverer.close();
});

test("a gateway set back to an older backup takes an unanswered batch at a lower offset: not sent twice", async () => {
  const { clock, broker, tab } = setUp();
  const mine = tab().deliver();
  for (const value of ["one", "two", "three"])
    await clock.until(mine.publish("orders", null, value).delivered);
  const partition = broker.topics.get("orders")?.partitions[0];
  broker.faults = (api) => (api === "Produce" ? "lost" : "none");
  mine.publish("orders", null, "four");
  await clock.pass(500);
  mine.upstream.goOffline();
  // The backup knows of nothing but the first record, and of no producer.
  partition?.truncate(1n);
  partition?.forgetProducers();
  if (partition !== undefined) Object.assign(partition, { strictAboutUnknown: false });
  broker.faults = () => "none";
  mine.upstream.goOnline();
  await clock.until(mine.drained(clock), 120_000);
  expect(valuesOf(broker, "orders")).toEqual(["one", "four"]);
  await mine.close();
});

test("a duplicate whose offset cannot be found out is delivered, and not sent anew", async () => {
  const { clock, broker, tab } = setUp();
  let produced = 0;
  broker.faults = (api) => {
    if (api === "Fetch") return { refuse: ErrorCode.OFFSET_OUT_OF_RANGE };
    if (api !== "Produce") return "none";
    produced += 1;
    if (produced === 1) return "unanswered";
    return produced === 2 ? { refuse: ErrorCode.DUPLICATE_SEQUENCE_NUMBER } : "none";
  };
  const mine = tab();
  const sent = ["one", "two"].map((value) => mine.publish("orders", null, value).delivered);
  mine.deliver();
  expect(await clock.until(Promise.all(sent), 60_000)).toEqual([
    { partition: 0, offset: -1n },
    { partition: 0, offset: -1n },
  ]);
  expect(valuesOf(broker, "orders")).toEqual(["one", "two"]);
  await mine.close();
});

test("a batch that ends the connection each time it is sent holds up no other topic", async () => {
  const { clock, broker, tab } = setUp();
  broker.faults = (api, body) => {
    if (api !== "Produce") return "none";
    const { topicData } = body as { topicData: { name: string }[] };
    return topicData[0]?.name === "large" ? "lost" : "none";
  };
  const mine = tab();
  mine.publish("large", null, "never");
  mine.deliver();
  await clock.pass(2000);
  for (const value of ["one", "two", "three"])
    await clock.until(mine.publish("orders", null, value).delivered, 60_000);
  expect(valuesOf(broker, "orders")).toEqual(["one", "two", "three"]);
  broker.faults = () => "none";
  await clock.until(mine.drained(clock), 60_000);
  expect(valuesOf(broker, "large")).toEqual(["never"]);
  await mine.close();
});
