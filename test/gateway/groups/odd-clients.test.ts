/** Members that do what no client should, or that only few do: none of it harms the others of their group. */
import { queryObjects } from "node:v8";
import { afterEach, describe, expect, it } from "vitest";
import { MemoryStore } from "../../../log/memory-store.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { GroupRig, type RigOptions, settle } from "./group-rig.ts";

let rig: GroupRig;
const open = async (options?: RigOptions): Promise<GroupRig> => (rig = await GroupRig.open(options));
afterEach(() => rig.close());

/** How many are reachable. */
const arrays = (): number => Number(queryObjects(Array, { format: "count" }));

const at = (instance: string) => ({ groupInstanceId: instance });

describe("a member with an id that it was given", () => {
  it("finds the place that was kept for it in a group that is full since", async () => {
    await open({ settings: { "group.max.size": "2" } });
    const [first, second] = [rig.member("g"), rig.member("g", { needsKnownId: true })];
    await settle(rig, first);
    expect((await second.join()).errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    expect((await rig.member("g").join()).errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    const joining = second.join();
    const joins = await rig.clock.until(Promise.all([first.join(), joining]));
    expect(joins.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
  });

  it("does not take a static member's place with it", async () => {
    await open();
    const holder = rig.member("g", at("a"));
    await settle(rig, holder);
    const thief = rig.member("g", { needsKnownId: true });
    await thief.join();
    expect((await thief.join(at("a"))).errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(holder.heartbeat()).toBe(ErrorCode.NONE);
  });
});

describe("a static member", () => {
  it("stays one though it forgets to say so, and its instance goes when it does", async () => {
    await open();
    const member = rig.member("g", at("a"));
    await settle(rig, member);
    await rig.clock.until(member.join({ groupInstanceId: null }));
    expect((await rig.clock.until(member.sync())).errorCode).toBe(ErrorCode.NONE);
    const { memberId } = member;
    expect(await rig.coordinator.leave("g", [{ memberId, groupInstanceId: null }])).toEqual([ErrorCode.NONE]);
    // Nobody has the instance, so nobody is fenced by who had it.
    const other = { memberId: "other", groupInstanceId: "a" };
    expect(rig.coordinator.heartbeat("g", other, 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("that was late for one generation is not given up in the next for it", async () => {
    await open();
    // Sessions are longer than a rebalance may take, so that only the wait for SyncGroup could end one.
    const long = { sessionTimeoutMs: 1_000_000 };
    const [here, away] = [rig.member("g", long), rig.member("g", { ...long, ...at("a") })];
    const slow = rig.member("g", { ...long, rebalanceTimeoutMs: 300_000 });
    await rig.clock.until(Promise.all([here.join(), away.join(), slow.join()]));
    await rig.clock.until(Promise.all([here.sync(), slow.sync()]));
    await slow.leave();
    await rig.clock.until(here.join());
    expect(here.generationId).toBe(2);
    await rig.clock.until(here.sync());
    await rig.clock.pass(100_000);
    expect(away.heartbeat(2)).toBe(ErrorCode.NONE);
  });
});

describe("offsets", () => {
  it("are told when they are durable, and not those that came while that was waited for", async () => {
    await open();
    await rig.topic("orders");
    await rig.commit("g", "orders", 1n);
    const first = rig.commitNow("g", "orders", 2n);
    await Promise.resolve();
    await Promise.resolve();
    const telling = rig.committedNow("g", "orders");
    const second = rig.commitNow("g", "orders", 3n);
    expect(await rig.clock.until(telling)).toBeLessThan(3n);
    await rig.clock.until(Promise.all([first, second]));
    expect(await rig.committed("g", "orders")).toBe(3n);
  });

  it("that are committed again and again take no more memory each time", async () => {
    await open();
    await rig.topic("orders");
    const commit = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n++) await rig.commit("g", "orders", BigInt(n));
    };
    await commit(100);
    const before = arrays();
    await commit(1000);
    expect(arrays() - before).toBeLessThan(500);
  });

  it("of a group with the longest name there is are kept, as many as there are", async () => {
    const store = new MemoryStore();
    await open({ store });
    const partitions = 600;
    await rig.clock.until(rig.cluster.createTopic("orders", { partitions }));
    const groupId = "g".repeat(32_767);
    const offsets = Array.from({ length: partitions }, (_, partition) => ({
      ...rig.offset("orders", BigInt(partition)),
      partition,
    }));
    const name = { memberId: "", groupInstanceId: null };
    const codes = await rig.clock.until(
      rig.coordinator.offsets.commit({ groupId, ...name, epoch: -1, mayBeConsumer: true, offsets }),
    );
    expect(new Set(codes)).toEqual(new Set([ErrorCode.NONE]));
    await rig.close();
    await open({ store });
    const last = await rig.coordinator.offsets.committed(groupId, (all) =>
      all.get("orders")?.get(partitions - 1),
    );
    expect(last?.offset).toBe(BigInt(partitions - 1));
  });

  it("that nobody's group has are refused by the name that is missing", async () => {
    await open();
    const invalid = { code: ErrorCode.INVALID_GROUP_ID };
    await expect(rig.coordinator.leave("", [])).rejects.toMatchObject(invalid);
    await expect(rig.coordinator.offsets.delete("", [])).rejects.toMatchObject(invalid);
  });
});

describe("protocols without number", () => {
  it("of two members are compared in one pass", async () => {
    await open();
    const protocols = (prefix: string) =>
      Array.from({ length: 60_000 }, (_, n) => ({ name: `${prefix}${n}`, metadata: new Uint8Array(0) }));
    const first = rig.member("g", { protocols: protocols("a") });
    await rig.clock.until(first.join());
    const started = performance.now();
    expect((await rig.member("g", { protocols: protocols("b") }).join()).errorCode).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
    // Each with each takes tens of seconds.
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
