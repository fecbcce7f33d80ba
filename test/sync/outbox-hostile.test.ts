import { expect, test } from "vitest";
import { ErrorCode } from "../../wire/errors.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import type { Fault } from "./fake-broker.ts";
import { Tab } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

/** Errors that a broker may answer with without having written anything. */
const REFUSALS = [
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
];

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

function hostile(random: () => number, rate: number): () => Fault {
  return () => {
    if (random() >= rate) return random() < 0.1 ? "late" : "none";
    const pick = random();
    if (pick < 0.3) return "lost";
    if (pick < 0.6) return "unanswered";
    return { refuse: REFUSALS[Math.floor(random() * REFUSALS.length)] ?? ErrorCode.REQUEST_TIMED_OUT };
  };
}

const seeds = Array.from({ length: 30 }, (_, index) => 7_000 + index * 13);

test.each(seeds)(
  "lost requests, lost answers and refusals: each record once, in order per key (seed %i)",
  async (seed) => {
    const random = seeded(seed);
    const clock = new VirtualClock();
    const broker = new FakeBroker(engine);
    broker.partitionsPerTopic = 1 + (seed % 4);
    broker.strictAboutUnknown = seed % 2 === 0;
    const tab = new Tab({ engine, broker, clock, random }).deliver();
    broker.faults = hostile(random, 0.25);
    const sent: { key: string; value: string; delivered: Promise<{ partition: number; offset: bigint }> }[] =
      [];
    for (let index = 0; index < 120; index++) {
      const key = `key-${Math.floor(random() * 6)}`;
      const { delivered } = tab.publish("orders", key, `value-${index}`);
      sent.push({ key, value: `value-${index}`, delivered });
      if (random() < 0.2) await clock.pass(Math.floor(random() * 400));
      if (random() < 0.03) broker.dropAll();
    }
    await clock.until(tab.drained(clock));
    const topic = broker.topics.get("orders");
    const inLog = (topic?.partitions ?? []).map((partition) => partition.records());
    expect(
      inLog
        .flat()
        .map((record) => record.value ?? "")
        .toSorted(byText),
      `seed ${seed}`,
    ).toEqual(sent.map((record) => record.value).toSorted(byText));
    for (const key of new Set(sent.map((record) => record.key))) {
      const values = inLog
        .flat()
        .filter((record) => record.key === key)
        .map((record) => record.value);
      expect(values, `seed ${seed}, ${key}`).toEqual(
        sent.filter((record) => record.key === key).map((record) => record.value),
      );
    }
    for (const record of sent) {
      const { partition, offset } = await record.delivered;
      expect(inLog[partition]?.find((each) => each.offset === offset)?.value, `seed ${seed}`).toBe(
        record.value,
      );
    }
    await tab.close();
  },
);

test.each(seeds)(
  "a broker that has forgotten the producer after a day away: nothing twice, nothing lost (seed %i)",
  async (seed) => {
    const random = seeded(seed);
    const clock = new VirtualClock();
    const broker = new FakeBroker(engine);
    broker.strictAboutUnknown = seed % 2 === 0;
    const tab = new Tab({ engine, broker, clock, random }).deliver();
    broker.faults = hostile(random, 0.2);
    const values: string[] = [];
    for (let index = 0; index < 80; index++) {
      values.push(`value-${index}`);
      tab.publish("orders", null, `value-${index}`);
      if (random() < 0.3) await clock.pass(Math.floor(random() * 400));
      if (random() > 0.1) continue;
      tab.upstream.goOffline();
      await clock.pass(25 * 3_600_000);
      broker.topics.get("orders")?.partitions[0]?.forgetProducers();
      tab.upstream.goOnline();
    }
    await clock.until(tab.drained(clock));
    const inLog = (broker.topics.get("orders")?.partitions[0]?.records() ?? []).map(
      (record) => record.value ?? "",
    );
    expect(inLog, `seed ${seed}`).toEqual(values);
    expect(tab.outbox.counts["in doubt"]).toBe(0);
    await tab.close();
  },
);
