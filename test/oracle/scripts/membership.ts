import { heartbeat } from "../../../wire/apis/heartbeat.ts";
import { joinGroup } from "../../../wire/apis/join-group.ts";
import { leaveGroup } from "../../../wire/apis/leave-group.ts";
import { syncGroup } from "../../../wire/apis/sync-group.ts";
import type { ApiScripts } from "../script.ts";
import { joined, joining, protocol, stable } from "./members.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
/** From this version on a member without an id gets one first. */
const KNOWN_IDS_FROM = 4;

export const joinGroupScripts: ApiScripts = {
  api: joinGroup,
  scripts: [
    {
      name: "a first member",
      async run(talk) {
        const groupId = talk.name("group");
        const answer = await talk.ask("without an id", joinGroup, joining(groupId));
        if (answer === undefined) return;
        const { memberId } = answer;
        if (talk.version >= KNOWN_IDS_FROM)
          await talk.ask("with the id that it was given", joinGroup, joining(groupId, { memberId }));
        await talk.ask("again", joinGroup, joining(groupId, { memberId }));
        await talk.ask(
          "with other metadata",
          joinGroup,
          joining(groupId, { memberId, protocols: [protocol("range", "n")] }),
        );
      },
    },
    {
      name: "what is refused",
      async run(talk) {
        const groupId = talk.name("group");
        await talk.ask("a group without a name", joinGroup, joining(""));
        await talk.ask("an id that nobody has given", joinGroup, joining(groupId, { memberId: "nobody" }));
        await talk.ask("too short a session", joinGroup, joining(groupId, { sessionTimeoutMs: 10 }));
        await talk.ask("too long a session", joinGroup, joining(groupId, { sessionTimeoutMs: 2 ** 31 - 1 }));
        await talk.ask("no protocols", joinGroup, joining(groupId, { protocols: [] }));
        await talk.ask("no protocol type", joinGroup, joining(groupId, { protocolType: "" }));
        const { memberId } = await stable(talk, groupId);
        await talk.ask("another protocol type", joinGroup, joining(groupId, { protocolType: "connect" }));
        await talk.ask(
          "no protocol that all know",
          joinGroup,
          joining(groupId, { protocols: [protocol("own")] }),
        );
        await talk.ask(
          "a member with another protocol type",
          joinGroup,
          joining(groupId, { memberId, protocolType: "connect" }),
          "member",
        );
        await talk.ask(
          "no protocols, where there is a group",
          joinGroup,
          joining(groupId, { protocols: [] }),
        );
      },
    },
    {
      name: "two members",
      async run(talk) {
        const groupId = talk.name("group");
        const both = [protocol("range", "a"), protocol("roundrobin", "b")];
        const first = await joined(talk, groupId, { protocols: both });
        const { memberId } = first;
        let second = "";
        if (talk.version >= KNOWN_IDS_FROM)
          second = (await talk.ask("the second's id", joinGroup, joining(groupId), "second"))?.memberId ?? "";
        const protocols = [protocol("roundrobin", "c"), protocol("other", "d")];
        const waiting = talk.ask(
          "the second",
          joinGroup,
          joining(groupId, { memberId: second, protocols }),
          "second",
        );
        await talk.until(heartbeat, 3, { groupId, ...first }, ({ errorCode }) => errorCode === 27);
        await talk.ask(
          "the first again",
          joinGroup,
          joining(groupId, { memberId, protocols: both }),
          "member",
        );
        await waiting;
      },
    },
    {
      name: "static members",
      versions: [5, 99],
      async run(talk) {
        const groupId = talk.name("group");
        const groupInstanceId = "static";
        const first = await talk.ask("the first", joinGroup, joining(groupId, { groupInstanceId }));
        if (first === undefined) return;
        const { memberId, generationId } = first;
        const assignments = [{ memberId, assignment: text("assigned") }];
        await talk.request(syncGroup, 3, { groupId, generationId, memberId, groupInstanceId, assignments });
        await talk.ask("in its place", joinGroup, joining(groupId, { groupInstanceId }), "second");
        await talk.ask(
          "the first with its old id",
          joinGroup,
          joining(groupId, { groupInstanceId, memberId }),
        );
        await talk.ask(
          "an instance that nobody knows, with an id",
          joinGroup,
          joining(groupId, { groupInstanceId: "other", memberId: "nobody" }),
        );
        await talk.see("a heartbeat of the old id", heartbeat, 4, {
          groupId,
          memberId,
          groupInstanceId,
          generationId,
        });
      },
    },
  ],
};

