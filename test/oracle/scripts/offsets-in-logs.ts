import { deleteRecords } from "../../../wire/apis/delete-records.ts";
import { listOffsets } from "../../../wire/apis/list-offsets.ts";
import { offsetForLeaderEpoch } from "../../../wire/apis/offset-for-leader-epoch.ts";
import { produce } from "../../../wire/apis/produce.ts";
import { AN_HOUR_AGO } from "../normalise.ts";
import type { ApiScripts, Talk, Topic } from "../script.ts";
import { batchOf, recordOf, sealed } from "./batches.ts";
import { producing } from "./produce.ts";

interface Asked {
  readonly partitionIndex?: number;
  readonly timestamp?: bigint;
  readonly currentLeaderEpoch?: number;
}

function listing(
  topic: string,
  asked: readonly Asked[],
  options: { isolationLevel?: number; replicaId?: number } = {},
) {
  const partitions = asked.map((one) => ({ partitionIndex: 0, timestamp: -1n, ...one }));
  return { replicaId: -1, topics: [{ name: topic, partitions }], ...options };
}

/** Four records in the first of two partitions, the last but one of which has the greatest timestamp. */
async function filled(talk: Talk): Promise<Topic> {
  const topic = await talk.topic("topic", { partitions: 2 });
  const records = [recordOf("c", AN_HOUR_AGO + 9000), recordOf("d", AN_HOUR_AGO + 3000)];
  await talk.request(produce, 9, producing(topic, [[0, batchOf(["a", "b"])]]));
  await talk.request(produce, 9, producing(topic, [[0, sealed(records)]]));
  return topic;
}

const at = (ms: number): bigint => BigInt(AN_HOUR_AGO + ms);

export const listOffsetsScripts: ApiScripts = {
  api: listOffsets,
  scripts: [
    {
      name: "what stands for something else",
      async run(talk) {
        const { name } = await filled(talk);
        for (const timestamp of [-1n, -2n, -3n, -4n, -5n, -6n, -7n, -100n]) {
          await talk.ask(`${timestamp}`, listOffsets, listing(name, [{ timestamp }]));
          await talk.ask(
            `${timestamp} of an empty partition`,
            listOffsets,
            listing(name, [{ partitionIndex: 1, timestamp }]),
          );
        }
      },
    },
    {
      name: "timestamps",
      async run(talk) {
        const { name } = await filled(talk);
        const times = {
          zero: 0n,
          first: at(0),
          between: at(1),
          second: at(1000),
          "out of order": at(4000),
          last: at(9000),
        };
        for (const [step, timestamp] of Object.entries({
          ...times,
          "after all": at(9001),
          greatest: 2n ** 63n - 1n,
        }))
          await talk.ask(step, listOffsets, listing(name, [{ timestamp }]));
        await talk.ask(
          "of an empty partition",
          listOffsets,
          listing(name, [{ partitionIndex: 1, timestamp: 0n }]),
        );
      },
    },
    {
      name: "isolation levels",
      async run(talk) {
        const { name } = await filled(talk);
        for (const isolationLevel of [1, 2, -1])
          await talk.ask(`${isolationLevel}`, listOffsets, listing(name, [{}], { isolationLevel }));
      },
    },
    {
      name: "leader epochs",
      async run(talk) {
        const { name } = await filled(talk);
        for (const currentLeaderEpoch of [0, 1, -2])
          await talk.ask(`${currentLeaderEpoch}`, listOffsets, listing(name, [{ currentLeaderEpoch }]));
      },
    },
    {
      name: "what is not there, and what comes twice",
      async run(talk) {
        const { name } = await filled(talk);
        await talk.ask("an unknown topic", listOffsets, listing(talk.name("unknown"), [{}]));
        await talk.ask("a name that cannot be", listOffsets, listing("no/topic", [{}]));
        await talk.ask("an empty name", listOffsets, listing("", [{}]));
        await talk.ask(
          "unknown partitions",
          listOffsets,
          listing(name, [{ partitionIndex: 2 }, { partitionIndex: -1 }, {}]),
        );
        await talk.ask(
          "the same partition twice",
          listOffsets,
          listing(name, [{}, { timestamp: -2n }, { partitionIndex: 1 }]),
        );
        const [topic] = listing(name, [{}]).topics;
        if (topic !== undefined)
          await talk.ask("the same topic twice", listOffsets, { replicaId: -1, topics: [topic, topic] });
        await talk.ask("no partitions", listOffsets, listing(name, []));
        await talk.ask("no topics", listOffsets, { replicaId: -1, topics: [] });
      },
    },
    {
      name: "other kinds of readers",
      async run(talk) {
        const { name } = await filled(talk);
        await talk.ask("a debugging one", listOffsets, listing(name, [{}], { replicaId: -2 }));
        await talk.ask("a follower", listOffsets, listing(name, [{}], { replicaId: 1 }));
      },
    },
    {
      name: "after records were deleted",
      async run(talk) {
        const { name } = await filled(talk);
        await talk.request(deleteRecords, 2, {
          topics: [{ name, partitions: [{ partitionIndex: 0, offset: 1n }] }],
          timeoutMs: 5000,
        });
        for (const timestamp of [-1n, -2n, -3n, -4n, 0n, at(0), at(1000)])
          await talk.ask(
            timestamp < 0n ? `${timestamp}` : `${timestamp - at(0)} ms`,
            listOffsets,
            listing(name, [{ timestamp }]),
          );
        await talk.request(deleteRecords, 2, {
          topics: [{ name, partitions: [{ partitionIndex: 0, offset: -1n }] }],
          timeoutMs: 5000,
        });
        for (const timestamp of [-1n, -2n, -3n, 0n])
          await talk.ask(`all of them: ${timestamp}`, listOffsets, listing(name, [{ timestamp }]));
      },
    },
  ],
};

