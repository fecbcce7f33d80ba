import { offsetCommit } from "../../../wire/apis/offset-commit.ts";
import { offsetDelete } from "../../../wire/apis/offset-delete.ts";
import { offsetFetch } from "../../../wire/apis/offset-fetch.ts";
import type { ApiScripts, Talk, Topic } from "../script.ts";
import { committed } from "./groups.ts";
import { stable, subscriptionTo } from "./members.ts";

const NOBODYS_ID = "cml2dWxldC1uby10b3BpYw";

interface Commit {
  readonly partitionIndex?: number;
  readonly committedOffset?: bigint;
  readonly committedLeaderEpoch?: number;
  readonly committedMetadata?: string | null;
}

interface By {
  readonly memberId?: string;
  readonly generationIdOrMemberEpoch?: number;
  readonly groupInstanceId?: string | null;
}

function committing(groupId: string, topic: Partial<Topic>, commits: readonly Commit[], by: By = {}) {
  const partitions = commits.map((commit) => ({
    partitionIndex: 0,
    committedOffset: 1n,
    committedMetadata: null,
    ...commit,
  }));
  return { groupId, memberId: "", topics: [{ name: topic.name, topicId: topic.id, partitions }], ...by };
}

/** What groups have committed in all, as a step. */
function seeOffsets(talk: Talk, groupId: string, step = "what the group has"): Promise<unknown> {
  return talk.see(step, offsetFetch, 8, { groups: [{ groupId, topics: null }] });
}

export const offsetCommitScripts: ApiScripts = {
  api: offsetCommit,
  scripts: [
    {
      name: "without members",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 3 });
        const groupId = talk.name("group");
        const ask = (step: string, commits: readonly Commit[], by: By = {}) =>
          talk.ask(step, offsetCommit, committing(groupId, topic, commits, by));
        await ask("one", [{}]);
        await ask("another", [{ committedOffset: 7n, committedMetadata: "text", committedLeaderEpoch: 3 }]);
        await ask("two partitions", [{ partitionIndex: 1 }, { partitionIndex: 2 }]);
        await ask("a negative offset", [{ committedOffset: -5n }]);
        await ask("an offset beyond the end", [{ partitionIndex: 1, committedOffset: 2n ** 62n }]);
        await ask("as much text as can be", [{ partitionIndex: 2, committedMetadata: "x".repeat(4096) }]);
        await ask("too much text", [{ partitionIndex: 2, committedMetadata: "x".repeat(4097) }]);
        await ask("unknown partitions", [{ partitionIndex: 3 }, { partitionIndex: -1 }, {}]);
        await ask("the same twice", [{ committedOffset: 10n }, { committedOffset: 11n }]);
        await ask("none", []);
        await ask("by somebody", [{}], { memberId: "nobody" });
        await ask("by somebody in a generation", [{}], { memberId: "nobody", generationIdOrMemberEpoch: 1 });
        await ask("in a generation", [{}], { generationIdOrMemberEpoch: 1 });
        await seeOffsets(talk, groupId);
      },
    },
    {
      name: "what is not there",
      async run(talk) {
        const topic = await talk.topic("topic");
        const groupId = talk.name("group");
        const unknown = { name: talk.name("unknown"), id: NOBODYS_ID };
        await talk.ask("a topic", offsetCommit, committing(groupId, unknown, [{}]));
        await talk.ask(
          "a topic whose name cannot be",
          offsetCommit,
          committing(groupId, { name: "no/topic", id: NOBODYS_ID }, [{}]),
        );
        await talk.ask("a topic without a name", offsetCommit, committing(groupId, { name: "" }, [{}]));
        await talk.ask("a group without a name", offsetCommit, committing("", topic, [{}]));
        await talk.ask("no topics", offsetCommit, { ...committing(groupId, topic, []), topics: [] });
        const both = [
          ...committing(groupId, unknown, [{}]).topics,
          ...committing(groupId, topic, [{}]).topics,
        ];
        await talk.ask("one of two topics", offsetCommit, {
          ...committing(groupId, topic, []),
          topics: both,
        });
        await seeOffsets(talk, groupId);
      },
    },
    {
      name: "by members",
      async run(talk) {
        const topic = await talk.topic("topic");
        const groupId = talk.name("group");
        const { memberId, generationId } = await stable(talk, groupId);
        const ask = (step: string, by: By) =>
          talk.ask(step, offsetCommit, committing(groupId, topic, [{}], by));
        await ask("a member", { memberId, generationIdOrMemberEpoch: generationId });
        await ask("in an old generation", { memberId, generationIdOrMemberEpoch: generationId - 1 });
        await ask("in a generation to come", { memberId, generationIdOrMemberEpoch: generationId + 1 });
        await ask("in no generation", { memberId, generationIdOrMemberEpoch: -1 });
        await ask("nobody", { memberId: "nobody", generationIdOrMemberEpoch: generationId });
        await ask("no member", { memberId: "", generationIdOrMemberEpoch: -1 });
        await ask("no member, in a generation", { memberId: "", generationIdOrMemberEpoch: generationId });
        await ask("an instance that nobody knows", {
          memberId,
          generationIdOrMemberEpoch: generationId,
          groupInstanceId: "other",
        });
      },
    },
  ],
};

