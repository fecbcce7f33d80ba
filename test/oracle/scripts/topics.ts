import { createPartitions } from "../../../wire/apis/create-partitions.ts";
import { createTopics } from "../../../wire/apis/create-topics.ts";
import { deleteRecords } from "../../../wire/apis/delete-records.ts";
import { deleteTopics } from "../../../wire/apis/delete-topics.ts";
import { listOffsets } from "../../../wire/apis/list-offsets.ts";
import { metadata } from "../../../wire/apis/metadata.ts";
import { produce } from "../../../wire/apis/produce.ts";
import type { ApiScripts, Talk } from "../script.ts";
import { batchOf } from "./batches.ts";
import { producing } from "./produce.ts";

interface Creatable {
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly assignments?: readonly { partitionIndex: number; brokerIds: readonly number[] }[];
  readonly configs?: readonly { name: string; value: string | null }[];
}

const NOBODYS_ID = "cml2dWxldC1uby10b3BpYw";
const timeoutMs = 10_000;

function creating(names: string | readonly string[], creatable: Creatable = {}, validateOnly = false) {
  const topics = [names].flat().map((name) => ({
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
    ...creatable,
  }));
  return { topics, timeoutMs, validateOnly };
}

const config = (name: string, value: string | null) => ({ name, value });

/** Each a CreateTopics of one topic by its own name. */
function creations(name: string, steps: Readonly<Record<string, Creatable>>, validateOnly = false) {
  return {
    name,
    async run(talk: Talk): Promise<void> {
      for (const [number, [step, creatable]] of Object.entries(steps).entries())
        await talk.ask(step, createTopics, creating(talk.name(`t${number}`), creatable, validateOnly));
    },
  };
}

const counts: Readonly<Record<string, Creatable>> = {
  "three partitions": { numPartitions: 3 },
  "as many as the broker says": { numPartitions: -1, replicationFactor: -1 },
  "no partitions": { numPartitions: 0 },
  "fewer than no partitions": { numPartitions: -2 },
  "replication factor 3": { replicationFactor: 3 },
  "replication factor 0": { replicationFactor: 0 },
  "replication factor -2": { replicationFactor: -2 },
};

const assigned = (...brokers: readonly (readonly number[])[]): Creatable => ({
  numPartitions: -1,
  replicationFactor: -1,
  assignments: brokers.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
});

