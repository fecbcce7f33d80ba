/** A group in which everything went well, and what may not become of it. */
import type { NewEvent } from "./draft.ts";
import { POWER_LOSS } from "./judge.ts";
import type { Damage, Run } from "./judge.ts";
import { IDS, ORDERS, place, read } from "./sample.ts";

const GROUP = "g";
const [d1, d2, k1, one1, d3, one2] = IDS;

interface Who {
  readonly generation: number;
  readonly memberId: string;
  readonly instanceId?: string | null;
}

function assigned(who: Who, partitions: readonly number[], askedMs = 0): NewEvent {
  return {
    kind: "assigned",
    groupId: GROUP,
    instanceId: null,
    ...who,
    partitions: partitions.map((partition) => ({ topic: "orders", partition })),
    askedMs,
  };
}

function asked(commit: string, who: Who, offset: number): NewEvent {
  return {
    kind: "commit asked",
    commit,
    groupId: GROUP,
    instanceId: null,
    ...who,
    ...place,
    offset: BigInt(offset),
  };
}

const taken = (commit: string): NewEvent => ({ kind: "commit taken", commit });
const refused = (commit: string): NewEvent => ({ kind: "commit refused", commit });

/** Asked and told without anything in between. */
function told(ask: string, offset: number | undefined, end = 6): NewEvent[] {
  return [{ kind: "committed asked", ask }, toldLater(ask, offset, end)];
}

function toldLater(ask: string, offset: number | undefined, end = 6): NewEvent {
  const known = offset === undefined ? undefined : BigInt(offset);
  return { kind: "committed told", ask, groupId: GROUP, ...place, offset: known, end: BigInt(end) };
}

function owned(
  memberId: string,
  untilMs: number,
  partitions: readonly number[],
  instanceId: string | null = null,
): NewEvent {
  return {
    kind: "owned",
    groupId: GROUP,
    memberId,
    instanceId,
    partitions: partitions.map((partition) => ({ topicId: ORDERS, partition })),
    untilMs,
  };
}

const first: Who = { generation: 1, memberId: "m-1" };
const second: Who = { generation: 2, memberId: "m-2" };

/** One member reads half, and dies after its last commit; the other one goes on from there. */
export function groupStory({ history, later }: Run): void {
  const from = (reader: string, offset: number): NewEvent => ({
    kind: "read from",
    reader,
    ...place,
    from: BigInt(offset),
    groupId: GROUP,
  });
  later(assigned(first, [0]), ...told("ask-1", undefined), from("m-1/orders", 0));
  later(read("m-1/orders", 0, d1), read("m-1/orders", 1, d2), read("m-1/orders", 2, k1));
  later(asked("c-1", first, 2), taken("c-1"), asked("c-2", first, 3));
  later(assigned(second, [0]), ...told("ask-2", 3), from("m-2/orders", 3));
  later(asked("c-3", first, 2), refused("c-3"));
  later(read("m-2/orders", 3, one1), read("m-2/orders", 4, d3), read("m-2/orders", 5, one2));
  later(asked("c-4", second, 6), taken("c-4"), POWER_LOSS, ...told("ask-3", 6));
  const partitions = [{ topic: "orders", partition: 0 }];
  history.groups.push({
    groupId: GROUP,
    topics: ["orders"],
    members: [{ memberId: "m-2", generation: 2, partitions }],
  });
}

/** What is told after the story of the group, besides the rest. */
const then =
  (...events: NewEvent[]) =>
  (run: Run): void => {
    groupStory(run);
    run.later(...events);
  };

function theGroup({ history }: Run) {
  const [group] = history.groups;
  if (group === undefined) throw new Error("the story has a group");
  return group;
}