export const offsetFetchScripts: ApiScripts = {
  api: offsetFetch,
  scripts: [
    {
      name: "of a group",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        const groupId = talk.name("group");
        await committed(talk, groupId, topic.name);
        const unknown = { name: talk.name("unknown"), id: NOBODYS_ID };
        const ask = (
          step: string,
          group: string,
          topics: readonly (Partial<Topic> & { partitions: readonly number[] })[] | null,
          by: object = {},
        ) => {
          const asked =
            topics?.map(({ name = "", id, partitions }) => ({
              name,
              topicId: id,
              partitionIndexes: partitions,
            })) ?? null;
          return talk.ask(step, offsetFetch, {
            groupId: group,
            topics: asked,
            groups: [{ groupId: group, topics: asked, ...by }],
          });
        };
        await ask("one", groupId, [{ ...topic, partitions: [0] }]);
        await ask("one that has none", groupId, [{ ...topic, partitions: [1] }]);
        await ask("unknown partitions", groupId, [{ ...topic, partitions: [0, 7, -1] }]);
        await ask("the same partition twice", groupId, [{ ...topic, partitions: [0, 0] }]);
        await ask("the same topic twice", groupId, [
          { ...topic, partitions: [0] },
          { ...topic, partitions: [1] },
        ]);
        await ask("an unknown topic", groupId, [{ ...unknown, partitions: [0] }]);
        await ask("an unknown topic and one that is there", groupId, [
          { ...unknown, partitions: [0] },
          { ...topic, partitions: [0] },
        ]);
        await ask("no partitions", groupId, [{ ...topic, partitions: [] }]);
        await ask("no topics", groupId, []);
        await ask("an unknown group", talk.name("nobody"), [{ ...topic, partitions: [0] }]);
        await ask("a group without a name", "", [{ ...topic, partitions: [0] }]);
        if (talk.version < 2) return;
        await ask("everything", groupId, null);
        await ask("everything of an unknown group", talk.name("nobody"), null);
        if (talk.version < 9) return;
        await ask("by nobody", groupId, null, { memberId: "nobody", memberEpoch: 1 });
        await ask("in an epoch", groupId, null, { memberId: null, memberEpoch: 7 });
      },
    },
    {
      name: "of several groups",
      versions: [8, 99],
      async run(talk) {
        const topic = await talk.topic("topic");
        await committed(talk, talk.name("a"), topic.name);
        const group = (groupId: string) => ({ groupId: talk.name(groupId), topics: null });
        await talk.ask("two", offsetFetch, { groups: [group("a"), group("b")] });
        await talk.ask("none", offsetFetch, { groups: [] });
        await talk.ask("the same twice", offsetFetch, { groups: [group("a"), group("a")] });
        await talk.ask("stable ones", offsetFetch, { groups: [group("a")], requireStable: true });
      },
    },
    {
      name: "of stable offsets",
      versions: [7, 7],
      async run(talk) {
        const topic = await talk.topic("topic");
        await committed(talk, talk.name("a"), topic.name);
        await talk.ask("all", offsetFetch, { groupId: talk.name("a"), topics: null, requireStable: true });
      },
    },
  ],
};

export const offsetDeleteScripts: ApiScripts = {
  api: offsetDelete,
  scripts: [
    {
      name: "of a group without members",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        const groupId = talk.name("group");
        await committed(talk, groupId, topic.name);
        const deleting = (group: string, name: string, ...partitions: readonly number[]) => ({
          groupId: group,
          topics: [{ name, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }],
        });
        await talk.ask("an unknown topic", offsetDelete, deleting(groupId, talk.name("unknown"), 0));
        await talk.ask("unknown partitions", offsetDelete, deleting(groupId, topic.name, 5, -1));
        await talk.ask("one that it has not", offsetDelete, deleting(groupId, topic.name, 1));
        await talk.ask("an unknown group", offsetDelete, deleting(talk.name("nobody"), topic.name, 0));
        await talk.ask("a group without a name", offsetDelete, deleting("", topic.name, 0));
        await talk.ask("nothing", offsetDelete, { groupId, topics: [] });
        await talk.ask("no partitions", offsetDelete, deleting(groupId, topic.name));
        await seeOffsets(talk, groupId);
        await talk.ask("one, twice", offsetDelete, deleting(groupId, topic.name, 0, 0));
        await seeOffsets(talk, groupId, "what it has then");
        await talk.ask(
          "of a group that has nothing any more",
          offsetDelete,
          deleting(groupId, topic.name, 0),
        );
      },
    },
    {
      name: "of a group with members",
      async run(talk) {
        const read = await talk.topic("read");
        const other = await talk.topic("other");
        const groupId = talk.name("group");
        const { memberId, generationId } = await stable(talk, groupId, {
          protocols: [{ name: "range", metadata: subscriptionTo(read.name) }],
        });
        for (const topic of [read, other])
          await talk.request(
            offsetCommit,
            8,
            committing(groupId, topic, [{}], { memberId, generationIdOrMemberEpoch: generationId }),
          );
        const topics = [read, other].map(({ name }) => ({ name, partitions: [{ partitionIndex: 0 }] }));
        await talk.ask("what it reads and what it does not", offsetDelete, { groupId, topics });
        await seeOffsets(talk, groupId);
      },
    },
    {
      name: "of a group of another kind",
      async run(talk) {
        const topic = await talk.topic("topic");
        const groupId = talk.name("group");
        const { memberId, generationId } = await stable(talk, groupId, { protocolType: "connect" });
        await talk.request(
          offsetCommit,
          8,
          committing(groupId, topic, [{}], { memberId, generationIdOrMemberEpoch: generationId }),
        );
        await talk.ask("one", offsetDelete, {
          groupId,
          topics: [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }],
        });
      },
    },
  ],
};