export const createTopicsScripts: ApiScripts = {
  api: createTopics,
  scripts: [
    creations("counts", counts),
    creations("counts, only to be validated", counts, true),
    creations("assignments by hand", {
      "two partitions": assigned([1], [1]),
      "to a broker that is not there": assigned([7]),
      "to the same broker twice": assigned([1, 1]),
      "to no broker": assigned([]),
      "not from 0 on": { ...assigned(), assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      "the same partition twice": {
        ...assigned(),
        assignments: [
          { partitionIndex: 0, brokerIds: [1] },
          { partitionIndex: 0, brokerIds: [1] },
        ],
      },
      "and a count": { ...assigned([1]), numPartitions: 1 },
      "and a replication factor": { ...assigned([1]), replicationFactor: 1 },
    }),
    creations("configs", {
      "one of a topic": { configs: [config("retention.ms", "1000")] },
      unknown: { configs: [config("no.such.config", "1")] },
      "of no topic": { configs: [config("num.partitions", "3")] },
      "not a number": { configs: [config("retention.ms", "many")] },
      "out of bounds": { configs: [config("segment.bytes", "1")] },
      "not one of those there are": { configs: [config("cleanup.policy", "keep")] },
      null: { configs: [config("retention.ms", null)] },
      empty: { configs: [config("retention.ms", "")] },
      "with spaces": { configs: [config("retention.ms", " 1000 ")] },
      "a list": { configs: [config("cleanup.policy", "compact,delete")] },
      "an empty list": { configs: [config("cleanup.policy", "")] },
      "the same twice": { configs: [config("retention.ms", "1"), config("retention.ms", "2")] },
      "a truth": { configs: [config("preallocate", "FALSE")] },
      "no truth": { configs: [config("preallocate", "maybe")] },
    }),
    {
      name: "names",
      async run(talk) {
        const names = {
          "": "empty",
          ".": "a dot",
          "..": "two dots",
          "a/b": "a slash",
          ä: "a letter that is not ASCII",
          "a b": "a space",
          ["x".repeat(249)]: "as long as can be",
          ["x".repeat(250)]: "too long",
        };
        for (const [name, step] of Object.entries(names))
          await talk.ask(step, createTopics, creating(name, {}, true));
        await talk.ask("internal", createTopics, creating(`__${talk.name("internal")}`));
        const dotted = talk.name("a.b");
        await talk.ask("with a dot", createTopics, creating(dotted));
        await talk.ask("with an underscore in its place", createTopics, creating(dotted.replace(".", "_")));
      },
    },
    {
      name: "topics that are there, and that come twice",
      async run(talk) {
        const topic = await talk.topic("topic");
        await talk.ask("there", createTopics, creating(topic.name));
        await talk.ask("there, only to be validated", createTopics, creating(topic.name, {}, true));
        await talk.ask("twice", createTopics, creating([talk.name("a"), talk.name("a"), talk.name("b")]));
        await talk.ask("one of two", createTopics, creating([topic.name, talk.name("c")]));
        await talk.ask("none", createTopics, creating([]));
        await talk.ask("with no time", createTopics, { ...creating(talk.name("d")), timeoutMs: 0 });
      },
    },
  ],
};

export const deleteTopicsScripts: ApiScripts = {
  api: deleteTopics,
  scripts: [
    {
      name: "by name",
      async run(talk) {
        const [a, b] = [await talk.topic("a"), await talk.topic("b")];
        const byName = (...names: readonly string[]) => ({
          topicNames: names,
          topics: names.map((name) => ({ name })),
          timeoutMs,
        });
        await talk.ask("one", deleteTopics, byName(a.name));
        await talk.until(
          metadata,
          9,
          { topics: [{ name: a.name }], allowAutoTopicCreation: false },
          ({ topics: [topic] }) => topic?.errorCode === 3,
        );
        await talk.ask("again", deleteTopics, byName(a.name));
        await talk.ask("unknown", deleteTopics, byName(talk.name("unknown")));
        await talk.ask("one of two", deleteTopics, byName(talk.name("unknown"), b.name));
        await talk.ask("none", deleteTopics, byName());
        await talk.ask("an empty name", deleteTopics, byName(""));
        const c = await talk.topic("c");
        await talk.ask("the same twice", deleteTopics, byName(c.name, c.name));
      },
    },
    {
      name: "internal ones",
      async run(talk) {
        const name = "__no-topic";
        await talk.ask("not there", deleteTopics, { topicNames: [name], topics: [{ name }], timeoutMs });
      },
    },
    {
      name: "by id",
      versions: [6, 99],
      async run(talk) {
        const [a, b] = [await talk.topic("a"), await talk.topic("b")];
        const deleting = (...topics: readonly { name?: string; topicId?: string }[]) => ({
          topics,
          timeoutMs,
        });
        await talk.ask("one", deleteTopics, deleting({ topicId: a.id }));
        await talk.ask("unknown", deleteTopics, deleting({ topicId: NOBODYS_ID }));
        await talk.ask("by neither", deleteTopics, deleting({}));
        await talk.ask("by both", deleteTopics, deleting({ topicId: b.id, name: b.name }));
        await talk.ask(
          "the same by id and by name",
          deleteTopics,
          deleting({ topicId: b.id }, { name: b.name }),
        );
        await talk.ask("the same twice", deleteTopics, deleting({ topicId: b.id }, { topicId: b.id }));
      },
    },
  ],
};

export const createPartitionsScripts: ApiScripts = {
  api: createPartitions,
  scripts: [
    {
      name: "counts",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        const widening = (
          count: number,
          more: { assignments?: { brokerIds: number[] }[] | null; validateOnly?: boolean } = {},
        ) => {
          const { assignments = null, validateOnly = false } = more;
          return { topics: [{ name: topic.name, count, assignments }], timeoutMs, validateOnly };
        };
        const steps = { "as many": 2, fewer: 1, none: 0, "less than none": -1 };
        for (const [step, count] of Object.entries(steps))
          await talk.ask(step, createPartitions, widening(count));
        await talk.ask("more, only to be validated", createPartitions, widening(3, { validateOnly: true }));
        await talk.ask("more", createPartitions, widening(3));
        await talk.ask(
          "more, assigned by hand",
          createPartitions,
          widening(4, { assignments: [{ brokerIds: [1] }] }),
        );
        await talk.ask(
          "assigned to a broker that is not there",
          createPartitions,
          widening(5, { assignments: [{ brokerIds: [7] }] }),
        );
        await talk.ask(
          "with too few assignments",
          createPartitions,
          widening(7, { assignments: [{ brokerIds: [1] }] }),
        );
        await talk.ask("with no assignments", createPartitions, widening(7, { assignments: [] }));
        await talk.ask(
          "with a replica too many",
          createPartitions,
          widening(5, { assignments: [{ brokerIds: [1, 1] }] }),
        );
        await talk.ask("with no time", createPartitions, { ...widening(5), timeoutMs: 0 });
      },
    },
    {
      name: "topics",
      async run(talk) {
        const topic = await talk.topic("topic");
        const widened = (name: string) => ({ name, count: 2, assignments: null });
        const widening = (...names: readonly string[]) => ({
          topics: names.map(widened),
          timeoutMs,
          validateOnly: false,
        });
        await talk.ask("unknown", createPartitions, widening(talk.name("unknown")));
        await talk.ask("the same twice", createPartitions, widening(topic.name, topic.name));
        await talk.ask("none", createPartitions, widening());
        await talk.ask("one of two", createPartitions, widening(talk.name("unknown"), topic.name));
        await talk.ask("an empty name", createPartitions, widening(""));
      },
    },
  ],
};

