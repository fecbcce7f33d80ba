/** How the members of a classic group come to one generation: who is waited for, how long, and who is given up. */
import type { Logger } from "../../log/logger.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { type ClassicMember, joinFailure, NO_BYTES, syncFailure } from "./classic-member.ts";
import { Deadline, type Deadlines } from "./deadlines.ts";
import type { GroupConfig } from "./group-config.ts";
import { NEW_MEMBER_JOIN_MS } from "./limits.ts";

/** What all groups of a node share. */
export interface GroupHost {
  readonly config: GroupConfig;
  readonly deadlines: Deadlines;
  readonly log: Logger;
  nowMs(): number;
  /** Part of an id that nobody can guess. */
  newId(): string;
  /** Keeps the group as it is, or with these assignments; resolves when it is durable. */
  keep(group: ClassicGroup, assignments?: ReadonlyMap<string, Uint8Array>): Promise<void>;
}

export class Rebalance {
  readonly kind = "classic";
  readonly group: ClassicGroup;
  readonly host: GroupHost;
  /** Members that were given an id with MEMBER_ID_REQUIRED and have not joined with it yet (KIP-394). */
  private readonly pending = new Map<string, Deadline>();
  /** Members of the generation that have not sent SyncGroup yet. */
  private readonly unsynced = new Set<string>();
  private readonly joinEnds: Deadline;
  private readonly syncEnds: Deadline;
  /** While the first members gather: how much longer may be waited, in milliseconds. */
  private gathering: { remainingMs: number; hasGrown: boolean } | undefined;
  /** It was taken down; whoever still holds it changes nothing any more. */
  private closed = false;

  constructor(group: ClassicGroup, host: GroupHost) {
    this.group = group;
    this.host = host;
    this.joinEnds = new Deadline(() => this.joinTimeIsUp());
    this.syncEnds = new Deadline(() => this.syncTimeIsUp());
  }

  get isClosed(): boolean {
    return this.closed;
  }

  get pendingMembers(): number {
    return this.pending.size;
  }

  isPending(memberId: string): boolean {
    return this.pending.has(memberId);
  }

  /** Gives an id to a member that is to join again with it. */
  expect(memberId: string, sessionTimeoutMs: number): void {
    const deadline = new Deadline(() => {
      this.pending.delete(memberId);
      this.completeWhenAllJoined();
    });
    this.pending.set(memberId, deadline);
    this.host.deadlines.set(deadline, sessionTimeoutMs);
  }

  /** It has joined, or will not. */
  noLongerPending(memberId: string): boolean {
    const deadline = this.pending.get(memberId);
    if (deadline === undefined) return false;
    this.host.deadlines.cancel(deadline);
    return this.pending.delete(memberId);
  }

  /** A member that joins for the first time is taken in, and waits with the others. */
  takeIn(member: ClassicMember, protocolType: string): void {
    member.isNew = true;
    this.noLongerPending(member.memberId);
    this.group.add(member, protocolType);
    this.host.deadlines.set(member.session, NEW_MEMBER_JOIN_MS);
    if (this.gathering !== undefined) this.gathering.hasGrown = true;
    this.begin(`${member.memberId} joins`);
  }

  /** The member has been heard of: its session begins anew. */
  heard(member: ClassicMember): void {
    this.host.deadlines.set(member.session, member.details.sessionTimeoutMs);
  }

  /** Begins a new generation, unless one is being prepared: then it may be complete now. */
  begin(reason: string): void {
    const { group, host } = this;
    if (this.closed) return;
    if (group.state === "PreparingRebalance") return this.completeWhenAllJoined();
    if (group.state === "CompletingRebalance") {
      for (const member of group.members.values()) {
        member.assignment = NO_BYTES;
        if (member.answerSync(syncFailure(ErrorCode.REBALANCE_IN_PROGRESS))) this.heard(member);
      }
    }
    this.endSync();
    const wasEmpty = group.state === "Empty";
    group.enter("PreparingRebalance", host.nowMs());
    host.log.info(`group ${group.groupId} rebalances: ${reason}`, { generation: group.generationId });
    if (wasEmpty && host.config.initialRebalanceDelayMs > 0) return this.gather();
    this.waitForJoins();
  }

  /** Answers whether the group is complete now, and completes it. */
  completeWhenAllJoined(): void {
    const { group } = this;
    if (group.state !== "PreparingRebalance" || this.gathering !== undefined) return;
    const haveJoined = [...group.members.values()].every((member) => member.isAwaitingJoin);
    if (haveJoined && this.pending.size === 0) this.complete();
  }

  /** A member of the generation has sent SyncGroup. */
  synced(memberId: string): void {
    this.unsynced.delete(memberId);
    if (this.unsynced.size === 0) this.host.deadlines.cancel(this.syncEnds);
  }

