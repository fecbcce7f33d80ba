import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ASSIGNORS, type Subscriber } from "../../../gateway/coordinator/assignor.ts";
import { sameTarget, type Target } from "../../../gateway/coordinator/partition-sets.ts";

type Topics = Readonly<Record<string, number>>;

/** Members with what they subscribe to; those that subscribe to the same share an array, as they do in a group. */
function members(subscriptions: readonly (readonly string[])[], targets?: ReadonlyMap<string, Target>) {
  const shared = new Map<string, readonly string[]>();
  return subscriptions.map((topics, index): Subscriber => {
    const key = topics.join();
    if (!shared.has(key)) shared.set(key, topics);
    const memberId = `m${index}`;
    const target = targets?.get(memberId) ?? new Map<string, number[]>();
    return { memberId, instanceId: null, topics: shared.get(key) ?? topics, target };
  });
}

function assign(name: string, subscribers: readonly Subscriber[], topics: Topics): Map<string, Target> {
  const targets = ASSIGNORS.get(name)?.(subscribers, (topicId) => topics[topicId] ?? 0);
  if (targets === undefined) throw new Error(`there is no assignor ${name}`);
  return targets;
}

const size = (target: Target | undefined): number =>
  [...(target?.values() ?? [])].reduce((sum, { length }) => sum + length, 0);

/** Throws unless every partition that somebody subscribes to is one subscriber's, and nothing else is anybody's. */
function checkComplete(
  targets: ReadonlyMap<string, Target>,
  subscribers: readonly Subscriber[],
  topics: Topics,
) {
  const owners = new Map<string, string>();
  for (const { memberId, topics: subscribed } of subscribers) {
    for (const [topicId, partitions] of targets.get(memberId) ?? []) {
      expect(subscribed).toContain(topicId);
      for (const partition of partitions) {
        expect(owners.has(`${topicId}/${partition}`)).toBe(false);
        owners.set(`${topicId}/${partition}`, memberId);
      }
    }
  }
  const subscribed = new Set(subscribers.flatMap((each) => each.topics));
  let partitions = 0;
  for (const topicId of subscribed) partitions += topics[topicId] ?? 0;
  expect(owners.size).toBe(partitions);
}

function moves(
  before: ReadonlyMap<string, Target>,
  after: ReadonlyMap<string, Target>,
  stayed: Iterable<string>,
) {
  let lost = 0;
  for (const memberId of stayed)
    for (const [topicId, partitions] of before.get(memberId) ?? [])
      for (const partition of partitions)
        if (after.get(memberId)?.get(topicId)?.includes(partition) !== true) lost++;
  return lost;
}

const topicsOf = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "e"), fc.integer({ min: 1, max: 12 }), {
  minKeys: 1,
});
const someOf = (topics: Topics): fc.Arbitrary<string[]> =>
  fc.subarray(Object.keys(topics)).map((each) => each.toSorted());
const groups = topicsOf.chain((topics) =>
  fc.record({
    topics: fc.constant(topics),
    subscriptions: fc.array(someOf(topics), { minLength: 1, maxLength: 9 }),
    grown: fc.array(someOf(topics), { maxLength: 4 }),
  }),
);

describe.each([...ASSIGNORS.keys()])("%s", (name) => {
  it("gives every partition to one of those that subscribe to it, whatever was before", () => {
    fc.assert(
      fc.property(groups, ({ topics, subscriptions, grown }) => {
        const first = members(subscriptions);
        const before = assign(name, first, topics);
        checkComplete(before, first, topics);
        const second = members([...subscriptions.slice(1), ...grown, ...subscriptions.slice(0, 1)], before);
        checkComplete(assign(name, second, topics), second, topics);
      }),
    );
  });

  it("leaves everything where it is when nothing has changed", () => {
    fc.assert(
      fc.property(groups, ({ topics, subscriptions }) => {
        const before = assign(name, members(subscriptions), topics);
        const after = assign(name, members(subscriptions, before), topics);
        for (const [memberId, target] of before)
          expect(sameTarget(target, after.get(memberId) ?? new Map())).toBe(true);
      }),
    );
  });
});

