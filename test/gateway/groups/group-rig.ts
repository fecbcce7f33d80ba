/** A coordinator over a real log in memory, on a clock that the test moves, and members that behave as clients do. */
import { expect } from "vitest";
import { GroupCoordinator } from "../../../gateway/coordinator/group-coordinator.ts";
import type { JoinRequest } from "../../../gateway/coordinator/classic-join.ts";
import type { JoinResult, SyncResult } from "../../../gateway/coordinator/classic-member.ts";
import { Cluster } from "../../../log/cluster.ts";
import { brokerConfig } from "../../../log/config.ts";
import { silent } from "../../../log/logger.ts";
import { MemoryStore } from "../../../log/memory-store.ts";
import type { Store } from "../../../log/store.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { metadataCodec } from "../../../wire/metadata-records.ts";
import { loadEngine } from "../../engine/load.ts";
import { seeded, VirtualClock } from "../../sync/virtual-clock.ts";

const engine = loadEngine();

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

let seed = 7;

export interface RigOptions {
  /** Bytes that are left on the disk; undefined: nobody can tell. */
  readonly usableBytes?: () => number;
  readonly store?: Store;
  readonly settings?: Readonly<Record<string, string>>;
}

export class GroupRig {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly cluster: Cluster;
  readonly coordinator: GroupCoordinator;

  private constructor(clock: VirtualClock, store: Store, cluster: Cluster, coordinator: GroupCoordinator) {
    this.clock = clock;
    this.store = store;
    this.cluster = cluster;
    this.coordinator = coordinator;
  }

  static async open({
    store = new MemoryStore(),
    settings = {},
    usableBytes,
  }: RigOptions = {}): Promise<GroupRig> {
    const clock = new VirtualClock();
    // A node that is started anew makes no id a second time.
    const next = seeded(seed++);
    const random = (): Uint8Array => Uint8Array.from({ length: 16 }, () => Math.floor(next() * 256));
    // Members that join together are to come into one generation.
    const all = { "group.initial.rebalance.delay.ms": "100", ...settings };
    const config = brokerConfig(new Map(Object.entries(all)));
    const cluster = await clock.until(
      Cluster.open({
        store,
        engine,
        clock,
        codec: metadataCodec,
        random,
        config,
        ...(usableBytes === undefined ? {} : { space: () => Promise.resolve(spaceOf(usableBytes())) }),
      }),
    );
    const coordinator = new GroupCoordinator({ cluster, engine, clock, random, log: silent });
    await clock.until(coordinator.load());
    return new GroupRig(clock, store, cluster, coordinator);
  }

  async close(): Promise<void> {
    this.coordinator.close();
    await this.clock.until(this.cluster.close());
  }

  async topic(name: string, partitions = 1): Promise<{ name: string; id: string }> {
    const { id } = await this.clock.until(this.cluster.createTopic(name, { partitions }));
    return { name, id };
  }

  member(groupId: string, overrides: Partial<JoinRequest> = {}): Member {
    return new Member(this, groupId, overrides);
  }

  async commit(groupId: string, topic: string, offset: bigint, member?: Member): Promise<number> {
    const [code = ErrorCode.UNKNOWN_SERVER_ERROR] = await this.clock.until(
      this.commitNow(groupId, topic, offset, member),
    );
    return code;
  }

  /** Commits for partition 0; time has to pass before it is settled. */
  commitNow(groupId: string, topic: string, offset: bigint, member?: Member): Promise<number[]> {
    return this.coordinator.offsets.commit({
      groupId,
      memberId: member?.memberId ?? "",
      groupInstanceId: null,
      epoch: member?.generationId ?? -1,
      mayBeConsumer: true,
      offsets: [this.offset(topic, offset)],
    });
  }

  offset(topic: string, offset: bigint, metadata = "") {
    const topicId = this.cluster.topic(topic)?.id ?? "";
    return { topic, topicId, partition: 0, offset, leaderEpoch: -1, metadata };
  }

  /** The offset that a group has committed for partition 0. */
  async committed(groupId: string, topic: string): Promise<bigint | undefined> {
    return this.clock.until(this.committedNow(groupId, topic));
  }

