import { consumerGroupDescribe } from "../../../wire/apis/consumer-group-describe.ts";
import { consumerGroupHeartbeat } from "../../../wire/apis/consumer-group-heartbeat.ts";
import { deleteGroups } from "../../../wire/apis/delete-groups.ts";
import { describeGroups } from "../../../wire/apis/describe-groups.ts";
import { heartbeat } from "../../../wire/apis/heartbeat.ts";
import { leaveGroup } from "../../../wire/apis/leave-group.ts";
import { listGroups } from "../../../wire/apis/list-groups.ts";
import { offsetCommit } from "../../../wire/apis/offset-commit.ts";
import { offsetDelete } from "../../../wire/apis/offset-delete.ts";
import { offsetFetch } from "../../../wire/apis/offset-fetch.ts";
import type { ApiScripts, Talk, Topic } from "../script.ts";
import { stable } from "./members.ts";

interface Spoken {
  readonly memberId?: string;
  readonly memberEpoch?: number;
  readonly instanceId?: string | null;
  readonly rackId?: string | null;
  readonly rebalanceTimeoutMs?: number;
  readonly subscribedTopicNames?: readonly string[] | null;
  readonly subscribedTopicRegex?: string | null;
  readonly serverAssignor?: string | null;
  readonly topicPartitions?: readonly { topicId: string; partitions: readonly number[] }[] | null;
}

/** Says nothing new unless it is told to. */
function beat(groupId: string, memberId: string, memberEpoch: number, spoken: Spoken = {}) {
  return { groupId, memberId, memberEpoch, ...spoken };
}

function joining(groupId: string, memberId: string, topics: readonly string[], spoken: Spoken = {}) {
  const said = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: topics, topicPartitions: [] };
  return { groupId, memberId, memberEpoch: 0, ...said, ...spoken };
}

/** Partitions of an answer's assignment; undefined where it has none. */
function assigned(answer: {
  assignment: { topicPartitions: { partitions: number[] }[] } | null;
}): number | undefined {
  return answer.assignment?.topicPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0);
}

interface Member {
  readonly memberId: string;
  /** The first one is not the same everywhere. */
  readonly epoch: number;
}

/**
 * Joins a group that is empty, again until all partitions are given to it: a group may hear of a topic later than the metadata.
 * Epochs are told by how far they are from its first.
 */
async function joinedAlone(talk: Talk, join: ReturnType<typeof joining>, partitions: number, version = 1) {
  const answer = await talk.until(
    consumerGroupHeartbeat,
    version,
    join,
    (its) => assigned(its) === partitions,
  );
  talk.countGroupEpochsFrom(answer.memberEpoch);
  return answer;
}

/** A member that has joined alone and has said that it has all partitions. */
async function settled(talk: Talk, groupId: string, topic: Topic, partitions = 1): Promise<Member> {
  const memberId = talk.name("settled");
  const join = joining(groupId, memberId, [topic.name]);
  const { memberEpoch: epoch } = await joinedAlone(talk, join, partitions);
  const owned = [
    { topicId: topic.id, partitions: Array.from({ length: partitions }, (_, partition) => partition) },
  ];
  await talk.request(consumerGroupHeartbeat, 1, beat(groupId, memberId, epoch, { topicPartitions: owned }));
  return { memberId, epoch };
}