export const syncGroupScripts: ApiScripts = {
  api: syncGroup,
  scripts: [
    {
      name: "a leader",
      async run(talk) {
        const groupId = talk.name("group");
        const { memberId, generationId } = await joined(talk, groupId);
        const protocols = { protocolType: "consumer", protocolName: "range" };
        const ask = (step: string, more: object = {}) =>
          talk.ask(step, syncGroup, {
            groupId,
            memberId,
            generationId,
            assignments: [],
            ...protocols,
            ...more,
          });
        await ask("of an old generation", { generationId: generationId - 1 });
        await ask("of a generation to come", { generationId: generationId + 1 });
        await ask("that nobody knows", { memberId: "nobody" });
        await ask("of a group that is not there", { groupId: talk.name("unknown") });
        await ask("of a group without a name", { groupId: "" });
        await ask("with another protocol type", { protocolType: "connect" });
        await ask("with another protocol", { protocolName: "roundrobin" });
        await ask("with an instance id", { groupInstanceId: "instance" });
        await ask("that assigns to somebody else too", {
          assignments: [
            { memberId, assignment: text("mine") },
            { memberId: "nobody", assignment: text("nobody's") },
          ],
        });
        await ask("again", { assignments: [{ memberId, assignment: text("another") }] });
        await ask("without protocols", { protocolType: null, protocolName: null });
      },
    },
    {
      name: "a leader that assigns nothing",
      async run(talk) {
        const groupId = talk.name("group");
        const member = await joined(talk, groupId);
        await talk.ask("nothing at all", syncGroup, { groupId, ...member, assignments: [] });
      },
    },
    {
      name: "a follower before its leader",
      async run(talk) {
        const groupId = talk.name("group");
        const first = await joined(talk, groupId);
        const rejoined = talk.request(joinGroup, 3, joining(groupId), "second");
        await talk.until(heartbeat, 3, { groupId, ...first }, ({ errorCode }) => errorCode === 27);
        const leader = await talk.request(
          joinGroup,
          3,
          joining(groupId, { memberId: first.memberId }),
          "member",
        );
        const second = await rejoined;
        const { generationId } = leader;
        const protocols = { protocolType: "consumer", protocolName: "range" };
        const follower = talk.ask(
          "the follower",
          syncGroup,
          { groupId, generationId, memberId: second.memberId, assignments: [], ...protocols },
          "second",
        );
        await talk.see("the leader's heartbeat before", heartbeat, 4, {
          groupId,
          generationId,
          memberId: leader.memberId,
        });
        const assignments = [second, leader].map(({ memberId }, index) => ({
          memberId,
          assignment: text(`part ${index}`),
        }));
        await talk.ask(
          "the leader",
          syncGroup,
          { groupId, generationId, memberId: leader.memberId, assignments, ...protocols },
          "member",
        );
        await follower;
      },
    },
  ],
};

export const heartbeatScripts: ApiScripts = {
  api: heartbeat,
  scripts: [
    {
      name: "in each state",
      async run(talk) {
        const groupId = talk.name("group");
        const ask = (
          step: string,
          more: { memberId: string; generationId: number; groupInstanceId?: string },
          group = groupId,
        ) => talk.ask(step, heartbeat, { groupId: group, ...more });
        await ask("of a group that is not there", { memberId: "nobody", generationId: 1 });
        await ask("of a group without a name", { memberId: "nobody", generationId: 1 }, "");
        const member = await joined(talk, groupId);
        await ask("before the assignment", member);
        const { memberId, generationId } = member;
        await talk.request(syncGroup, 3, { groupId, ...member, assignments: [] });
        await ask("stable", member);
        await ask("of an old generation", { memberId, generationId: generationId - 1 });
        await ask("of a generation to come", { memberId, generationId: generationId + 1 });
        await ask("of nobody", { memberId: "nobody", generationId });
        await ask("without an id", { memberId: "", generationId });
        await ask("with an instance id that nobody knows", { ...member, groupInstanceId: "instance" });
        const waiting = talk.request(joinGroup, 3, joining(groupId), "second");
        await talk.until(heartbeat, 3, { groupId, ...member }, ({ errorCode }) => errorCode === 27);
        await ask("during a rebalance", member);
        await talk.request(leaveGroup, 2, { groupId, memberId });
        await waiting;
        await ask("after it has left", member);
      },
    },
  ],
};

export const leaveGroupScripts: ApiScripts = {
  api: leaveGroup,
  scripts: [
    {
      name: "members",
      async run(talk) {
        const groupId = talk.name("group");
        const ask = (step: string, memberIds: readonly string[], group = groupId) =>
          talk.ask(step, leaveGroup, {
            groupId: group,
            memberId: memberIds[0] ?? "",
            members: memberIds.map((memberId) => ({ memberId, groupInstanceId: null, reason: "because" })),
          });
        await ask("of a group that is not there", ["nobody"]);
        await ask("of a group without a name", ["nobody"], "");
        const { memberId } = await stable(talk, groupId);
        await ask("nobody", ["nobody"]);
        await ask("without an id", [""]);
        await ask("one", [memberId]);
        await ask("again", [memberId]);
        const other = await stable(talk, talk.name("other"));
        await ask("one that is there, one that is not", [other.memberId, "nobody"], talk.name("other"));
      },
    },
    {
      name: "several",
      versions: [3, 99],
      async run(talk) {
        const groupId = talk.name("group");
        const groupInstanceId = "static";
        const { memberId } = await stable(talk, groupId, { groupInstanceId });
        await talk.ask("none", leaveGroup, { groupId, members: [] });
        await talk.ask("an instance that nobody knows", leaveGroup, {
          groupId,
          members: [{ memberId: "", groupInstanceId: "other" }],
        });
        await talk.ask("an instance with another id", leaveGroup, {
          groupId,
          members: [{ memberId: "nobody", groupInstanceId }],
        });
        await talk.ask("an instance, twice", leaveGroup, {
          groupId,
          members: [
            { memberId: "", groupInstanceId },
            { memberId, groupInstanceId },
          ],
        });
      },
    },
  ],
};
