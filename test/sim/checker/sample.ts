/**
 * A small run in which everything went well: a device with two tabs, a Kafka producer that asks for `all`, one that asks for
 * `1`, two readers and a replica, all on orders-0.
 */
import type { NewEvent } from "./draft.ts";
import type { HistoryDraft } from "./draft.ts";
import { stored, timed } from "./draft.ts";

export const ORDERS = "T1";
export const place = { topicId: ORDERS, partition: 0 } as const;

/** An outbox: device-1/alice; Kafka producers: kafka-all, kafka-one. */
export function publish(
  id: string,
  fields: { key?: string | null; tab?: string; topic?: string } = {},
): NewEvent {
  const [producer = "", number = ""] = id.split(":");
  const tab = producer.startsWith("device") ? { tab: fields.tab ?? "tab-1" } : {};
  return {
    kind: "publish",
    id,
    producer,
    number: Number(number),
    principal: producer.split("/")[1] ?? producer,
    topic: fields.topic ?? "orders",
    key: fields.key ?? null,
    idempotent: true,
    ...tab,
  };
}

export function sent(id: string): NewEvent {
  const producer = id.split(":")[0] ?? "";
  return { kind: "sent", id, principal: producer.split("/")[1] ?? producer };
}

export function acknowledged(id: string, offset: number, level: "1" | "all" = "all"): NewEvent {
  return { kind: "acknowledged", id, ...place, offset: BigInt(offset), level };
}

export function read(reader: string, offset: number, id: string): NewEvent {
  return { kind: "read", reader, ...place, offset: BigInt(offset), id };
}

const queued = (id: string): NewEvent => ({ kind: "queued", id });

/** Orders-0 at the end, by offset. */
export const IDS = [
  "device-1/alice:1",
  "device-1/alice:2",
  "kafka-all:1",
  "kafka-one:1",
  "device-1/alice:3",
  "kafka-one:2",
] as const;

export function sample(): HistoryDraft {
  const [d1, d2, k1, one1, d3, one2] = IDS;
  const device = "device-1/alice";
  const events = timed([
    { kind: "topic created", topic: "orders", topicId: ORDERS },
    { kind: "read from", reader: "reader-1", ...place, from: 0n },
    { kind: "read from", reader: "reader-2", ...place, from: undefined, earliest: true },
    [publish(d1, { key: "a" }), queued(d1), sent(d1), acknowledged(d1, 0)],
    [publish(d2, { tab: "tab-2", key: "a" }), queued(d2), sent(d2), acknowledged(d2, 1)],
    [read("reader-1", 0, d1), read("reader-1", 1, d2)],
    [publish(k1), sent(k1), acknowledged(k1, 2)],
    [publish(one1), sent(one1), acknowledged(one1, 3, "1")],
    // The answer got lost.
    [publish(d3), queued(d3), sent(d3), { kind: "unknown", id: d3 } as const],
    [publish(one2), sent(one2), acknowledged(one2, 5, "1")],
    // What did not reach the log: in doubt, waiting, refused, discarded.
    [publish(`${device}:4`), queued(`${device}:4`), sent(`${device}:4`)],
    [publish(`${device}:5`), queued(`${device}:5`)],
    [publish(`${device}:6`), queued(`${device}:6`), sent(`${device}:6`)],
    { kind: "refused", id: `${device}:6`, reason: "too large" },
    [publish(`${device}:7`), queued(`${device}:7`), sent(`${device}:7`)],
    { kind: "decided", id: `${device}:7`, word: "discard" },
    [read("reader-1", 2, k1), read("reader-1", 3, one1), read("reader-1", 4, d3), read("reader-1", 5, one2)],
    IDS.map((id, offset) => read("reader-2", offset, id)),
  ]);
  const [deviceId, allId, oneId] = [{ producerId: 7n }, { producerId: 8n }, { producerId: 9n }];
  const records = () => [
    stored(0, d1, deviceId),
    stored(1, d2, { ...deviceId, sequence: 1 }),
    stored(2, k1, allId),
    stored(3, one1, oneId),
    stored(4, d3, { ...deviceId, sequence: 2, leaderEpoch: 1 }),
    stored(5, one2, { ...oneId, sequence: 1, leaderEpoch: 1 }),
  ];
  return {
    events,
    partitions: [{ ...place, topic: "orders", logStartOffset: 0n, highWatermark: 6n, records: records() }],
    replicas: [{ ...place, holder: `${device}/tab-1`, from: 0n, to: 6n, records: records(), state: "live" }],
    outboxes: [
      { producer: device, id: `${device}:4`, state: "in doubt", reason: "never answered" },
      { producer: device, id: `${device}:5`, state: "waiting", reason: undefined },
      { producer: device, id: `${device}:6`, state: "refused", reason: "too large" },
    ],
    readers: [
      { ...place, reader: "reader-1", next: 6n },
      { ...place, reader: "reader-2", next: 6n },
    ],
    groups: [],
  };
}
