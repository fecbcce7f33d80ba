import { deleteRecords } from "../../../wire/apis/delete-records.ts";
import { fetch } from "../../../wire/apis/fetch.ts";
import { produce } from "../../../wire/apis/produce.ts";
import type { ApiScripts, Talk, Topic } from "../script.ts";
import { batchOf } from "./batches.ts";
import { producing } from "./produce.ts";

interface Asked {
  readonly partition?: number;
  readonly fetchOffset?: bigint;
  readonly partitionMaxBytes?: number;
  readonly currentLeaderEpoch?: number;
  readonly lastFetchedEpoch?: number;
  readonly logStartOffset?: bigint;
}

interface Limits {
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly isolationLevel?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly replicaId?: number;
}

function topicOf(topic: Partial<Topic>, asked: readonly Asked[]) {
  const partitions = asked.map((one) => ({
    partition: 0,
    fetchOffset: 0n,
    partitionMaxBytes: 2 ** 20,
    ...one,
  }));
  return { topic: topic.name, topicId: topic.id, partitions };
}

function fetching(topic: Partial<Topic>, asked: readonly Asked[], limits: Limits = {}) {
  return { maxWaitMs: 0, minBytes: 0, topics: [topicOf(topic, asked)], isolationLevel: 0, ...limits };
}

/** A topic of two partitions: three batches of two records each in the first, and nothing in the second. */
async function filled(talk: Talk): Promise<Topic> {
  const topic = await talk.topic("topic", { partitions: 2 });
  for (const values of [
    ["a", "b"],
    ["c", "d"],
    ["e", "f"],
  ])
    await talk.request(produce, 9, producing(topic, [[0, batchOf(values)]]));
  return topic;
}

/** Each a Fetch of the filled topic. */
function fetches(name: string, steps: Readonly<Record<string, readonly [readonly Asked[], Limits?]>>) {
  return {
    name,
    async run(talk: Talk): Promise<void> {
      const topic = await filled(talk);
      for (const [step, [asked, limits]] of Object.entries(steps))
        await talk.ask(step, fetch, fetching(topic, asked, limits));
    },
  };
}

const SIZE = batchOf(["a", "b"]).byteLength;

/** What a session is told with: which topics are asked for anew, and which not any more. */
interface InSession {
  readonly asked?: readonly Asked[];
  readonly forgotten?: readonly number[];
}

/** A session of both partitions, step by step. */
async function session(talk: Talk): Promise<void> {
  const topic = await filled(talk);
  const both = [{ fetchOffset: 6n }, { partition: 1 }];
  const begun = await talk.ask("begun", fetch, fetching(topic, both, { sessionId: 0, sessionEpoch: 0 }));
  if (begun === undefined) return;
  const { sessionId } = begun;
  let sessionEpoch = 1;
  const ask = (step: string, { asked = [], forgotten = [] }: InSession = {}, epoch = sessionEpoch++) =>
    talk.ask(step, fetch, {
      ...fetching(topic, asked, { sessionId, sessionEpoch: epoch }),
      topics: asked.length === 0 ? [] : [topicOf(topic, asked)],
      forgottenTopicsData:
        forgotten.length === 0 ? [] : [{ topic: topic.name, topicId: topic.id, partitions: [...forgotten] }],
    });
  await ask("nothing new");
  await talk.request(produce, 9, producing(topic, [[1, batchOf(["new"])]]));
  await ask("a record in one of them");
  await ask("the same, since nobody has gone on");
  await ask("gone on", { asked: [{ partition: 1, fetchOffset: 1n }] });
  await ask("back to the start of the other", { asked: [{ fetchOffset: 0n }] });
  await ask("one that is not there", { asked: [{ partition: 9 }] });
  await ask("that one is told again");
  await ask("one is forgotten", { forgotten: [9, 0] });
  await ask("what nobody knows is forgotten", { forgotten: [8] });
  await ask("a wrong epoch", {}, sessionEpoch + 5);
  await ask("the right one after it");
  await ask("begun anew", { asked: [{ partition: 1, fetchOffset: 1n }] }, 0);
  await ask("the old one is gone", {}, sessionEpoch);
}