  /** What `committed` answers; time has to pass before it does. */
  committedNow(groupId: string, topic: string): Promise<bigint | undefined> {
    return this.coordinator.offsets.committed(groupId, (offsets) => offsets.get(topic)?.get(0)?.offset);
  }
}

function spaceOf(usableBytes: number) {
  return { totalBytes: 1n << 40n, usableBytes: BigInt(usableBytes) };
}

/** A consumer as clients are: it joins, takes its id, and as the leader gives each member its own id as its assignment. */
export class Member {
  memberId = "";
  generationId = -1;
  isLeader = false;
  assignment = "";
  readonly groupId: string;
  private readonly rig: GroupRig;
  private readonly overrides: Partial<JoinRequest>;
  private joined: JoinResult | undefined;

  constructor(rig: GroupRig, groupId: string, overrides: Partial<JoinRequest>) {
    this.rig = rig;
    this.groupId = groupId;
    this.overrides = overrides;
  }

  get instance(): string | null {
    return this.overrides.groupInstanceId ?? null;
  }

  /** Joins; resolves when the others have, too. */
  async join(overrides: Partial<JoinRequest> = {}): Promise<JoinResult> {
    const result = await this.rig.coordinator.join({
      groupId: this.groupId,
      memberId: this.memberId,
      groupInstanceId: null,
      clientId: "client",
      clientHost: "/127.0.0.1",
      rebalanceTimeoutMs: 60_000,
      sessionTimeoutMs: 10_000,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: subscription("orders") }],
      needsKnownId: false,
      maySkipAssignment: true,
      ...this.overrides,
      ...overrides,
    });
    if (result.errorCode === ErrorCode.NONE || result.errorCode === ErrorCode.MEMBER_ID_REQUIRED)
      this.memberId = result.memberId;
    if (result.errorCode !== ErrorCode.NONE) return result;
    this.generationId = result.generationId;
    this.isLeader = result.leader === this.memberId;
    this.joined = result;
    return result;
  }

  async sync(generationId = this.generationId): Promise<SyncResult> {
    const assignments =
      this.isLeader && this.joined !== undefined
        ? this.joined.members.map(({ memberId }) => ({ memberId, assignment: utf8(memberId) }))
        : [];
    const result = await this.rig.coordinator.sync({
      groupId: this.groupId,
      memberId: this.memberId,
      groupInstanceId: this.instance,
      generationId,
      protocolType: "consumer",
      protocolName: "range",
      assignments,
    });
    this.assignment = new TextDecoder().decode(result.assignment);
    return result;
  }

  heartbeat(generationId = this.generationId): number {
    const name = { memberId: this.memberId, groupInstanceId: this.instance };
    return this.rig.coordinator.heartbeat(this.groupId, name, generationId);
  }

  leave(): Promise<number[]> {
    return this.rig.coordinator.leave(this.groupId, [
      { memberId: this.memberId, groupInstanceId: this.instance },
    ]);
  }
}

/** `ConsumerProtocolSubscription`, version 0, of one topic, without user data. */
export function subscription(topic: string): Uint8Array {
  const name = utf8(topic);
  const bytes = new Uint8Array(2 + 4 + 2 + name.length + 4);
  const view = new DataView(bytes.buffer);
  view.setInt32(2, 1);
  view.setInt16(6, name.length);
  bytes.set(name, 8);
  view.setInt32(8 + name.length, -1);
  return bytes;
}

/** Members join together until all are in one generation, and have their assignments. */
export async function settle(rig: GroupRig, ...members: Member[]): Promise<void> {
  const joins = await rig.clock.until(Promise.all(members.map((member) => member.join())));
  expect(joins.map(({ errorCode }) => errorCode)).toEqual(members.map(() => ErrorCode.NONE));
  const syncs = await rig.clock.until(Promise.all(members.map((member) => member.sync())));
  expect(syncs.map(({ errorCode }) => errorCode)).toEqual(members.map(() => ErrorCode.NONE));
}