export const groupDamages: readonly Damage[] = [
  [
    "partitions are handed over",
    "a member takes what another has not given up",
    "g: m-6 has orders-1 (topic id T1) at ",
    then(owned("m-5", 1e6, [0, 1]), owned("m-5", 1e6, [1]), owned("m-6", 1e6, [0, 1])),
  ],
  [
    "one partition, one owner",
    "a generation is given twice",
    "generation 2 of g: orders-0 is owned by m-2 since ",
    then(assigned({ generation: 2, memberId: "m-3" }, [0])),
  ],
  [
    "one partition, one owner",
    "two members are assigned the same",
    ", and by m-4 since ",
    then(
      assigned({ generation: 3, memberId: "m-3" }, [0, 1]),
      assigned({ generation: 3, memberId: "m-4" }, [1]),
    ),
  ],
  [
    "old members are refused",
    "a member of the generation before commits",
    "g: offset 6, committed by m-1 (generation 1) at ",
    then(asked("c-5", first, 6), taken("c-5")),
  ],
  [
    "old members are refused",
    "a static member commits whose place another has taken",
    "(generation 3) at ",
    then(
      assigned({ generation: 3, memberId: "s-1", instanceId: "s" }, []),
      assigned({ generation: 3, memberId: "s-2", instanceId: "s" }, []),
      asked("c-5", { generation: 3, memberId: "s-1", instanceId: "s" }, 6),
      taken("c-5"),
    ),
  ],
  [
    "old members are refused",
    "a member is assigned something in the generation before",
    "m-3 asked at 1000000.000 ms for its assignment in generation 1 and got it, and m-2 was in generation 2 since ",
    then(assigned({ generation: 1, memberId: "m-3" }, [], 1e6)),
  ],
  [
    "commits stay",
    "a commit that was taken is gone after a power loss",
    "g on orders-0 (topic id T1): told 3 at ",
    then(POWER_LOSS, ...told("ask-4", 3)),
  ],
  [
    "commits stay",
    "all that was committed is gone",
    "told nothing at ",
    then(POWER_LOSS, ...told("ask-4", undefined)),
  ],
  [
    "commits stay",
    "an offset is told that nobody has committed",
    "and nobody has committed that",
    then(...told("ask-4", 5)),
  ],
  [
    "commits stay",
    "what was refused is told",
    "told 5 at ",
    then(asked("c-5", second, 5), refused("c-5"), ...told("ask-4", 5)),
  ],
  [
    "commits stay",
    "what somebody was told is gone, though it was never answered",
    "told 6 at ",
    then(asked("c-5", second, 4), ...told("ask-4", 4), POWER_LOSS, ...told("ask-5", 6)),
  ],
  [
    "commits stay",
    "what was never answered comes in a later generation",
    "told 5 at ",
    then(
      asked("c-5", second, 5),
      assigned({ generation: 3, memberId: "m-3" }, [0]),
      asked("c-6", { generation: 3, memberId: "m-3" }, 6),
      taken("c-6"),
      ...told("ask-4", 5),
    ),
  ],
  [
    "committed is readable",
    "the log ends before what is committed",
    "g on orders-0 (topic id T1): told 6 at ",
    then(...told("ask-4", 6, 5)),
  ],
  [
    "groups read everything",
    "the next member begins behind what nobody has read",
    `no member of g has read ${one1} at orders-0 (topic id ${ORDERS}) offset 3`,
    (run) => {
      groupStory(run);
      const { history } = run;
      for (const event of history.events)
        if (event.kind === "read from" && event.reader === "m-2/orders") event.from = 4n;
      history.events = history.events.filter(
        (event) => event.kind !== "read" || event.reader !== "m-2/orders" || event.offset !== 3n,
      );
    },
  ],
  [
    "partitions are owned",
    "nobody reads a partition",
    "orders-0 is read by 0 members of g",
    (run) => {
      groupStory(run);
      for (const member of theGroup(run).members) member.partitions = [];
    },
  ],
  [
    "partitions are owned",
    "a member that is there no more believes that it reads a partition",
    "orders-0 is read by 2 members of g: m-2, m-1",
    (run) => {
      groupStory(run);
      const { members } = theGroup(run);
      members.push({ memberId: "m-1", generation: 2, partitions: [{ topic: "orders", partition: 0 }] });
    },
  ],
  [
    "partitions are owned",
    "the members are in two generations",
    "the members of g are in the generations 2, 1",
    (run) => {
      groupStory(run);
      theGroup(run).members.push({ memberId: "m-1", generation: 1, partitions: [] });
    },
  ],
];

/** What looks like damage and is none. */
export const groupExcuses: readonly [title: string, act: (run: Run) => void, relaxed?: "relaxed"][] = [
  ["a group reads, and a second member goes on where the first one died", groupStory],
  [
    "a commit that was on its way is told, or the one before",
    then(
      { kind: "committed asked", ask: "ask-4" },
      { kind: "committed asked", ask: "ask-5" },
      asked("c-5", second, 5),
      taken("c-5"),
      toldLater("ask-4", 5),
      toldLater("ask-5", 6),
    ),
  ],
  [
    "a commit that was never answered comes after one that was",
    then(
      asked("c-5", second, 4),
      asked("c-6", second, 5),
      taken("c-6"),
      ...told("ask-4", 4),
      ...told("ask-5", 4),
    ),
  ],
  [
    "a static member takes up what it has left, in the same generation",
    then(
      assigned({ generation: 3, memberId: "s-1", instanceId: "s" }, [0]),
      assigned({ generation: 3, memberId: "s-2", instanceId: "s" }, [0]),
      asked("c-5", { generation: 3, memberId: "s-1", instanceId: "s" }, 6),
      refused("c-5"),
    ),
  ],
  [
    "members take what others have given up, what was left by one that is silent, and what they had in another life",
    then(
      owned("m-5", 1e6, [0, 1]),
      owned("m-5", 1e6, [1]),
      owned("m-6", 1, [0]),
      owned("s-1", 1e6, [0], "s"),
      owned("s-2", 1e6, [0], "s"),
    ),
  ],
  [
    "a topic is deleted, and with it what was committed",
    (run) => {
      groupStory(run);
      run.later(
        { kind: "topic deletion asked", topic: "orders", topicId: ORDERS },
        ...told("ask-4", undefined),
      );
      run.history.partitions.splice(0);
      run.history.replicas.splice(0);
      run.history.groups.splice(0);
    },
  ],
  [
    "a log that counts written as synced is set back behind what a group has committed",
    (run) => {
      groupStory(run);
      run.later(POWER_LOSS, ...told("ask-4", 6, 5));
    },
    "relaxed",
  ],
];