  endSync(): void {
    this.unsynced.clear();
    this.host.deadlines.cancel(this.syncEnds);
  }

  /** Removes a member, and begins a new generation without it. */
  remove(member: ClassicMember, reason: string): void {
    this.forget(member);
    this.begin(reason);
  }

  /** Removes a member; what it waits for is answered with UNKNOWN_MEMBER_ID. */
  forget(member: ClassicMember): void {
    this.host.deadlines.cancel(member.session);
    this.synced(member.memberId);
    this.group.remove(member);
    member.answerJoin(joinFailure(ErrorCode.UNKNOWN_MEMBER_ID));
    member.answerSync(syncFailure(ErrorCode.UNKNOWN_MEMBER_ID));
  }

  /** A member's session has ended. */
  expired(member: ClassicMember): void {
    if (this.group.members.get(member.memberId) !== member) return;
    // Who waits for the others is there; a new one that waits is believed for a while only, since it may be gone.
    if (!member.isNew && (member.isAwaitingJoin || member.isAwaitingSync)) return;
    this.remove(member, `${member.memberId} was not heard of for ${member.details.sessionTimeoutMs} ms`);
  }

  /** Ends all that waits: the group is taken down. */
  close(errorCode: number, syncErrorCode = errorCode): void {
    const { deadlines } = this.host;
    this.closed = true;
    for (const deadline of this.pending.values()) deadlines.cancel(deadline);
    this.pending.clear();
    deadlines.cancel(this.joinEnds);
    this.endSync();
    for (const member of this.group.members.values()) {
      deadlines.cancel(member.session);
      member.answerJoin(joinFailure(errorCode, member.memberId));
      member.answerSync(syncFailure(syncErrorCode));
    }
  }

  /** The first members of an empty group are given time to come together, and more for each that comes. */
  private gather(): void {
    const { initialRebalanceDelayMs } = this.host.config;
    const remainingMs = Math.max(this.group.rebalanceTimeoutMs - initialRebalanceDelayMs, 0);
    this.gathering = { remainingMs, hasGrown: false };
    this.host.deadlines.set(this.joinEnds, initialRebalanceDelayMs);
  }

  private waitForJoins(): void {
    this.host.deadlines.set(this.joinEnds, this.group.rebalanceTimeoutMs);
    this.completeWhenAllJoined();
  }

  private joinTimeIsUp(): void {
    const { gathering } = this;
    if (gathering === undefined) return this.complete();
    if (gathering.hasGrown && gathering.remainingMs > 0) {
      const delayMs = Math.min(this.host.config.initialRebalanceDelayMs, gathering.remainingMs);
      this.gathering = { remainingMs: gathering.remainingMs - delayMs, hasGrown: false };
      this.host.deadlines.set(this.joinEnds, delayMs);
      return;
    }
    this.gathering = undefined;
    this.complete();
  }

  /** Whoever has joined makes up the next generation; static members are kept although they have not. */
  private complete(): void {
    const { group, host } = this;
    host.deadlines.cancel(this.joinEnds);
    for (const member of group.members.values())
      if (!member.isAwaitingJoin && member.details.groupInstanceId === null) this.forget(member);
    const joined = [...group.members.values()].filter((member) => member.isAwaitingJoin);
    if (group.members.size > 0 && joined.length === 0) {
      // Only static members are left, none of which has come back: they are waited for once more.
      host.deadlines.set(this.joinEnds, group.rebalanceTimeoutMs);
      return;
    }
    const [first] = joined;
    if (first !== undefined && !joined.some(({ memberId }) => memberId === group.leader))
      group.leader = first.memberId;
    group.beginGeneration();
    if (first === undefined) return this.becomeEmpty();
    group.enter("CompletingRebalance", host.nowMs());
    for (const member of joined) {
      this.unsynced.add(member.memberId);
      member.isNew = false;
      this.heard(member);
      member.answerJoin(group.joined(member));
    }
    host.deadlines.set(this.syncEnds, group.rebalanceTimeoutMs);
  }

  private becomeEmpty(): void {
    const { group, host } = this;
    group.enter("Empty", host.nowMs());
    host
      .keep(group)
      .catch((error: unknown) =>
        host.log.warn(`that group ${group.groupId} is empty could not be kept: ${String(error)}`),
      );
  }

  private syncTimeIsUp(): void {
    const late = [...this.unsynced].flatMap((memberId) => this.group.members.get(memberId) ?? []);
    this.endSync();
    const { state } = this.group;
    if ((state !== "CompletingRebalance" && state !== "Stable") || late.length === 0) return;
    for (const member of late) this.forget(member);
    this.begin(`${late.length} members did not ask for their assignment in time`);
  }
}
