/** What groups do when the log under them does not take a record: nobody is left waiting, and memory follows the log. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ErrorCode } from "../../../wire/errors.ts";
import { CrashingStore } from "../../log/crashing-store.ts";
import { seeded } from "../../sync/virtual-clock.ts";
import { Consumer } from "./consumer-rig.ts";
import { GroupRig, settle } from "./group-rig.ts";

let rig: GroupRig;
let store: CrashingStore;
afterEach(() => rig.close().catch(() => {}));

async function open(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  store = new CrashingStore(seeded(11));
  rig = await GroupRig.open({ store, settings: { "offsets.topic.num.partitions": "2", ...settings } });
  await rig.topic("orders");
}

/** The next write to any partition's log fails, and that partition takes no more. */
const failNextWrite = (): void => store.arm({ at: 1, kind: "fail", operation: "append", suffix: ".log" });

describe("when the log does not take an assignment", () => {
  it("members are told to join again, which every client does, and not that groups are being read", async () => {
    await open();
    const [first, second] = [rig.member("g"), rig.member("g")];
    await rig.clock.until(Promise.all([first.join(), second.join()]));
    failNextWrite();
    const syncs = await rig.clock.until(Promise.all([first.sync(), second.sync()]));
    expect(syncs.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.REBALANCE_IN_PROGRESS,
      ErrorCode.REBALANCE_IN_PROGRESS,
    ]);
  });

  it("a partition that takes nothing any more ends neither the node nor the wait of its members", async () => {
    await open();
    const member = rig.member("g");
    await settle(rig, member);
    failNextWrite();
    await expect(rig.commit("g", "orders", 1n, member)).rejects.toThrow("injected");
    await rig.clock.pass(1000);
    const again = rig.member("g");
    const joining = again.join();
    await rig.clock.until(Promise.all([member.join(), joining]));
    const syncs = await rig.clock.until(Promise.all([member.sync(), again.sync()]));
    expect(syncs.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ]);
    // Nobody comes back: the group becomes empty in a timer, and that cannot be kept, either.
    await rig.clock.pass(120_000);
    expect(rig.coordinator.describe("g")).toMatchObject({ state: "Empty" });
  });

  it("and the group that was taken down writes nothing later over the one that was read", async () => {
    await open();
    const member = rig.member("g");
    await rig.clock.until(member.join());
    failNextWrite();
    await rig.clock.until(member.sync());
    await rig.clock.pass(120_000);
    expect(rig.coordinator.describe("g")).toBeUndefined();
  });
});

describe("when the log does not take what a heartbeat changes", () => {
  it("the group is what the log says, and members try again until it takes something", async () => {
    await open();
    const first = new Consumer(rig, "g", "first");
    expect(await first.join()).toBe(ErrorCode.NONE);
    failNextWrite();
    const second = new Consumer(rig, "g", "second");
    expect(await second.join()).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    await rig.clock.pass(1000);
    // What was read again knows of nobody else, and the first one goes on as before.
    const group = (): unknown => rig.coordinator.describe("g");
    expect(group()).toMatchObject({ kind: "consumer", epoch: 2, state: "Stable" });
    expect(await first.beat()).toBe(ErrorCode.NONE);
    expect([first.epoch, first.owned.size]).toEqual([2, 1]);
    // What is refused at once changes nothing, and needs nothing to be read again.
    expect(await second.join()).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(await first.leave()).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(group()).toMatchObject({ epoch: 2, state: "Stable" });
    // Its session ends, which cannot be kept either: that is tried again, and ends nothing else.
    await rig.clock.pass(100_000);
    expect(group()).toMatchObject({ epoch: 2, state: "Stable" });
  });
});