describe("uniform", () => {
  it("leaves no partition with a member that has two more than another that could take it", () => {
    fc.assert(
      fc.property(groups, ({ topics, subscriptions, grown }) => {
        const before = assign("uniform", members(subscriptions), topics);
        const subscribers = members([...subscriptions, ...grown], before);
        const targets = assign("uniform", subscribers, topics);
        for (const one of subscribers)
          for (const topicId of targets.get(one.memberId)?.keys() ?? [])
            for (const other of subscribers)
              if (other.topics.includes(topicId))
                expect(size(targets.get(one.memberId)) - size(targets.get(other.memberId))).toBeLessThan(2);
      }),
    );
  });

  it("moves what it must when one comes or goes, and no more", () => {
    const topics = { a: 100, b: 37, c: 1 };
    const subscription = Object.keys(topics);
    const ten = Array.from({ length: 10 }, () => subscription);
    const before = assign("uniform", members(ten), topics);
    // 138 partitions: eight members have 14, two have 13. Of eleven each has 12 or 13.
    const joined = assign("uniform", members([...ten, subscription], before), topics);
    const ids = members(ten).map(({ memberId }) => memberId);
    expect(moves(before, joined, ids)).toBe(size(joined.get("m10")));
    expect([...joined.values()].map(size).toSorted((a, b) => a - b)).toEqual([
      12, 12, 12, 12, 12, 13, 13, 13, 13, 13, 13,
    ]);
    const left = assign("uniform", members(ten.slice(1), before), topics);
    // What is left: m9 of before is gone.
    expect(moves(before, left, ids.slice(0, 9))).toBe(0);
  });

  it("spreads each topic, too: who joins is given some of all", () => {
    const topics = { a: 12, b: 12 };
    const before = assign(
      "uniform",
      members([
        ["a", "b"],
        ["a", "b"],
      ]),
      topics,
    );
    for (const target of before.values())
      expect([...target.values()].map(({ length }) => length)).toEqual([6, 6]);
    const after = assign(
      "uniform",
      members(
        [
          ["a", "b"],
          ["a", "b"],
          ["a", "b"],
        ],
        before,
      ),
      topics,
    );
    expect([...(after.get("m2")?.values() ?? [])].map(({ length }) => length)).toEqual([4, 4]);
  });

  test("partitions that are not there, or were two members' before, are dealt anew", () => {
    const odd: Target = new Map([["a", [0, 1, 7]]]);
    const subscribers = members(
      [["a"], ["a"]],
      new Map([
        ["m0", odd],
        ["m1", odd],
      ]),
    );
    const targets = assign("uniform", subscribers, { a: 4 });
    checkComplete(targets, subscribers, { a: 4 });
    expect([...targets.values()].map(size)).toEqual([2, 2]);
  });
});

describe("range", () => {
  it("gives ranges, the first ones with one partition more, static members first in the order of their instances", () => {
    const topics = ["a"];
    const subscribers: Subscriber[] = [
      { memberId: "z", instanceId: null, topics, target: new Map() },
      { memberId: "y", instanceId: "i2", topics, target: new Map() },
      { memberId: "x", instanceId: "i1", topics, target: new Map() },
    ];
    const targets = assign("range", subscribers, { a: 8 });
    expect(targets.get("x")?.get("a")).toEqual([0, 1, 2]);
    expect(targets.get("y")?.get("a")).toEqual([3, 4, 5]);
    expect(targets.get("z")?.get("a")).toEqual([6, 7]);
  });
});

it("uniform takes back more partitions from one member than a call takes arguments", () => {
  const topics = { t: 300_000 };
  const all = Array.from({ length: topics.t }, (_, partition) => partition);
  const before = new Map([["m0", new Map([["t", all]])]]);
  const targets = assign("uniform", members([["t"], ["t"]], before), topics);
  expect([size(targets.get("m0")), size(targets.get("m1"))]).toEqual([150_000, 150_000]);
});
