import { afterEach, describe, expect, it } from "vitest";
import type { ConsumerGroup } from "../../../gateway/coordinator/consumer-group.ts";
import { PATTERNS_KEPT_MAX } from "../../../gateway/coordinator/limits.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { calm, Consumer, type Spoken } from "./consumer-rig.ts";
import { GroupRig, type RigOptions, settle } from "./group-rig.ts";

let rig: GroupRig;
let ids = 0;
const open = async (options?: RigOptions): Promise<GroupRig> => (rig = await GroupRig.open(options));
afterEach(() => rig.close());

const consumer = (said?: Spoken, groupId = "g"): Consumer => new Consumer(rig, groupId, `m${ids++}`, said);
/** A consumer that has joined, and what it was told. */
async function joined(said?: Spoken, groupId = "g"): Promise<Consumer> {
  const member = consumer(said, groupId);
  expect(await member.join()).toBe(ErrorCode.NONE);
  return member;
}
function group(groupId = "g"): ConsumerGroup {
  const found = rig.coordinator.describe(groupId);
  if (found?.kind !== "consumer") throw new Error(`${groupId} is no consumer group`);
  return found;
}
const sizes = (...consumers: Consumer[]): number[] => consumers.map(({ owned }) => owned.size);
/** The same node, killed and started anew on what it had kept. */
async function killed(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  const { store } = rig;
  await rig.close();
  await open({ store, settings });
}

