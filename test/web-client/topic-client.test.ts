import { expect, test } from "vitest";
import { Metadata } from "../../sync/metadata.ts";
import { Upstream } from "../../sync/upstream.ts";
import type { ClientParts } from "../../web-client/core/client-parts.ts";
import { text } from "../../web-client/core/serializer.ts";
import { TopicClient } from "../../web-client/core/topic-client.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "../sync/fake-broker.ts";
import { seeded, VirtualClock } from "../sync/virtual-clock.ts";

const engine = loadEngine();

test("a subscriber is told which range retention took before it had read it", async () => {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const [partition] = broker.createTopic("orders").partitions;
  const append = (value: string): void => {
    const records = [{ key: null, value: new TextEncoder().encode(value), timestamp: 1 }];
    const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 20 };
    partition?.append(engine.writeBatch(records, options));
    broker.pushAll();
  };
  const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" });
  const controller = new AbortController();
  const parts: Pick<ClientParts, "upstream" | "metadata" | "engine" | "signal"> = {
    upstream,
    metadata: new Metadata(upstream),
    engine,
    signal: controller.signal,
  };
  // Nothing is published or kept here.
  const topic = new TopicClient("orders", parts as ClientParts, { key: text(), value: text() });
  for (const value of ["one", "two", "three"]) append(value);
  const gaps: unknown[] = [];
  const reader = topic.subscribe({
    from: { partition: 0, offset: 0n },
    onGap: ({ partition: where, from, to }) => gaps.push([where, from, to]),
  });
  expect((await clock.until(reader.next())).value?.value).toBe("one");
  upstream.goOffline();
  for (const value of ["four", "five"]) append(value);
  partition?.deleteBefore(4n);
  upstream.goOnline();
  const rest: unknown[] = [];
  while (rest.at(-1) !== "five") rest.push((await clock.until(reader.next())).value?.value);
  expect(gaps).toEqual([[0, 3n, 4n]]);
  expect(rest).toEqual(["two", "three", "five"]);
  controller.abort();
  await upstream.close("done");
});

test("a position that is not known is not taken for the end of the log", async () => {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  broker.createTopic("orders");
  const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" });
  const { signal } = new AbortController();
  const parts: Pick<ClientParts, "upstream" | "metadata" | "engine" | "signal"> = {
    upstream,
    metadata: new Metadata(upstream),
    engine,
    signal,
  };
  const topic = new TopicClient("orders", parts as ClientParts, { key: text(), value: text() });
  // As `delivered` answers when the offset could not be found out.
  const reader = topic.subscribe({ from: { partition: 0, offset: -1n } });
  await expect(clock.until(reader.next(), 60_000)).rejects.toThrow(/-1 is no offset/);
  await upstream.close("done");
});