export const deleteRecordsScripts: ApiScripts = {
  api: deleteRecords,
  scripts: [
    {
      name: "offsets",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        await talk.request(produce, 9, producing(topic, [[0, batchOf(["a", "b", "c"])]]));
        await talk.request(produce, 9, producing(topic, [[0, batchOf(["d", "e"])]]));
        const deleting = (offset: bigint, partitionIndex = 0) => ({
          topics: [{ name: topic.name, partitions: [{ partitionIndex, offset }] }],
          timeoutMs,
        });
        const steps = {
          none: 0n,
          "within a batch": 1n,
          "fewer than before": 0n,
          "beyond the end": 6n,
          negative: -2n,
          "-1": -1n,
          "none are left": 5n,
        };
        for (const [step, offset] of Object.entries(steps)) {
          await talk.ask(step, deleteRecords, deleting(offset));
          const asked = {
            replicaId: -1,
            topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp: -2n }] }],
          };
          await talk.see(`the start after ${step}`, listOffsets, 7, asked);
        }
        await talk.ask("of an empty partition", deleteRecords, deleting(-1n, 1));
        await talk.ask("of an unknown partition", deleteRecords, deleting(-1n, 2));
        await talk.ask("of a negative partition", deleteRecords, deleting(-1n, -1));
      },
    },
    {
      name: "topics",
      async run(talk) {
        const topic = await talk.topic("topic");
        const compacted = await talk.topic("compacted", { configs: { "cleanup.policy": "compact" } });
        const both = await talk.topic("both", { configs: { "cleanup.policy": "compact,delete" } });
        const partitions = [{ partitionIndex: 0, offset: -1n }];
        const deleting = (...names: readonly string[]) => ({
          topics: names.map((name) => ({ name, partitions })),
          timeoutMs,
        });
        await talk.ask("unknown", deleteRecords, deleting(talk.name("unknown")));
        await talk.ask("compacted", deleteRecords, deleting(compacted.name));
        await talk.ask("compacted and deleted", deleteRecords, deleting(both.name));
        await talk.ask("one of two", deleteRecords, deleting(talk.name("unknown"), topic.name));
        await talk.ask("the same twice", deleteRecords, deleting(topic.name, topic.name));
        await talk.ask("none", deleteRecords, deleting());
        await talk.ask("no partitions", deleteRecords, {
          topics: [{ name: topic.name, partitions: [] }],
          timeoutMs,
        });
        await talk.ask("internal", deleteRecords, deleting("__consumer_offsets"));
        await talk.ask("the same partition twice", deleteRecords, {
          topics: [{ name: topic.name, partitions: [...partitions, { partitionIndex: 0, offset: 0n }] }],
          timeoutMs,
        });
      },
    },
  ],
};