describe("while the disk is too full for groups", () => {
  const ROOM = 1 << 30;
  let usable = ROOM;
  beforeEach(async () => {
    usable = ROOM;
    rig = await GroupRig.open({ usableBytes: () => usable });
    await rig.topic("orders", 2);
    expect(await rig.commit("known", "orders", 1n)).toBe(ErrorCode.NONE);
  });
  const left = async (bytes: number): Promise<void> => {
    usable = bytes;
    await rig.clock.pass(1100);
  };

  it("who does not give up its partitions in time is given up when there is room, and not kept for ever", async () => {
    const [keeper, waiting] = [new Consumer(rig, "g", "keeper"), new Consumer(rig, "g", "waiting")];
    await keeper.join();
    await rig.clock.pass(1000);
    await waiting.join();
    // Told to give up one of them, it only ever says that it is there.
    expect(await keeper.beat()).toBe(ErrorCode.NONE);
    const beats = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n++) {
        await rig.clock.pass(5000);
        await keeper.beat({ owned: null });
        await waiting.beat();
      }
    };
    await left(0);
    await beats(14);
    await left(ROOM);
    await beats(20);
    expect(await keeper.beat({ owned: null })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(waiting.owned.size).toBe(2);
  });

  it("commits of groups that nobody knows are refused, and make none", async () => {
    await left(0);
    for (const groupId of ["a", "b", "c"])
      await expect(rig.commit(groupId, "orders", 1n)).rejects.toMatchObject({
        code: ErrorCode.KAFKA_STORAGE_ERROR,
      });
    expect(rig.coordinator.list().map(({ groupId }) => groupId)).toEqual(["known"]);
    await left(ROOM);
    expect(await rig.commit("a", "orders", 1n)).toBe(ErrorCode.NONE);
    expect(rig.coordinator.list().map(({ groupId }) => groupId)).toEqual(["known", "a"]);
  });
});

describe("when the log of one group fails", () => {
  it("a commit of another that was on its way is not forgotten", async () => {
    await open();
    // One group of each partition of `__consumer_offsets`.
    await rig.commit("a", "orders", 1n);
    await rig.commit("b", "orders", 1n);
    failNextWrite();
    const commits = ["a", "b"].map((groupId) => rig.commitNow(groupId, "orders", 2n));
    const [one, other] = await rig.clock.until(Promise.allSettled(commits));
    expect(new Set([one?.status, other?.status])).toEqual(new Set(["fulfilled", "rejected"]));
    await rig.clock.pass(1000);
    const stands = (how: PromiseSettledResult<unknown> | undefined) =>
      how?.status === "fulfilled" ? 2n : 1n;
    expect(await rig.committed("a", "orders")).toBe(stands(one));
    expect(await rig.committed("b", "orders")).toBe(stands(other));
  });

  it("deleting a group there leaves it as it was", async () => {
    await open();
    await rig.commit("a", "orders", 1n);
    failNextWrite();
    await rig.clock.until(rig.commitNow("a", "orders", 2n).catch(() => "failed"));
    await rig.clock.pass(1000);
    await expect(rig.coordinator.delete("a")).rejects.toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
    expect(await rig.committed("a", "orders")).toBe(1n);
    expect(rig.coordinator.describe("a")).toBeDefined();
  });
});

describe("when one partition of __consumer_offsets is damaged", () => {
  it("its groups alone are refused, and not taken for new ones; and an operator is told which it is", async () => {
    await open();
    await rig.commit("a", "orders", 1n);
    await rig.commit("b", "orders", 2n);
    await rig.close();
    const name = "__consumer_offsets-1/00000000000000000000.log";
    const bytes = (await store.read(name))?.slice() ?? new Uint8Array(0);
    bytes[40] = (bytes[40] ?? 0) ^ 0x10;
    await store.write(name, bytes);
    rig = await GroupRig.open({ store, settings: { "offsets.topic.num.partitions": "2" } });
    expect(await rig.committed("b", "orders")).toBe(2n);
    expect(rig.coordinator.list().map(({ groupId }) => groupId)).toEqual(["b"]);
    expect(rig.coordinator.unreadable()).toEqual([
      { topic: "__consumer_offsets", partition: 1, reason: expect.stringContaining("damaged") as string },
    ]);
    const refused = { code: ErrorCode.COORDINATOR_NOT_AVAILABLE };
    await expect(rig.committedNow("a", "orders")).rejects.toMatchObject(refused);
    await expect(rig.commitNow("a", "orders", 3n)).rejects.toMatchObject(refused);
    expect((await rig.member("a").join()).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });
});
