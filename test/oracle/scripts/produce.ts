import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  BASE_OFFSET_AT,
  CODEC_GZIP,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAX_TIMESTAMP_AT,
  RECORDS_COUNT_AT,
} from "../../../engine-as/format.ts";
import { fetch } from "../../../wire/apis/fetch.ts";
import { offsetCommit } from "../../../wire/apis/offset-commit.ts";
import { produce } from "../../../wire/apis/produce.ts";
import { metadata } from "../../../wire/apis/metadata.ts";
import type { ApiScripts, Talk, Topic } from "../script.ts";
import { AN_HOUR_AGO } from "../normalise.ts";
import { altered, batchOf, recordOf, sealed, withMagic } from "./batches.ts";

type Partitions = readonly (readonly [index: number, records: Uint8Array | null])[];

/** A Produce to one topic. */
export function producing(topic: Partial<Topic>, partitions: Partitions, acks = -1) {
  const partitionData = partitions.map(([index, records]) => ({ index, records }));
  return { acks, timeoutMs: 10_000, topicData: [{ name: topic.name, topicId: topic.id, partitionData }] };
}

/** Everything in the topic's partitions, as a step. */
export function seeLog(talk: Talk, topic: Topic, step = "what the log holds", count = 1): Promise<unknown> {
  const partitions = Array.from({ length: count }, (_, partition) => ({
    partition,
    fetchOffset: 0n,
    partitionMaxBytes: 2 ** 24,
  }));
  return talk.see(step, fetch, 12, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topic: topic.name, partitions }],
    isolationLevel: 0,
  });
}

/** Plays one batch after the other into a topic of its own, each a step by its name. */
function batches(
  name: string,
  steps: Readonly<Record<string, Uint8Array | null>>,
  configs: Readonly<Record<string, string>> = {},
) {
  return {
    name,
    async run(talk: Talk): Promise<void> {
      const topic = await talk.topic("topic", { configs });
      for (const [step, records] of Object.entries(steps))
        await talk.ask(step, produce, producing(topic, [[0, records]]));
      await seeLog(talk, topic);
    },
  };
}

/** Plays each batch into a partition of its own. */
function apart(name: string, steps: Readonly<Record<string, Uint8Array>>) {
  return {
    name,
    async run(talk: Talk): Promise<void> {
      const all = Object.entries(steps);
      const topic = await talk.topic("topic", { partitions: all.length });
      for (const [partition, [step, records]] of all.entries())
        await talk.ask(step, produce, producing(topic, [[partition, records]]));
      await seeLog(talk, topic, "what the log holds", all.length);
    },
  };
}

const one = batchOf(["one"]);
const three = batchOf(["a", "b", "c"]);
const idempotent = (baseSequence: number, values: readonly string[], producerEpoch = 0): Uint8Array =>
  batchOf(values, { producerId: 7_000_000n, producerEpoch, baseSequence });
