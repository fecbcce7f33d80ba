import { afterEach, describe, expect, it } from "vitest";
import { ErrorCode } from "../../../wire/errors.ts";
import { GroupRig, type RigOptions, settle } from "./group-rig.ts";

let rig: GroupRig;
const open = async (options?: RigOptions): Promise<GroupRig> => (rig = await GroupRig.open(options));
afterEach(() => rig.close());

describe("a classic group", () => {
  it("begins with one member, which leads it and is assigned what it decides", async () => {
    await open();
    const only = rig.member("g");
    await settle(rig, only);
    expect(only.isLeader).toBe(true);
    expect(only.generationId).toBe(1);
    expect(only.assignment).toBe(only.memberId);
    expect(only.heartbeat()).toBe(ErrorCode.NONE);
    expect(rig.coordinator.describe("g")).toMatchObject({ state: "Stable", protocolName: "range" });
  });

  it("tells its members of one that joins, and all come to the next generation together", async () => {
    await open();
    const [first, second] = [rig.member("g"), rig.member("g")];
    await settle(rig, first);
    const joining = second.join();
    await rig.clock.settle();
    expect(first.heartbeat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const [again, joined] = await rig.clock.until(Promise.all([first.join(), joining]));
    expect([again.generationId, joined.generationId]).toEqual([2, 2]);
    expect(again.members).toHaveLength(2);
    expect(joined.members).toEqual([]);
    await rig.clock.until(Promise.all([first.sync(), second.sync()]));
    expect([first.assignment, second.assignment]).toEqual([first.memberId, second.memberId]);
  });

  it("gives a member an id first where its client can take one, and waits for it to come back", async () => {
    await open();
    const member = rig.member("g", { needsKnownId: true });
    expect(await member.join()).toMatchObject({ errorCode: ErrorCode.MEMBER_ID_REQUIRED });
    expect(member.memberId).toMatch(/^client-[\w-]{22}$/);
    await settle(rig, member);
    expect(member.generationId).toBe(1);
  });

  it("forgets an id that nobody came back with, and a new group is not held up by it", async () => {
    await open();
    await rig.member("g", { needsKnownId: true }).join();
    const member = rig.member("g");
    const joining = member.join();
    await rig.clock.settle();
    expect(member.generationId).toBe(-1);
    await rig.clock.pass(11_000);
    expect((await rig.clock.until(joining)).generationId).toBe(1);
  });

  it("gives up a member that is silent for its session, and no other", async () => {
    await open();
    const [silent, loud] = [rig.member("g"), rig.member("g")];
    await settle(rig, silent, loud);
    for (let n = 0; n < 4; n++) {
      await rig.clock.pass(3000);
      loud.heartbeat();
    }
    expect(loud.heartbeat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(silent.heartbeat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    await settle(rig, loud);
    expect(loud.isLeader).toBe(true);
  });

  it("is not in a hurry because the machine slept: only time that has passed counts", async () => {
    await open();
    const member = rig.member("g");
    await settle(rig, member);
    rig.clock.jump(3_600_000);
    await rig.clock.pass(1000);
    expect(member.heartbeat()).toBe(ErrorCode.NONE);
  });

  it("goes on without a member that does not join again, after the longest rebalance time-out", async () => {
    await open();
    const [slow, quick] = [rig.member("g"), rig.member("g")];
    await settle(rig, slow, quick);
    const joining = quick.join({ protocols: [{ name: "range", metadata: new Uint8Array(1) }] });
    for (let n = 0; n < 13; n++) {
      await rig.clock.pass(5000);
      slow.heartbeat();
    }
    expect(await rig.clock.until(joining)).toMatchObject({ generationId: 2, leader: quick.memberId });
    expect(slow.heartbeat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("drops members that never ask for their assignment", async () => {
    await open();
    const [asks, hangs] = [rig.member("g"), rig.member("g")];
    await rig.clock.until(Promise.all([asks.join(), hangs.join()]));
    expect((await rig.clock.until(asks.sync())).errorCode).toBe(ErrorCode.NONE);
    for (let n = 0; n < 13; n++) {
      await rig.clock.pass(5000);
      asks.heartbeat();
      hangs.heartbeat();
    }
    expect(hangs.heartbeat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(asks.heartbeat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  it("keeps members that ask for their assignment when the leader has decided already", async () => {
    await open();
    const [leader, late] = [rig.member("g"), rig.member("g")];
    await rig.clock.until(Promise.all([leader.join(), late.join()]));
    await rig.clock.until(leader.sync());
    expect((await rig.clock.until(late.sync())).errorCode).toBe(ErrorCode.NONE);
    // Far beyond the time that a rebalance may take.
    for (let passedMs = 0; passedMs < 120_000; passedMs += 5000) {
      await rig.clock.pass(5000);
      expect([leader.heartbeat(), late.heartbeat()]).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
    }
  });

  it("fences what comes from an earlier generation", async () => {
    await open();
    await rig.topic("orders");
    const [first, second] = [rig.member("g"), rig.member("g")];
    await settle(rig, first);
    const joining = second.join();
    await rig.clock.until(Promise.all([first.join(), joining]));
    expect(first.heartbeat(1)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect((await first.sync(1)).errorCode).toBe(ErrorCode.ILLEGAL_GENERATION);
    first.generationId = 1;
    expect(await rig.commit("g", "orders", 5n, first)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(await rig.commit("g", "orders", 5n)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(await rig.committed("g", "orders")).toBeUndefined();
  });

  it("takes no commits between generations", async () => {
    await open();
    await rig.topic("orders");
    const member = rig.member("g");
    await rig.clock.until(member.join());
    expect(await rig.commit("g", "orders", 1n, member)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    await member.sync();
    expect(await rig.commit("g", "orders", 1n, member)).toBe(ErrorCode.NONE);
  });

  it("chooses the protocol that all speak and most prefer", async () => {
    await open();
    const protocols = (...names: string[]) => ({
      protocols: names.map((name) => ({ name, metadata: new Uint8Array(0) })),
    });
    const members = [
      rig.member("g", protocols("sticky", "range", "roundrobin")),
      rig.member("g", protocols("range", "roundrobin")),
      rig.member("g", protocols("roundrobin", "range")),
    ];
    const joins = await rig.clock.until(Promise.all(members.map((member) => member.join())));
    expect(new Set(joins.map(({ protocolName }) => protocolName))).toEqual(new Set(["range"]));
    const stranger = rig.member("g", protocols("cooperative"));
    expect((await stranger.join()).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    const connector = rig.member("g", { protocolType: "connect", ...protocols("range") });
    expect((await connector.join()).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  });

  it("is as large as group.max.size allows", async () => {
    await open({ settings: { "group.max.size": "2" } });
    await settle(rig, rig.member("g"), rig.member("g"));
    expect((await rig.member("g").join()).errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
  });

  it("refuses session time-outs out of bounds, empty ids and members it never had", async () => {
    await open();
    expect((await rig.member("g", { sessionTimeoutMs: 5999 }).join()).errorCode).toBe(
      ErrorCode.INVALID_SESSION_TIMEOUT,
    );
    expect((await rig.member("").join()).errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
    expect((await rig.member("g").join({ memberId: "nobody" })).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(rig.member("nowhere").heartbeat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(await rig.member("nowhere").leave()).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
  });

  it("gathers its first members for group.initial.rebalance.delay.ms, so that they make one generation", async () => {
    await open({ settings: { "group.initial.rebalance.delay.ms": "3000" } });
    const members = [rig.member("g"), rig.member("g"), rig.member("g")];
    const joins: Promise<unknown>[] = [];
    for (const member of members) {
      joins.push(member.join());
      await rig.clock.pass(1000);
    }
    await rig.clock.until(Promise.all(joins));
    expect(members.map(({ generationId }) => generationId)).toEqual([1, 1, 1]);
  });

  it("leaves nobody waiting when the node stops", async () => {
    await open();
    const [joins, syncs, leads] = [rig.member("g"), rig.member("other"), rig.member("other")];
    await rig.clock.until(Promise.all([leads.join(), syncs.join()]));
    const follower = leads.isLeader ? syncs : leads;
    const waiting = [joins.join(), follower.sync()];
    await rig.clock.settle();
    rig.coordinator.close();
    const answers = await Promise.all(waiting);
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.NOT_COORDINATOR,
      ErrorCode.NOT_COORDINATOR,
    ]);
    expect(follower.heartbeat()).toBe(ErrorCode.NOT_COORDINATOR);
  });

  it("is empty when the last has left, and stays to keep its offsets", async () => {
    await open();
    await rig.topic("orders");
    const member = rig.member("g");
    await settle(rig, member);
    await rig.commit("g", "orders", 7n, member);
    expect(await member.leave()).toEqual([ErrorCode.NONE]);
    await rig.clock.settle();
    expect(rig.coordinator.describe("g")).toMatchObject({ state: "Empty", generationId: 2 });
    expect(await rig.committed("g", "orders")).toBe(7n);
  });
});

describe("a static member", () => {
  const at = (instance: string) => ({ groupInstanceId: instance });

  it("comes back under a new id without a rebalance, and its old id is fenced", async () => {
    await open();
    const [leader, before] = [rig.member("g", at("a")), rig.member("g", at("b"))];
    await settle(rig, leader, before);
    const back = rig.member("g", at("b"));
    expect(await rig.clock.until(back.join())).toMatchObject({ errorCode: ErrorCode.NONE, generationId: 1 });
    expect((await back.sync()).errorCode).toBe(ErrorCode.NONE);
    expect(back.assignment).toBe(before.memberId);
    expect(before.heartbeat()).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(leader.heartbeat()).toBe(ErrorCode.NONE);
  });

  it("that leads is told to skip the assignment when it comes back", async () => {
    await open();
    const leader = rig.member("g", at("a"));
    await settle(rig, leader);
    const back = rig.member("g", at("a"));
    expect(await rig.clock.until(back.join())).toMatchObject({ skipAssignment: true, leader: back.memberId });
    const older = rig.member("g", { ...at("a"), maySkipAssignment: false });
    expect(await rig.clock.until(older.join())).toMatchObject({
      skipAssignment: false,
      leader: back.memberId,
    });
    expect(older.isLeader).toBe(false);
  });

  it("is kept while it is away, for the length of its session", async () => {
    await open();
    const [away, here] = [rig.member("g", at("a")), rig.member("g", at("b"))];
    await settle(rig, away, here);
    await rig.clock.pass(8000);
    expect(here.heartbeat()).toBe(ErrorCode.NONE);
    await rig.clock.pass(3000);
    expect(here.heartbeat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });
});
