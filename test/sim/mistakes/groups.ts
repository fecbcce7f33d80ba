/** Mistakes in the coordinator of groups: generations, members, offsets. */
import type { Mistake } from "./mistake.ts";

const REGISTRY = "gateway/coordinator/group-registry.ts";
const STORED = "gateway/coordinator/stored-groups.ts";

export const groupMistakes: readonly Mistake[] = [
  {
    name: "group-generation-not-checked-in-commit",
    breaks: "What a member of an earlier generation commits is refused: another owns its partitions by then.",
    caughtBy: ["old members are refused"],
    seed: 3,
    edits: [
      {
        file: "gateway/coordinator/offset-keeper.ts",
        find: "  if (epoch !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;\n",
        replace: "",
      },
    ],
  },
  {
    name: "group-generation-bump-forgotten",
    breaks: "Each time that the members come together they are in a new generation.",
    caughtBy: ["one partition, one owner"],
    seed: 3,
    edits: [
      {
        file: "gateway/coordinator/classic-group.ts",
        find: "    this.generationId++;\n",
        replace: "    this.generationId ||= 1;\n",
      },
    ],
  },
  {
    name: "group-commit-answered-before-its-sync",
    breaks: "A commit is answered when it is durable.",
    caughtBy: ["commits stay"],
    seed: 138,
    edits: [
      {
        file: REGISTRY,
        find: "    await settled;\n",
        replace: "    settled.catch(() => {});\n",
      },
    ],
  },
  {
    name: "group-commit-told-before-its-sync",
    breaks: "Nobody is told a committed offset that is not durable.",
    caughtBy: ["commits stay"],
    seed: 53,
    edits: [{ file: REGISTRY, find: "    await this.appended;\n", replace: "" }],
  },
  {
    name: "group-members-not-replayed",
    breaks: "A start of the gateway continues the generation of a group where its log says it was.",
    caughtBy: ["one partition, one owner", "old members are refused"],
    seed: 3,
    edits: [
      {
        file: REGISTRY,
        find: "      if (isServed(groupId)) this.groups.set(groupId, restoredClassic(groupId, value, this.host));",
        replace:
          "      if (value.members.length < 0) this.groups.set(groupId, restoredClassic(groupId, value, this.host));",
      },
    ],
  },
  {
    name: "group-offsets-not-replayed",
    breaks: "What was committed is there after a start of the gateway.",
    caughtBy: ["commits stay"],
    seed: 2,
    edits: [
      {
        file: STORED,
        find: "return this.offsets.apply(record.key.groupId, changeOf(record));",
        replace: "return;",
      },
    ],
  },
  {
    name: "group-first-commit-wins-in-replay",
    breaks: "Of several commits the last one counts, after a start of the gateway, too.",
    caughtBy: ["commits stay"],
    seed: 3,
    edits: [
      {
        file: STORED,
        find: "return this.offsets.apply(record.key.groupId, changeOf(record));",
        replace:
          "return void (this.offsets.of(record.key.groupId).get(record.key.topic)?.has(record.key.partition) || this.offsets.apply(record.key.groupId, changeOf(record)));",
      },
    ],
  },
  {
    name: "group-assignment-told-before-its-sync",
    breaks: "Members are told their assignment when it is durable.",
    caughtBy: ["one partition, one owner", "old members are refused"],
    seed: 176,
    edits: [
      {
        file: "gateway/coordinator/classic-members.ts",
        find: "  const failure = await host.keep(group, given).then(\n    () => undefined,",
        replace:
          "  const failure = await Promise.race([host.keep(group, given), Promise.resolve()]).then(\n    () => undefined,",
      },
    ],
  },
  {
    name: "group-late-sync-not-counted",
    breaks: "Who asks for its assignment when the leader has decided already stays in the group.",
    caughtBy: ["members are kept"],
    seed: 89,
    edits: [
      {
        file: "gateway/coordinator/classic-members.ts",
        find: '  rebalance.synced(memberId);\n  if (group.state === "Stable") return assigned(group, member.assignment);\n',
        replace:
          '  if (group.state === "Stable") return assigned(group, member.assignment);\n  rebalance.synced(memberId);\n',
      },
    ],
  },
  {
    name: "group-session-never-ends",
    breaks: "A member that is not heard of is given up, and others read its partitions.",
    caughtBy: ["groups come together", "readers get on"],
    seed: 3,
    edits: [
      {
        file: "gateway/coordinator/classic-rebalance.ts",
        find: "    this.remove(member, `${member.memberId} was not heard of",
        replace: "    if (member.isNew) this.remove(member, `${member.memberId} was not heard of",
      },
    ],
  },
  {
    name: "group-session-not-renewed-by-heartbeats",
    breaks: "A member that is heard of stays in the group.",
    caughtBy: ["members are kept"],
    seed: 2,
    edits: [
      {
        file: "gateway/coordinator/classic-members.ts",
        find: '  rebalance.heard(member);\n  return group.state === "PreparingRebalance"',
        replace: '  return group.state === "PreparingRebalance"',
      },
    ],
  },
  {
    name: "group-partition-given-before-it-is-free",
    breaks:
      "A member of a group of the new protocol is given what another has had when that has given it up.",
    caughtBy: ["partitions are handed over"],
    seed: 16,
    edits: [
      {
        file: "gateway/coordinator/consumer-heartbeat.ts",
        find: "isMine(group.ownerOf(topicId, partition)),",
        replace: "isMine(group.ownerOf(topicId, partition)) || partition >= 0,",
      },
    ],
  },
];