export const consumerGroupHeartbeatScripts: ApiScripts = {
  api: consumerGroupHeartbeat,
  scripts: [
    {
      name: "what is refused",
      async run(talk) {
        const topic = await talk.topic("topic");
        const groupId = talk.name("group");
        const ask = (step: string, spoken: Spoken, group = groupId) =>
          talk.ask(step, consumerGroupHeartbeat, joining(group, talk.name("member"), [topic.name], spoken));
        await ask("a group without a name", {}, "");
        await ask("no topics at all", { subscribedTopicNames: null });
        await ask("no time for a rebalance", { rebalanceTimeoutMs: -1 });
        await ask("a join that does not say what it has", { topicPartitions: null });
        await ask("a join that has something", { topicPartitions: [{ topicId: topic.id, partitions: [0] }] });
        await ask("an assignor that nobody knows", { serverAssignor: "own" });
        await ask("an empty assignor", { serverAssignor: "" });
        await ask("an empty instance", { instanceId: "" });
        await ask("an empty rack", { rackId: "" });
        await ask("an expression that is none", { subscribedTopicNames: null, subscribedTopicRegex: "(" });
        await ask("an epoch that is none", { memberEpoch: -3 });
        await ask("a member that goes on where there is no group", { memberEpoch: 1 });
        await ask("a member that leaves where there is no group", { memberEpoch: -1 });
        await ask("a static member that leaves and says no instance", { memberEpoch: -2 });
        await ask("no member id", { memberId: "" });
        await ask("no member id, and an epoch", { memberId: "", memberEpoch: 1 });
      },
    },
    {
      name: "one member",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 3 });
        const groupId = talk.name("group");
        const memberId = talk.name("member");
        const ask = (step: string, memberEpoch: number, spoken: Spoken = {}) =>
          talk.ask(
            step,
            consumerGroupHeartbeat,
            beat(groupId, spoken.memberId ?? memberId, memberEpoch, spoken),
          );
        const join = joining(groupId, memberId, [topic.name]);
        const joined = await joinedAlone(talk, join, 3, talk.version);
        talk.noteAnswer("joins", joined);
        const epoch = joined.memberEpoch;
        await ask("stays", epoch);
        const owned = [{ topicId: topic.id, partitions: [0, 1, 2] }];
        await ask("says what it has", epoch, { topicPartitions: owned });
        await ask("says all again", epoch, {
          topicPartitions: owned,
          subscribedTopicNames: [topic.name],
          rebalanceTimeoutMs: 60_000,
        });
        await ask("in an epoch to come", epoch + 1);
        await ask("another", epoch, { memberId: talk.name("other") });
        await ask("an assignor that nobody knows", epoch, { serverAssignor: "own" });
        await ask("leaves", -1);
        await ask("after it has left", epoch);
        await ask("leaves again", -1);
      },
    },
    {
      name: "topics",
      async run(talk) {
        const groupId = talk.name("group");
        const memberId = talk.name("member");
        const join = joining(groupId, memberId, [talk.name("unknown")]);
        const epoch = (await talk.ask("that are not there", consumerGroupHeartbeat, join))?.memberEpoch ?? 0;
        await talk.ask(
          "none any more",
          consumerGroupHeartbeat,
          beat(groupId, memberId, epoch, { subscribedTopicNames: [] }),
        );
        await talk.ask(
          "the same twice",
          consumerGroupHeartbeat,
          joining(talk.name("twice"), memberId, [talk.name("a"), talk.name("a")]),
        );
      },
    },
    {
      name: "a static member",
      async run(talk) {
        const topic = await talk.topic("topic");
        const groupId = talk.name("group");
        const [first, second] = [talk.name("first"), talk.name("second")];
        const instanceId = "instance";
        const joins = (memberId: string) => joining(groupId, memberId, [topic.name], { instanceId });
        const join = (step: string, memberId: string) =>
          talk.ask(step, consumerGroupHeartbeat, joins(memberId));
        const joined = await joinedAlone(talk, joins(first), 1, talk.version);
        talk.noteAnswer("joins", joined);
        const epoch = joined.memberEpoch;
        await join("another in its place", second);
        await talk.ask("will be back", consumerGroupHeartbeat, beat(groupId, first, -2, { instanceId }));
        await join("is back with another id", second);
        await talk.ask("the old id", consumerGroupHeartbeat, beat(groupId, first, epoch, { instanceId }));
        await talk.ask(
          "an instance that nobody knows",
          consumerGroupHeartbeat,
          beat(groupId, second, epoch, { instanceId: "other" }),
        );
        await talk.ask("leaves for good", consumerGroupHeartbeat, beat(groupId, second, -1, { instanceId }));
      },
    },
    {
      name: "two members",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 4 });
        const groupId = talk.name("group");
        const { memberId: first, epoch } = await settled(talk, groupId, topic, 4);
        const second = talk.name("second");
        const owning = (...partitions: number[]) => ({
          topicPartitions: [{ topicId: topic.id, partitions }],
        });
        let its = await talk.request(consumerGroupHeartbeat, 1, joining(groupId, second, [topic.name]));
        // Assignments may be put off: what counts is what they come to.
        const less = await talk.until(
          consumerGroupHeartbeat,
          1,
          beat(groupId, first, epoch),
          (answer) => assigned(answer) !== undefined,
        );
        talk.noteAnswer("the first is to give up some", less);
        const kept = less.assignment?.topicPartitions[0]?.partitions ?? [];
        await talk.ask("it has", consumerGroupHeartbeat, beat(groupId, first, epoch, owning(...kept)));
        if (its.memberEpoch === epoch) {
          const again = beat(groupId, second, epoch);
          its = await talk.until(consumerGroupHeartbeat, 1, again, ({ memberEpoch }) => memberEpoch > epoch);
        }
        const gained =
          (assigned(its) ?? 0) > 0
            ? its
            : await talk.until(
                consumerGroupHeartbeat,
                1,
                beat(groupId, second, epoch + 1),
                (answer) => (assigned(answer) ?? 0) > 0,
              );
        talk.noteAnswer("the second takes over", gained);
        await talk.ask(
          "the first goes on in its old epoch",
          consumerGroupHeartbeat,
          beat(groupId, first, epoch, owning(...kept)),
        );
        await talk.ask(
          "the first goes on",
          consumerGroupHeartbeat,
          beat(groupId, first, epoch + 1, owning(...kept)),
        );
        await talk.ask(
          "the second says what it has",
          consumerGroupHeartbeat,
          beat(
            groupId,
            second,
            epoch + 1,
            owning(...(gained.assignment?.topicPartitions[0]?.partitions ?? [])),
          ),
        );
        await talk.see("described", consumerGroupDescribe, 1, {
          groupIds: [groupId],
          includeAuthorizedOperations: false,
        });
      },
    },
    {
      name: "what others ask of its group",
      versions: [1, 1],
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        const other = await talk.topic("other");
        const groupId = talk.name("group");
        const { memberId, epoch } = await settled(talk, groupId, topic, 2);
        const committing = (generationIdOrMemberEpoch: number, by: string, name = topic.name) => ({
          groupId,
          memberId: by,
          generationIdOrMemberEpoch,
          topics: [{ name, partitions: [{ partitionIndex: 0, committedOffset: 3n, committedMetadata: "" }] }],
        });
        await talk.see("a commit", offsetCommit, 9, committing(epoch, memberId));
        await talk.see("a commit of another topic", offsetCommit, 9, committing(epoch, memberId, other.name));
        await talk.see("a commit in an old epoch", offsetCommit, 9, committing(epoch - 1, memberId));
        await talk.see("a commit in an epoch to come", offsetCommit, 9, committing(epoch + 1, memberId));
        await talk.see("a commit by nobody", offsetCommit, 9, committing(epoch, "nobody"));
        await talk.see("a commit without a member", offsetCommit, 9, committing(-1, ""));
        await talk.see("a commit in a version before", offsetCommit, 8, committing(epoch, memberId));
        await talk.see(
          "a commit of an old epoch in a version before",
          offsetCommit,
          8,
          committing(epoch - 1, memberId),
        );
        const fetching = (memberEpoch: number, by: string | null) => ({
          groups: [{ groupId, memberId: by, memberEpoch, topics: null }],
        });
        await talk.see("offsets", offsetFetch, 9, fetching(epoch, memberId));
        await talk.see("offsets in another epoch", offsetFetch, 9, fetching(7, memberId));
        await talk.see("offsets by nobody", offsetFetch, 9, fetching(epoch, "nobody"));
        await talk.see("offsets without a member", offsetFetch, 9, fetching(-1, null));
        await talk.see("a heartbeat of the classic kind", heartbeat, 4, {
          groupId,
          memberId,
          generationId: epoch,
        });
        await talk.see("leaving of the classic kind", leaveGroup, 5, { groupId, members: [{ memberId }] });
        await talk.see("described as classic", describeGroups, 6, { groups: [groupId] });
        await talk.see("described as classic in a version before", describeGroups, 5, { groups: [groupId] });
        const { groups } = await talk.request(listGroups, 5, {});
        talk.noteAnswer(
          "listed",
          groups.filter((group) => group.groupId === groupId),
        );
        await talk.see("deleted", deleteGroups, 2, { groupsNames: [groupId] });
        const topics = [topic, other].map(({ name }) => ({ name, partitions: [{ partitionIndex: 0 }] }));
        await talk.see("offsets deleted", offsetDelete, 0, { groupId, topics });
        await talk.request(consumerGroupHeartbeat, 1, beat(groupId, memberId, -1));
        await talk.see("deleted when it is empty", deleteGroups, 2, { groupsNames: [groupId] });
      },
    },
    {
      name: "groups of another kind",
      async run(talk) {
        const topic = await talk.topic("topic");
        const groupId = talk.name("classic");
        await stable(talk, groupId, { protocolType: "connect" });
        await talk.ask(
          "joins one that is not of consumers",
          consumerGroupHeartbeat,
          joining(groupId, talk.name("member"), [topic.name]),
        );
        await talk.ask("goes on in it", consumerGroupHeartbeat, beat(groupId, talk.name("member"), 1));
      },
    },
  ],
};

export const consumerGroupDescribeScripts: ApiScripts = {
  api: consumerGroupDescribe,
  scripts: [
    {
      name: "in each state",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        const groupId = talk.name("group");
        const { memberId } = await settled(talk, groupId, topic, 2);
        const classic = talk.name("classic");
        await stable(talk, classic);
        const ask = (step: string, groupIds: readonly string[], includeAuthorizedOperations = false) =>
          talk.ask(step, consumerGroupDescribe, { groupIds, includeAuthorizedOperations });
        await ask("stable", [groupId]);
        await ask("with what is allowed", [groupId], true);
        await ask("unknown", [talk.name("unknown")]);
        await ask("without a name", [""]);
        await ask("classic", [classic]);
        await ask("none", []);
        await ask("two", [groupId, classic]);
        await talk.request(
          consumerGroupHeartbeat,
          1,
          joining(talk.name("waiting"), talk.name("w"), [topic.name]),
        );
        await ask("that has not said what it has", [talk.name("waiting")]);
        await talk.request(consumerGroupHeartbeat, 1, beat(groupId, memberId, -1));
        await ask("empty", [groupId]);
      },
    },
  ],
};
