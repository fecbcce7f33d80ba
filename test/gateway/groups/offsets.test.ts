import { afterEach, describe, expect, it } from "vitest";
import { MemoryStore } from "../../../log/memory-store.ts";
import { ErrorCode, KafkaError } from "../../../wire/errors.ts";
import { GroupRig, type RigOptions, settle } from "./group-rig.ts";

let rig: GroupRig;
const open = async (options?: RigOptions): Promise<GroupRig> => (rig = await GroupRig.open(options));
afterEach(() => rig.close());

async function codeOf(run: () => Promise<unknown>): Promise<number> {
  try {
    await run();
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
  return ErrorCode.NONE;
}

describe("committed offsets", () => {
  it("can be kept by whoever assigns partitions by itself", async () => {
    await open();
    await rig.topic("orders");
    expect(await rig.commit("g", "orders", 3n)).toBe(ErrorCode.NONE);
    expect(await rig.committed("g", "orders")).toBe(3n);
    expect(await rig.committed("other", "orders")).toBeUndefined();
  });

  it("and members outlive the node: a member goes on in its generation as if nothing had been", async () => {
    const store = new MemoryStore();
    await open({ store });
    await rig.topic("orders");
    const [first, second] = [rig.member("g"), rig.member("g")];
    await settle(rig, first, second);
    await rig.commit("g", "orders", 5n, first);
    await rig.close();

    await open({ store });
    expect(await rig.committed("g", "orders")).toBe(5n);
    const name = { memberId: second.memberId, groupInstanceId: null };
    expect(rig.coordinator.heartbeat("g", name, second.generationId)).toBe(ErrorCode.NONE);
    expect(await rig.commit("g", "orders", 6n, first)).toBe(ErrorCode.NONE);
    // Who does not come back is given up all the same.
    await rig.clock.pass(11_000);
    expect(rig.coordinator.heartbeat("g", name, second.generationId)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("never go back: what was committed last stands after a restart", async () => {
    const store = new MemoryStore();
    await open({ store });
    await rig.topic("orders");
    const commits = Array.from({ length: 50 }, (_, index) =>
      rig.coordinator.offsets.commit({
        groupId: "g",
        memberId: "",
        groupInstanceId: null,
        epoch: -1,
        mayBeConsumer: true,
        offsets: [rig.offset("orders", BigInt(index))],
      }),
    );
    await rig.clock.until(Promise.all(commits));
    expect(await rig.committed("g", "orders")).toBe(49n);
    await rig.close();
    await open({ store });
    expect(await rig.committed("g", "orders")).toBe(49n);
  });

  it("carry a text of offset.metadata.max.bytes, and no longer one", async () => {
    await open({ settings: { "offset.metadata.max.bytes": "4" } });
    await rig.topic("orders");
    const commit = (metadata: string): Promise<number[]> =>
      rig.coordinator.offsets.commit({
        groupId: "g",
        memberId: "",
        groupInstanceId: null,
        epoch: -1,
        mayBeConsumer: true,
        offsets: [rig.offset("orders", 1n, metadata)],
      });
    expect(await rig.clock.until(commit("four"))).toEqual([ErrorCode.NONE]);
    expect(await rig.clock.until(commit("äöü"))).toEqual([ErrorCode.OFFSET_METADATA_TOO_LARGE]);
  });

  it("go with their topic, and not with another of the same name", async () => {
    await open();
    const { id } = await rig.topic("orders");
    await rig.commit("g", "orders", 3n);
    await rig.clock.until(rig.cluster.deleteTopic(id));
    expect(await rig.committed("g", "orders")).toBeUndefined();
    await rig.topic("orders");
    await rig.commit("g", "orders", 1n);
    expect(await rig.committed("g", "orders")).toBe(1n);
  });

  it("of a topic that was deleted just before the node died are not those of the next of its name", async () => {
    const store = new MemoryStore();
    await open({ store });
    const { id } = await rig.topic("orders");
    await rig.topic("bills");
    await rig.commit("g", "orders", 3n);
    await rig.commit("g", "bills", 4n);
    // Who keeps the groups does not hear of it any more.
    rig.coordinator.close();
    await rig.clock.until(rig.cluster.deleteTopic(id));
    await rig.topic("orders");
    await rig.close();
    await open({ store });
    expect(await rig.committed("g", "orders")).toBeUndefined();
    expect(await rig.committed("g", "bills")).toBe(4n);
  });

  it("of a group without members expire, offsets.retention.minutes after it became empty", async () => {
    await open({ settings: { "offsets.retention.minutes": "60" } });
    await rig.topic("orders");
    const member = rig.member("g", { sessionTimeoutMs: 1_800_000 });
    await settle(rig, member);
    await rig.commit("g", "orders", 3n, member);
    await rig.commit("simple", "orders", 4n);
    for (let n = 0; n < 5; n++) {
      await rig.clock.pass(20 * 60_000);
      member.heartbeat();
    }
    expect(await rig.committed("g", "orders")).toBe(3n);
    expect(await rig.committed("simple", "orders")).toBeUndefined();
    expect(rig.coordinator.describe("simple")).toBeUndefined();
    await member.leave();
    await rig.clock.pass(40 * 60_000);
    expect(await rig.committed("g", "orders")).toBe(3n);
    await rig.clock.pass(40 * 60_000);
    expect(await rig.committed("g", "orders")).toBeUndefined();
    expect(rig.coordinator.describe("g")).toBeUndefined();
  }, 60_000);

  it("are deleted one by one, unless the group's consumers subscribe to the topic", async () => {
    await open();
    await rig.topic("orders");
    await rig.topic("bills");
    await rig.commit("g", "bills", 2n);
    const member = rig.member("g");
    await settle(rig, member);
    await rig.commit("g", "orders", 3n, member);
    const deleting = rig.coordinator.offsets.delete("g", [
      { topic: "orders", partition: 0 },
      { topic: "bills", partition: 0 },
      { topic: "bills", partition: 1 },
    ]);
    expect(await rig.clock.until(deleting)).toEqual([
      ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
      ErrorCode.NONE,
      ErrorCode.NONE,
    ]);
    expect(await rig.committed("g", "bills")).toBeUndefined();
    expect(await codeOf(() => rig.coordinator.offsets.delete("nobody", []))).toBe(
      ErrorCode.GROUP_ID_NOT_FOUND,
    );
  });

  it("go with a group that is deleted, which it cannot be while it has members", async () => {
    const store = new MemoryStore();
    await open({ store });
    await rig.topic("orders");
    const member = rig.member("g");
    await settle(rig, member);
    await rig.commit("g", "orders", 3n, member);
    expect(await codeOf(() => rig.coordinator.delete("g"))).toBe(ErrorCode.NON_EMPTY_GROUP);
    await member.leave();
    await rig.clock.settle();
    await rig.clock.until(rig.coordinator.delete("g"));
    expect(rig.coordinator.list()).toEqual([]);
    await rig.close();
    await open({ store });
    expect(rig.coordinator.list()).toEqual([]);
    expect(await rig.committed("g", "orders")).toBeUndefined();
    expect(await codeOf(() => rig.coordinator.delete("g"))).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });
});
