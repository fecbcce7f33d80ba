import { deleteGroups } from "../../../wire/apis/delete-groups.ts";
import { describeGroups } from "../../../wire/apis/describe-groups.ts";
import { leaveGroup } from "../../../wire/apis/leave-group.ts";
import { listGroups } from "../../../wire/apis/list-groups.ts";
import { offsetCommit } from "../../../wire/apis/offset-commit.ts";
import type { ApiScripts, Talk } from "../script.ts";
import { joined, stable } from "./members.ts";

/** A group without members, but with an offset. */
export async function committed(talk: Talk, groupId: string, topic: string): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset: 5n, committedMetadata: "text" }];
  await talk.request(offsetCommit, 8, { groupId, memberId: "", topics: [{ name: topic, partitions }] });
}

/** A group by each state that it can be in. */
async function groupsByState(
  talk: Talk,
): Promise<Record<"empty" | "stable" | "waiting" | "left" | "unknown", string>> {
  const topic = await talk.topic("topic");
  const name = (state: string): string => talk.name(state);
  await committed(talk, name("empty"), topic.name);
  await stable(talk, name("stable"));
  await joined(talk, name("waiting"), {}, "waiting");
  const { memberId } = await stable(talk, name("left"));
  await talk.request(leaveGroup, 2, { groupId: name("left"), memberId });
  return {
    empty: name("empty"),
    stable: name("stable"),
    waiting: name("waiting"),
    left: name("left"),
    unknown: name("unknown"),
  };
}

export const describeGroupsScripts: ApiScripts = {
  api: describeGroups,
  scripts: [
    {
      name: "in each state",
      async run(talk) {
        const groups = await groupsByState(talk);
        for (const [state, groupId] of Object.entries(groups))
          await talk.ask(state, describeGroups, { groups: [groupId] });
        await talk.ask("several", describeGroups, { groups: [groups.stable, groups.unknown] });
        await talk.ask("the same twice", describeGroups, { groups: [groups.stable, groups.stable] });
        await talk.ask("none", describeGroups, { groups: [] });
        await talk.ask("without a name", describeGroups, { groups: [""] });
        await talk.ask("with what is allowed", describeGroups, {
          groups: [groups.stable],
          includeAuthorizedOperations: true,
        });
        await talk.ask("of one that is not there", describeGroups, {
          groups: [groups.unknown],
          includeAuthorizedOperations: true,
        });
      },
    },
  ],
};

export const listGroupsScripts: ApiScripts = {
  api: listGroups,
  scripts: [
    {
      name: "in each state",
      async run(talk) {
        const mine = Object.values(await groupsByState(talk));
        const ask = async (
          step: string,
          filters: { statesFilter?: string[]; typesFilter?: string[] } = {},
        ) => {
          const answer = await talk.request(listGroups, talk.version, filters);
          talk.noteAnswer(step, {
            ...answer,
            groups: answer.groups.filter(({ groupId }) => mine.includes(groupId)),
          });
        };
        await ask("all");
        if (talk.version >= 4) {
          const states = {
            stable: ["Stable"],
            two: ["Empty", "CompletingRebalance"],
            "in small letters": ["stable"],
            unknown: ["Fine"],
            none: [""],
          };
          for (const [step, statesFilter] of Object.entries(states))
            await ask(`states: ${step}`, { statesFilter });
        }
        if (talk.version >= 5) {
          const types = {
            classic: ["classic"],
            "in capital letters": ["CLASSIC"],
            consumer: ["consumer"],
            unknown: ["other"],
          };
          for (const [step, typesFilter] of Object.entries(types))
            await ask(`types: ${step}`, { typesFilter });
        }
      },
    },
  ],
};

export const deleteGroupsScripts: ApiScripts = {
  api: deleteGroups,
  scripts: [
    {
      name: "in each state",
      async run(talk) {
        const groups = await groupsByState(talk);
        for (const [state, groupId] of Object.entries(groups))
          await talk.ask(state, deleteGroups, { groupsNames: [groupId] });
        await talk.ask("one that is gone", deleteGroups, { groupsNames: [groups.empty] });
        await talk.ask("none", deleteGroups, { groupsNames: [] });
        await talk.ask("without a name", deleteGroups, { groupsNames: [""] });
        await committed(talk, groups.empty, talk.name("topic"));
        await talk.ask("the same twice", deleteGroups, { groupsNames: [groups.empty, groups.empty] });
        await committed(talk, groups.empty, talk.name("topic"));
        await talk.ask("one of two", deleteGroups, { groupsNames: [groups.stable, groups.empty] });
      },
    },
  ],
};