const inFuture = (ms: number): Uint8Array => sealed([recordOf("later", Date.now() + ms)]);
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export const produceScripts: ApiScripts = {
  api: produce,
  scripts: [
    batches("one batch after the other", {
      "one record": one,
      "three records": three,
      compressed: batchOf(["x".repeat(500), "y".repeat(500)], { codec: CODEC_GZIP }),
      "a record with a key and no value": sealed([
        { key: new Uint8Array([107]), value: null, timestamp: AN_HOUR_AGO },
      ]),
    }),
    apart("batches that are wrong", {
      empty: new Uint8Array(0),
      "two at once": joined(one, three),
      "with a byte after it": joined(one, new Uint8Array(1)),
      "cut short": one.slice(0, -1),
      "less than a header": one.slice(0, 20),
      "a wrong CRC": altered(one, (view) => view.setInt8(one.byteLength - 1, 3), { keepsCrc: true }),
      "magic 0": withMagic(one, 0),
      "magic 1": withMagic(one, 1),
      "magic 3": withMagic(one, 3),
      "a length too small": altered(one, (view) => view.setInt32(BATCH_LENGTH_AT, 10)),
      "a negative length": altered(one, (view) => view.setInt32(BATCH_LENGTH_AT, -1)),
      "a length beyond the end": altered(one, (view) => view.setInt32(BATCH_LENGTH_AT, 1000)),
      "a count too large": altered(three, (view) => view.setInt32(RECORDS_COUNT_AT, 4)),
      "a count too small": altered(three, (view) => view.setInt32(RECORDS_COUNT_AT, 2)),
      "a count of none": altered(three, (view) => view.setInt32(RECORDS_COUNT_AT, 0)),
      "a negative count": altered(three, (view) => view.setInt32(RECORDS_COUNT_AT, -1)),
      "a last offset that does not fit": altered(three, (view) => view.setInt32(LAST_OFFSET_DELTA_AT, 5)),
      "a codec that is none": altered(one, (view) => view.setInt16(ATTRIBUTES_AT, 5)),
      "said to be gzip": altered(one, (view) => view.setInt16(ATTRIBUTES_AT, 1)),
      "an attribute that nobody knows": altered(one, (view) => view.setInt16(ATTRIBUTES_AT, 0x100)),
      "a control batch": batchOf(["control"], { control: true }),
      "a transactional batch": batchOf(["transactional"], {
        transactional: true,
        producerId: 7_000_001n,
        producerEpoch: 0,
        baseSequence: 0,
      }),
      "LogAppendTime, which only the broker sets": altered(one, (view) => view.setInt16(ATTRIBUTES_AT, 8)),
    }),
    batches("headers that a leader sets anew", {
      "a base offset": altered(three, (view) => view.setBigInt64(BASE_OFFSET_AT, 1000n)),
      "a leader epoch": altered(three, (view) => view.setInt32(LEADER_EPOCH_AT, 17)),
      "a greatest timestamp that is false": altered(three, (view) =>
        view.setBigInt64(MAX_TIMESTAMP_AT, BigInt(AN_HOUR_AGO + 999_999)),
      ),
    }),
    batches("timestamps", {
      "not in order": sealed([recordOf("late", AN_HOUR_AGO + 5000), recordOf("early", AN_HOUR_AGO)]),
      "half an hour ahead": inFuture(30 * 60_000),
      "two hours ahead": inFuture(2 * 60 * 60_000),
      "one of two too far ahead": sealed([
        recordOf("fine", AN_HOUR_AGO),
        recordOf("far", Date.now() + 7_200_000),
      ]),
      "from 1970": sealed([recordOf("old", 1)]),
      none: altered(sealed([recordOf("none", -1)]), () => undefined),
    }),
    batches(
      "timestamps that a topic bounds",
      { "an hour ago": one, "half an hour ahead": inFuture(30 * 60_000) },
      {
        "message.timestamp.before.max.ms": "60000",
        "message.timestamp.after.max.ms": "60000",
      },
    ),
    batches(
      "LogAppendTime",
      { "three records": three, "two hours ahead": inFuture(2 * 60 * 60_000) },
      {
        "message.timestamp.type": "LogAppendTime",
      },
    ),
    batches(
      "a topic's own codec",
      { plain: three, compressed: batchOf(["x".repeat(500)], { codec: CODEC_GZIP }) },
      {
        "compression.type": "gzip",
      },
    ),
    batches(
      "a compacted topic",
      {
        "without keys": three,
        "with keys": sealed([recordOf("v", AN_HOUR_AGO, "k")]),
        "one of two without a key": sealed([recordOf("v", AN_HOUR_AGO, "k"), recordOf("w", AN_HOUR_AGO)]),
      },
      { "cleanup.policy": "compact" },
    ),
    batches(
      "batches that are too large",
      {
        "just fits": batchOf(["x".repeat(900)]),
        "too large": batchOf(["x".repeat(1100)]),
        "too large until it is compressed": batchOf(["x".repeat(5000)], { codec: CODEC_GZIP }),
      },
      { "max.message.bytes": "1000" },
    ),
    batches("an idempotent producer", {
      first: idempotent(0, ["a", "b"]),
      second: idempotent(2, ["c"]),
      "the second again": idempotent(2, ["c"]),
      "the first again": idempotent(0, ["a", "b"]),
      "a gap": idempotent(5, ["f"]),
      "an overlap": idempotent(1, ["b", "c"]),
      third: idempotent(3, ["d"]),
      "a next epoch that does not begin at 0": idempotent(4, ["e"], 1),
      "a next epoch": idempotent(0, ["a"], 1),
      "an old epoch": idempotent(4, ["e"], 0),
      "an old epoch's duplicate": idempotent(3, ["d"], 0),
    }),
    batches("a producer that forgets", {
      first: idempotent(0, ["0"]),
      ...Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`number ${n}`, idempotent(n, [String(n)])])),
      "the fifth last again": idempotent(2, ["2"]),
      "the sixth last again": idempotent(1, ["1"]),
    }),
    apart("sequences that a producer cannot have", {
      "an unknown producer that does not begin at 0": idempotent(10, ["k"]),
      "a sequence without a producer": batchOf(["x"], { baseSequence: 0 }),
      "a producer without a sequence": batchOf(["x"], { producerId: 7_000_002n, producerEpoch: 0 }),
      "a producer without an epoch": batchOf(["x"], { producerId: 7_000_003n, baseSequence: 0 }),
    }),
    {
      name: "topics and partitions that are not there",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        const unknown = { name: talk.name("unknown"), id: "cml2dWxldC1uby10b3BpYw" };
        const id = topic.id;
        await talk.ask("unknown topic", produce, producing(unknown, [[0, one]]));
        await talk.ask("unknown partition", produce, producing(topic, [[2, one]]));
        await talk.ask("negative partition", produce, producing(topic, [[-1, one]]));
        await talk.ask("a name that cannot be", produce, producing({ name: "no/topic", id }, [[0, one]]));
        await talk.ask("an empty name, and no id", produce, producing({ name: "" }, [[0, one]]));
        await talk.ask(
          "one of two",
          produce,
          producing(topic, [
            [1, one],
            [7, one],
          ]),
        );
        const { topicData } = producing(topic, [[0, one]]);
        await talk.ask("an unknown topic beside a known one", produce, {
          acks: -1,
          timeoutMs: 10_000,
          topicData: [...producing(unknown, [[0, one]]).topicData, ...topicData],
        });
        await talk.see("nothing was created", metadata, 9, {
          topics: [{ name: unknown.name }],
          allowAutoTopicCreation: false,
        });
      },
    },
    {
      name: "nothing to produce",
      async run(talk) {
        const topic = await talk.topic("topic");
        await talk.ask("no topics", produce, { acks: -1, timeoutMs: 1000, topicData: [] });
        await talk.ask("no partitions", produce, producing(topic, []));
      },
    },
    {
      name: "the same partition twice",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        await talk.ask(
          "in one topic",
          produce,
          producing(topic, [
            [0, one],
            [1, one],
            [0, three],
          ]),
        );
        await seeLog(talk, topic);
        const { topicData } = producing(topic, [[0, one]]);
        await talk.ask("in two", produce, {
          acks: -1,
          timeoutMs: 1000,
          topicData: [...topicData, ...topicData],
        });
        await seeLog(talk, topic, "what the log holds then");
      },
    },
    {
      name: "acks",
      async run(talk) {
        const topic = await talk.topic("topic");
        await talk.ask("1", produce, producing(topic, [[0, one]], 1));
        await talk.ask("2", produce, producing(topic, [[0, one]], 2));
        await talk.ask("-2", produce, producing(topic, [[0, one]], -2));
        await talk.tell("0", produce, producing(topic, [[0, one]], 0));
        await talk.tell("0, and no topic", produce, producing({ name: talk.name("none") }, [[0, one]], 0));
        await talk.tell("0, and a bad batch", produce, producing(topic, [[0, one.slice(0, -1)]], 0));
        await talk.ask("a time-out of 0", produce, { ...producing(topic, [[0, one]]), timeoutMs: 0 });
        await talk.ask("a negative time-out", produce, { ...producing(topic, [[0, one]]), timeoutMs: -1 });
        await seeLog(talk, topic);
      },
    },
    {
      name: "internal topics",
      async run(talk) {
        await talk.request(offsetCommit, 8, {
          groupId: talk.name("group"),
          memberId: "",
          topics: [
            {
              name: (await talk.topic("topic")).name,
              partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: null }],
            },
          ],
        });
        await talk.ask("__consumer_offsets", produce, producing({ name: "__consumer_offsets" }, [[0, one]]));
      },
      versions: [3, 12],
    },
  ],
};