export const fetchScripts: ApiScripts = {
  api: fetch,
  scripts: [
    fetches("offsets", {
      "from the start": [[{}]],
      "from the second batch": [[{ fetchOffset: 2n }]],
      "from within a batch": [[{ fetchOffset: 3n }]],
      "at the end": [[{ fetchOffset: 6n }]],
      "beyond the end": [[{ fetchOffset: 7n }]],
      "far beyond": [[{ fetchOffset: 2n ** 62n }]],
      negative: [[{ fetchOffset: -1n }]],
      "of an empty partition": [[{ partition: 1 }]],
      "beyond an empty partition": [[{ partition: 1, fetchOffset: 1n }]],
      "of both": [[{}, { partition: 1 }]],
      "the second before the first": [[{ partition: 1 }, {}]],
    }),
    fetches("limits", {
      "one byte of the partition": [[{ partitionMaxBytes: 1 }]],
      "no byte of the partition": [[{ partitionMaxBytes: 0 }]],
      "a negative number of bytes of the partition": [[{ partitionMaxBytes: -1 }]],
      "one byte of all": [[{}], { maxBytes: 1 }],
      "no byte of all": [[{}], { maxBytes: 0 }],
      "a negative number of bytes of all": [[{}], { maxBytes: -1 }],
      "one batch of the partition": [[{ partitionMaxBytes: SIZE }]],
      "two batches of all": [[{}], { maxBytes: 2 * SIZE }],
      "more than there is, waited for": [[{}], { minBytes: 100_000, maxWaitMs: 50 }],
      "more than there is, not waited for": [[{}], { minBytes: 100_000 }],
      "one byte at the end, waited for": [[{ fetchOffset: 6n }], { minBytes: 1, maxWaitMs: 50 }],
      "an error ends the wait": [[{ fetchOffset: 99n }], { minBytes: 1, maxWaitMs: 4000 }],
      "a negative wait": [[{}], { maxWaitMs: -1 }],
      "a negative minimum": [[{}], { minBytes: -1 }],
    }),
    fetches("isolation levels", {
      committed: [[{}], { isolationLevel: 1 }],
      "that nobody knows": [[{}], { isolationLevel: 2 }],
      negative: [[{}], { isolationLevel: -1 }],
    }),
    fetches("leader epochs", {
      "the current one": [[{ currentLeaderEpoch: 0 }]],
      "one that is to come": [[{ currentLeaderEpoch: 5 }]],
      "below all": [[{ currentLeaderEpoch: -2 }]],
      "with a last epoch that agrees": [[{ fetchOffset: 4n, lastFetchedEpoch: 0 }]],
      "with a last epoch that is to come": [[{ fetchOffset: 4n, lastFetchedEpoch: 5 }]],
      "with a last epoch, beyond the end": [[{ fetchOffset: 99n, lastFetchedEpoch: 0 }]],
      "with a last epoch, at the end": [[{ fetchOffset: 6n, lastFetchedEpoch: 0 }]],
      "with a last epoch, of an empty partition": [[{ partition: 1, lastFetchedEpoch: 0 }]],
      "with a log start of its own": [[{ logStartOffset: 3n }]],
    }),
    fetches("partitions", {
      "that are not there": [[{ partition: 2 }]],
      negative: [[{ partition: -1 }]],
      "one that is there and one that is not": [[{}, { partition: 9 }]],
      "the same twice": [[{}, { fetchOffset: 4n }]],
      none: [[]],
    }),
    {
      name: "topics",
      async run(talk) {
        const topic = await filled(talk);
        const unknown = { name: talk.name("unknown"), id: "cml2dWxldC1uby10b3BpYw" };
        await talk.ask("not there", fetch, fetching(unknown, [{}]));
        await talk.ask("one that is there and one that is not", fetch, {
          ...fetching(topic, [{}]),
          topics: [topicOf(topic, [{}]), topicOf(unknown, [{}])],
        });
        await talk.ask("the same twice", fetch, {
          ...fetching(topic, [{}]),
          topics: [topicOf(topic, [{}]), topicOf(topic, [{ fetchOffset: 2n }])],
        });
        await talk.ask("none", fetch, { ...fetching(topic, [{}]), topics: [] });
        await talk.ask("no name, and no id", fetch, fetching({ name: "" }, [{}]));
        await talk.ask("a name that cannot be", fetch, fetching({ name: "no/topic", id: unknown.id }, [{}]));
      },
    },
    {
      name: "after records were deleted",
      async run(talk) {
        const topic = await filled(talk);
        await talk.request(deleteRecords, 2, {
          topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset: 3n }] }],
          timeoutMs: 5000,
        });
        await talk.ask("below the start", fetch, fetching(topic, [{ fetchOffset: 2n }]));
        await talk.ask("at the start, within a batch", fetch, fetching(topic, [{ fetchOffset: 3n }]));
      },
    },
    {
      name: "a wait that ends with a record",
      async run(talk) {
        const topic = await filled(talk);
        const waiting = talk.ask(
          "one that comes",
          fetch,
          fetching(topic, [{ fetchOffset: 6n }], { minBytes: 1, maxWaitMs: 4000 }),
        );
        await talk.request(produce, 9, producing(topic, [[0, batchOf(["g"])]]), "producer");
        await waiting;
      },
    },
    {
      name: "other kinds of readers",
      versions: [4, 14],
      async run(talk) {
        const topic = await filled(talk);
        await talk.ask("a debugging one", fetch, fetching(topic, [{}], { replicaId: -2 }));
        await talk.ask("a follower that nobody knows", fetch, fetching(topic, [{}], { replicaId: 5 }));
      },
    },
    { name: "a session", versions: [7, 99], run: session },
    {
      name: "a session that is closed",
      versions: [7, 99],
      async run(talk) {
        const topic = await filled(talk);
        const begun = await talk.ask(
          "begun",
          fetch,
          fetching(topic, [{}], { sessionId: 0, sessionEpoch: 0 }),
        );
        if (begun === undefined) return;
        const { sessionId } = begun;
        await talk.ask("closed", fetch, {
          ...fetching(topic, [], { sessionId, sessionEpoch: -1 }),
          topics: [],
        });
        await talk.ask("gone", fetch, { ...fetching(topic, [], { sessionId, sessionEpoch: 1 }), topics: [] });
      },
    },
    {
      name: "sessions that are not there",
      versions: [7, 99],
      async run(talk) {
        const topic = await filled(talk);
        await talk.ask("without one", fetch, fetching(topic, [{}], { sessionId: 0, sessionEpoch: -1 }));
        await talk.ask(
          "one that nobody knows",
          fetch,
          fetching(topic, [{}], { sessionId: 4711, sessionEpoch: 1 }),
        );
        await talk.ask(
          "one that nobody knows, to be closed",
          fetch,
          fetching(topic, [{}], { sessionId: 4711, sessionEpoch: -1 }),
        );
        await talk.ask(
          "an epoch without a session",
          fetch,
          fetching(topic, [{}], { sessionId: 0, sessionEpoch: 3 }),
        );
      },
    },
  ],
};