describe("a consumer group", () => {
  it("gives its first member everything with the first answer", async () => {
    await open();
    await rig.topic("orders", 6);
    const only = await joined();
    expect(only.epoch).toBe(2);
    expect(only.owned.size).toBe(6);
    expect(group()).toMatchObject({ state: "Stable", epoch: 2, assignmentEpoch: 2 });
  });

  it("has a member give up partitions before another is given them", async () => {
    await open();
    await rig.topic("orders", 6);
    const first = await joined();
    await rig.clock.pass(1000);
    const second = await joined();
    // It is in the new epoch, and waits for what the first still has.
    expect([second.epoch, second.owned.size]).toEqual([3, 0]);
    await first.beat();
    expect([first.epoch, first.owned.size]).toEqual([2, 3]);
    await second.beat();
    expect(second.owned.size).toBe(0);
    await first.beat();
    expect(first.epoch).toBe(3);
    await second.beat();
    expect(second.owned.size).toBe(3);
    expect(group().state).toBe("Stable");
  });

  it("assigns anew no more often than its interval, however many join", async () => {
    await open();
    await rig.topic("orders", 12);
    const consumers = [await joined(), await joined(), await joined(), await joined()];
    expect(group()).toMatchObject({ state: "Assigning", epoch: 5, assignmentEpoch: 2 });
    await calm(rig, ...consumers);
    expect(group()).toMatchObject({ state: "Stable", assignmentEpoch: 5 });
    expect(sizes(...consumers)).toEqual([3, 3, 3, 3]);
  });

  it("is not held up by a clock that was set back", async () => {
    await open();
    await rig.topic("orders", 4);
    const first = await joined();
    rig.clock.jump(-3_600_000);
    const second = await joined();
    await calm(rig, first, second);
    expect(sizes(first, second)).toEqual([2, 2]);
  });

  it("shares what a member had that leaves", async () => {
    await open();
    await rig.topic("orders", 6);
    const [first, second] = [await joined(), await joined()];
    await calm(rig, first, second);
    expect(await second.leave()).toBe(ErrorCode.NONE);
    await calm(rig, first);
    expect(first.owned.size).toBe(6);
    expect(await second.beat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("gives up a member that is silent for its session, and no other", async () => {
    await open();
    await rig.topic("orders", 6);
    const [silent, loud] = [await joined(), await joined()];
    await calm(rig, silent, loud);
    for (let n = 0; n < 10; n++) {
      await rig.clock.pass(5000);
      await loud.beat();
    }
    expect(group().members.size).toBe(1);
    expect(loud.owned.size).toBe(6);
    expect(await silent.beat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    // It begins anew, as clients do.
    expect(await silent.join()).toBe(ErrorCode.NONE);
    await calm(rig, silent, loud);
    expect(sizes(silent, loud)).toEqual([3, 3]);
  });

  it("gives up a member that does not give up its partitions within its own rebalance time-out", async () => {
    await open();
    await rig.topic("orders", 6);
    const stuck = await joined({ rebalanceTimeoutMs: 12_000 });
    await rig.clock.pass(1000);
    const other = await joined();
    for (let n = 0; n < 4; n++) {
      await rig.clock.pass(5000);
      // It is there, and never says that it has given anything up.
      await stuck.send({ ...stuck.request(), topics: null, owned: null });
      await other.beat();
    }
    expect([...group().members.keys()]).toEqual([other.memberId]);
    expect(other.owned.size).toBe(6);
    expect(await stuck.beat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("believes a member that has missed the answer with its new epoch, and fences any other epoch", async () => {
    await open();
    await rig.topic("orders", 6);
    const first = await joined();
    await rig.clock.pass(1000);
    await joined();
    await first.beat();
    const lost = first.epoch;
    const owned = first.request().owned;
    await first.beat();
    expect(first.epoch).toBe(lost + 1);
    const again = { ...first.request(), memberEpoch: lost, owned };
    expect(await first.send(again)).toBe(ErrorCode.NONE);
    expect(first.epoch).toBe(lost + 1);
    // With partitions that it has not, or without saying, it may be anybody.
    expect(await first.send({ ...again, owned: null })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(await first.send({ ...again, memberEpoch: lost + 7 })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    // Fenced members join again under their ids.
    expect(await first.join()).toBe(ErrorCode.NONE);
    expect(first.owned.size).toBe(3);
  });

  it("assigns by the assignor that most of its members ask for", async () => {
    await open();
    await rig.topic("orders", 4);
    await rig.topic("sales", 4);
    const said = { topics: ["orders", "sales"], assignor: "range" };
    const [one, two] = [await joined(said), await joined({ ...said, assignor: null })];
    await calm(rig, one, two);
    // What belongs together meets in one member.
    const numbers = (of: Consumer): string[] => [...of.owned].map((each) => each.slice(-1)).toSorted();
    expect([numbers(one), numbers(two)]).toEqual([
      ["0", "0", "1", "1"],
      ["2", "2", "3", "3"],
    ]);
    expect(rig.coordinator.consumers.assignorOf(group())).toBe("range");
  });

  it("takes a topic away at once from a member that no longer subscribes to it", async () => {
    await open();
    const { id } = await rig.topic("orders", 2);
    await rig.topic("sales", 2);
    const member = await joined({ topics: ["orders", "sales"] });
    await member.beat({ topics: ["orders"] });
    expect([...member.owned].toSorted()).toEqual([`${id}/0`, `${id}/1`]);
    await calm(rig, member);
    expect(group().state).toBe("Stable");
  });

  it("refuses what is no request, each with an error of its own", async () => {
    await open({ settings: { "group.consumer.max.size": "2", "group.consumer.assignors": "uniform" } });
    await rig.topic("orders");
    const member = await joined();
    const refused = (spoken: Spoken): Promise<number> => consumer().join(spoken);
    expect(await refused({ rebalanceTimeoutMs: -1 })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ rebalanceTimeoutMs: -2 })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ topics: null })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ owned: null })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ owned: [{ topicId: "x", partitions: [0] }] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ memberId: "" })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ instanceId: " " })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ memberEpoch: -3 })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ memberEpoch: -2 })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await refused({ assignor: "range" })).toBe(ErrorCode.UNSUPPORTED_ASSIGNOR);
    expect(await refused({ memberEpoch: 1 })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(await consumer({}, "nowhere").join({ memberEpoch: 1 })).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(await consumer({}, "nowhere").leave()).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(await consumer({}, "").join()).toBe(ErrorCode.INVALID_REQUEST);
    await joined();
    expect(await refused({})).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    // None of them has changed anything.
    expect(group().members.size).toBe(2);
    expect(await member.beat()).toBe(ErrorCode.NONE);
  });

  it("has members without a subscription, who are given nothing", async () => {
    await open();
    await rig.topic("orders", 2);
    const idle = await joined({ topics: [] });
    expect([idle.epoch, idle.owned.size]).toEqual([2, 0]);
    const busy = await joined();
    await calm(rig, idle, busy);
    expect([idle.owned.size, busy.owned.size]).toEqual([0, 2]);
  });

  it("lets an operator remove members by their instances, and by their ids", async () => {
    await open();
    await rig.topic("orders", 2);
    const [fixed, loose] = [await joined({ instanceId: "i" }), await joined()];
    await calm(rig, fixed, loose);
    const leaving = rig.coordinator.leave("g", [
      { memberId: "", groupInstanceId: "i" },
      { memberId: "somebody", groupInstanceId: "i" },
      { memberId: "somebody", groupInstanceId: null },
      { memberId: loose.memberId, groupInstanceId: null },
    ]);
    expect(await rig.clock.until(leaving)).toEqual([
      ErrorCode.NONE,
      ErrorCode.FENCED_INSTANCE_ID,
      ErrorCode.UNKNOWN_MEMBER_ID,
      ErrorCode.NONE,
    ]);
    expect(group().state).toBe("Empty");
  });
});