interface AskedEpoch {
  readonly partition?: number;
  readonly leaderEpoch?: number;
  readonly currentLeaderEpoch?: number;
}

function ends(topic: string, asked: readonly AskedEpoch[], replicaId = -1) {
  return {
    replicaId,
    topics: [{ topic, partitions: asked.map((one) => ({ partition: 0, leaderEpoch: 0, ...one })) }],
  };
}

export const offsetForLeaderEpochScripts: ApiScripts = {
  api: offsetForLeaderEpoch,
  scripts: [
    {
      name: "epochs",
      async run(talk) {
        const { name } = await filled(talk);
        for (const leaderEpoch of [0, 1, 99, -1, -2])
          await talk.ask(
            `${leaderEpoch}`,
            offsetForLeaderEpoch,
            ends(name, [{ leaderEpoch }, { leaderEpoch, partition: 1 }]),
          );
        for (const currentLeaderEpoch of [0, 1, -2])
          await talk.ask(
            `0 as known in ${currentLeaderEpoch}`,
            offsetForLeaderEpoch,
            ends(name, [{ currentLeaderEpoch }]),
          );
        await talk.ask("asked by a follower", offsetForLeaderEpoch, ends(name, [{}], 1));
        await talk.ask("asked by a debugger", offsetForLeaderEpoch, ends(name, [{}], -2));
      },
    },
    {
      name: "what is not there, and what comes twice",
      async run(talk) {
        const { name } = await filled(talk);
        await talk.ask("an unknown topic", offsetForLeaderEpoch, ends(talk.name("unknown"), [{}]));
        await talk.ask(
          "unknown partitions",
          offsetForLeaderEpoch,
          ends(name, [{ partition: 2 }, { partition: -1 }, {}]),
        );
        await talk.ask("the same partition twice", offsetForLeaderEpoch, ends(name, [{}, {}]));
        await talk.ask("no partitions", offsetForLeaderEpoch, ends(name, []));
        await talk.ask("no topics", offsetForLeaderEpoch, { replicaId: -1, topics: [] });
      },
    },
  ],
};