describe("a static member of a consumer group", () => {
  it("comes back under another id to what it had, and nobody else is disturbed", async () => {
    await open();
    await rig.topic("orders", 6);
    const [fixed, other] = [await joined({ instanceId: "i" }), await joined()];
    await calm(rig, fixed, other);
    const had = [...fixed.owned].toSorted();
    const { epoch } = group();
    expect(await fixed.leave(-2)).toBe(ErrorCode.NONE);
    await rig.clock.pass(10_000);
    await other.beat();
    expect(other.owned.size).toBe(3);
    const back = await joined({ instanceId: "i" });
    expect([...back.owned].toSorted()).toEqual(had);
    expect([back.epoch, group().epoch]).toEqual([epoch, epoch]);
    expect(await fixed.beat({ instanceId: "i" })).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(await other.beat()).toBe(ErrorCode.NONE);
  });

  it("is not locked out by its own instance when it was fenced, or its answer was lost", async () => {
    await open();
    await rig.topic("orders", 4);
    const fixed = await joined({ instanceId: "i" });
    const { epoch } = fixed;
    expect(await fixed.beat({ memberEpoch: 77, instanceId: "i" })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(await fixed.join()).toBe(ErrorCode.NONE);
    expect([fixed.epoch, fixed.owned.size, group().members.size]).toEqual([epoch, 4, 1]);
    // Nor when it takes its own place again after it was away.
    await fixed.leave(-2);
    for (let n = 0; n < 2; n++) expect(await fixed.join()).toBe(ErrorCode.NONE);
    expect([fixed.owned.size, group().members.size]).toEqual([4, 1]);
  });

  it("is one instance: another that it claims later is neither taken by it nor remembered", async () => {
    await open();
    await rig.topic("orders", 4);
    const [fixed, dynamic] = [await joined({ instanceId: "i" }), await joined()];
    for (const member of [fixed, dynamic])
      expect(await member.join({ instanceId: "j" })).toBe(ErrorCode.INVALID_REQUEST);
    expect([...group().instances.keys()]).toEqual(["i"]);
    await killed();
    expect([...group().instances.keys()]).toEqual(["i"]);
    fixed.moveTo(rig);
    await fixed.leave(-2);
    dynamic.moveTo(rig);
    // Nor does it take the place of one that is away, and lose its own partitions to nobody.
    expect(await dynamic.join({ instanceId: "i" })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await consumer({ instanceId: "j" }).join()).toBe(ErrorCode.NONE);
  });

  it("keeps others out of its place while it is there, and is given up when it does not come back", async () => {
    await open({ settings: { "group.consumer.max.size": "2" } });
    await rig.topic("orders", 6);
    const [fixed, other] = [await joined({ instanceId: "i" }), await joined()];
    await calm(rig, fixed, other);
    expect(await consumer({ instanceId: "i" }).join()).toBe(ErrorCode.UNRELEASED_INSTANCE_ID);
    expect(await fixed.beat({ instanceId: "j" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    await fixed.leave(-2);
    for (let n = 0; n < 10; n++) {
      await rig.clock.pass(5000);
      await other.beat();
    }
    expect(other.owned.size).toBe(6);
    expect(await consumer({ instanceId: "i" }).join()).toBe(ErrorCode.NONE);
  });
});

describe("topics that a consumer group reads", () => {
  it("are assigned when they are made, grow and go", async () => {
    await open();
    const member = await joined();
    expect(member.owned.size).toBe(0);
    const { id } = await rig.topic("orders", 2);
    await calm(rig, member);
    expect(member.owned.size).toBe(2);
    await rig.clock.until(rig.cluster.createPartitions("orders", 5));
    await calm(rig, member);
    expect(member.owned.size).toBe(5);
    const { epoch } = group();
    await rig.topic("of-others", 3);
    await calm(rig, member);
    expect(group().epoch).toBe(epoch);
    await rig.clock.until(rig.cluster.deleteTopic(id));
    await calm(rig, member);
    expect(member.owned.size).toBe(0);
    // Another one of the same name is another topic.
    const next = await rig.topic("orders", 1);
    await calm(rig, member);
    expect([...member.owned]).toEqual([`${next.id}/0`]);
  });

  it("are those that its regular expression matches, as they come and go", async () => {
    await open();
    const one = await rig.topic("eu-orders", 2);
    await rig.topic("orders-eu", 2);
    const member = await joined({ topics: null, regex: "eu-.*" });
    expect([...member.owned].toSorted()).toEqual([`${one.id}/0`, `${one.id}/1`]);
    const two = await rig.topic("eu-sales", 1);
    await calm(rig, member);
    expect(member.owned.size).toBe(3);
    expect(group().subscribedTopics()).toEqual(new Set(["eu-orders", "eu-sales"]));
    await rig.clock.until(rig.cluster.deleteTopic(one.id));
    await calm(rig, member);
    expect([...member.owned]).toEqual([`${two.id}/0`]);
    // Names and an expression together; then none of either.
    await member.beat({ topics: ["orders-eu"] });
    await calm(rig, member);
    expect(member.owned.size).toBe(3);
    await member.beat({ topics: [], regex: "" });
    await calm(rig, member);
    expect(member.owned.size).toBe(0);
    expect(group().resolved.size).toBe(0);
  });

  it("are found by every member's expression, though there are more than the node remembers", async () => {
    await open({ settings: { "group.consumer.assignment.interval.ms": "0" } });
    const count = PATTERNS_KEPT_MAX + 5;
    for (let n = 0; n < count; n++) await joined({ topics: null, regex: `orders|other-${n}` });
    await rig.topic("orders", count + 1);
    const late = await joined({ topics: null, regex: "orders|other" });
    expect(group().isStale).toBe(false);
    expect(group().resolved.size).toBe(count + 1);
    expect(new Set([...group().resolved.values()].map(String))).toEqual(new Set(["orders"]));
    expect(group().targets.get(late.memberId)?.size).toBe(1);
  });

  it("are found after a restart, in which nobody heard of them", async () => {
    await open();
    await rig.topic("eu-orders", 2);
    const member = await joined({ topics: null, regex: "eu-.*" });
    await rig.topic("eu-sales", 1);
    await killed();
    member.moveTo(rig);
    await calm(rig, member);
    expect(member.owned.size).toBe(3);
  });

  it("cannot be chosen by what is no expression, or by one that is endless", async () => {
    await open();
    await rig.topic("orders", 2);
    for (const regex of ["[", "(?=a)b", "((a{30}){30}){30}", "(x?){1000}(x?){1000}", "x".repeat(3000)])
      expect(await consumer().join({ topics: null, regex })).toBe(ErrorCode.INVALID_REGULAR_EXPRESSION);
    expect(rig.coordinator.describe("g")).toBeUndefined();
    const member = await joined({ topics: null, regex: "(a+)+|o.*" });
    expect(member.owned.size).toBe(2);
    expect(await member.beat({ regex: "(" })).toBe(ErrorCode.INVALID_REGULAR_EXPRESSION);
    expect(await member.beat()).toBe(ErrorCode.NONE);
  });
});

describe("a group of one kind", () => {
  it("does not take members of the other while it has some", async () => {
    await open();
    await rig.topic("orders", 2);
    await joined();
    expect((await rig.clock.until(rig.member("g").join())).errorCode).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
    expect(rig.coordinator.heartbeat("g", { memberId: "m", groupInstanceId: null }, 1)).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
    const classic = rig.member("classic");
    await settle(rig, classic);
    expect(await consumer({}, "classic").join()).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(classic.heartbeat()).toBe(ErrorCode.NONE);
  });

  it("gives way to the other when it is empty, and what it has committed stays", async () => {
    await open();
    await rig.topic("orders", 2);
    const classic = rig.member("g");
    await settle(rig, classic);
    expect(await rig.commit("g", "orders", 7n, classic)).toBe(ErrorCode.NONE);
    await classic.leave();
    await rig.clock.settle();
    const member = await joined();
    expect(rig.coordinator.list()).toMatchObject([{ kind: "consumer", state: "Stable" }]);
    expect(await rig.committed("g", "orders")).toBe(7n);
    await killed();
    expect(rig.coordinator.list()).toMatchObject([{ kind: "consumer", state: "Stable" }]);
    member.moveTo(rig);
    await member.leave();
    const next = rig.member("g");
    expect((await rig.clock.until(rig.member("g", { memberId: "who" }).join())).errorCode).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
    await settle(rig, next);
    expect(await rig.committed("g", "orders")).toBe(7n);
    await killed();
    expect(rig.coordinator.list()).toMatchObject([{ kind: "classic", state: "Stable" }]);
  });
});

describe("what a consumer group keeps", () => {
  it("outlives a restart: members go on in their epochs, with what they had", async () => {
    await open();
    await rig.topic("orders", 6);
    const consumers = [await joined({ instanceId: "i" }), await joined(), await joined({ rackId: "r" })];
    await calm(rig, ...consumers);
    const before = group();
    await killed();
    const after = group();
    expect(after).toMatchObject({ state: "Stable", epoch: before.epoch, assignmentEpoch: before.epoch });
    expect(after.members).toEqual(before.members);
    expect(after.targets).toEqual(before.targets);
    const epochs = consumers.map(({ epoch }) => epoch);
    for (const each of consumers) {
      each.moveTo(rig);
      expect(await each.beat()).toBe(ErrorCode.NONE);
    }
    expect(consumers.map(({ epoch }) => epoch)).toEqual(epochs);
    expect(group().epoch).toBe(before.epoch);
    // Who does not come back is given up.
    await rig.clock.pass(46_000);
    expect(group().state).toBe("Empty");
  });

  it("is gone when the group is deleted, and when nothing of it has been left for long enough", async () => {
    await open({ settings: { "offsets.retention.minutes": "1" } });
    await rig.topic("orders", 2);
    const member = await joined();
    expect(await rig.commit("g", "orders", 1n, consumerOf(member))).toBe(ErrorCode.NONE);
    await expect(rig.clock.until(rig.coordinator.delete("g"))).rejects.toMatchObject({
      code: ErrorCode.NON_EMPTY_GROUP,
    });
    await member.leave();
    await rig.clock.until(rig.coordinator.delete("g"));
    expect(rig.coordinator.list()).toEqual([]);
    await killed({ "offsets.retention.minutes": "1" });
    expect(rig.coordinator.list()).toEqual([]);
    const next = await joined({ topics: ["orders"] });
    expect(await rig.commit("g", "orders", 1n, consumerOf(next))).toBe(ErrorCode.NONE);
    await next.leave();
    await rig.clock.pass(700_000);
    expect(rig.coordinator.list()).toEqual([]);
    await killed();
    expect(rig.coordinator.list()).toEqual([]);
  });
});

describe("offsets of a consumer group", () => {
  it("are committed by members of its epoch, and by older ones for what they had", async () => {
    await open();
    await rig.topic("orders", 2);
    const first = await joined();
    const commit = (of: Consumer, memberEpoch: number): Promise<number> =>
      rig.commit("g", "orders", 1n, consumerOf(of, memberEpoch));
    expect(await commit(first, 2)).toBe(ErrorCode.NONE);
    expect(await commit(first, 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(await commit(consumer(), 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(await rig.commit("g", "orders", 1n)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    await rig.clock.pass(1000);
    const second = await joined();
    await calm(rig, first, second);
    // Partition 0 is still the first one's, since epoch 2; the second has never had it.
    const [keeper, taker] = first.owned.has([...first.owned].find((each) => each.endsWith("/0")) ?? "")
      ? [first, second]
      : [second, first];
    expect(keeper.epoch).toBe(3);
    expect(await commit(keeper, 2)).toBe(ErrorCode.NONE);
    expect(await commit(taker, 2)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(await commit(keeper, 1)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    // Members of a group that is not there, and clients of old.
    expect(await rig.commit("nowhere", "orders", 1n, consumerOf(first))).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    const old = rig.coordinator.offsets.commit({
      groupId: "g",
      memberId: first.memberId,
      groupInstanceId: null,
      epoch: first.epoch,
      mayBeConsumer: false,
      offsets: [rig.offset("orders", 1n)],
    });
    expect(await rig.clock.until(old)).toEqual([ErrorCode.UNSUPPORTED_VERSION]);
  });

  it("are read by members of its epoch, and by whoever does not say who it is", async () => {
    await open();
    await rig.topic("orders", 2);
    const member = await joined();
    await rig.commit("g", "orders", 5n, consumerOf(member));
    const read = (memberId: string | null, memberEpoch: number): Promise<bigint | undefined> =>
      rig.clock.until(
        rig.coordinator.offsets.committed("g", (all) => all.get("orders")?.get(0)?.offset, {
          memberId,
          memberEpoch,
        }),
      );
    expect(await read(null, -1)).toBe(5n);
    expect(await read(member.memberId, 2)).toBe(5n);
    await expect(read(member.memberId, 7)).rejects.toMatchObject({ code: ErrorCode.STALE_MEMBER_EPOCH });
    await expect(read("who", 2)).rejects.toMatchObject({ code: ErrorCode.UNKNOWN_MEMBER_ID });
    const deleting = rig.coordinator.offsets.delete("g", [{ topic: "orders", partition: 0 }]);
    expect(await rig.clock.until(deleting)).toEqual([ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]);
  });
});

describe("settings of one consumer group", () => {
  it("count from its next heartbeat on, and after a restart", async () => {
    await open();
    await rig.topic("orders", 2);
    const change = (values: Record<string, string | null>): Promise<void> =>
      rig.clock.until(rig.cluster.configs.changeGroup("g", () => new Map(Object.entries(values))));
    await change({ "consumer.session.timeout.ms": "60000", "consumer.heartbeat.interval.ms": "+9000" });
    await killed();
    const member = consumer();
    const answer = await rig.clock.until(rig.coordinator.consumers.heartbeat(member.request(), true));
    expect(answer.heartbeatIntervalMs).toBe(9000);
    await rig.clock.pass(50_000);
    expect(group().members.size).toBe(1);
    await rig.clock.pass(11_000);
    expect(group().members.size).toBe(0);
    for (const [name, value] of [
      ["consumer.session.timeout.ms", "44999"],
      ["consumer.session.timeout.ms", "60001"],
      ["consumer.heartbeat.interval.ms", "16000"],
      ["consumer.heartbeat.interval.ms", "soon"],
      ["share.session.timeout.ms", "50000"],
    ] as const)
      await expect(change({ [name]: value })).rejects.toMatchObject({ code: ErrorCode.INVALID_CONFIG });
    await change({ "consumer.session.timeout.ms": null, "consumer.heartbeat.interval.ms": null });
    expect(rig.cluster.configs.ofGroup("g").size).toBe(0);
  });
});

/** As `rig.commit` knows members. */
function consumerOf({ memberId, epoch }: Consumer, generationId = epoch) {
  return Object.assign(rig.member("g"), { memberId, generationId });
}
