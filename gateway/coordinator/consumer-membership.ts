import type { ConsumerGroup, ConsumerGroupRecord } from "./consumer-group.ts";
import { MemberState } from "./consumer-member.ts";
import { Deadline, type Deadlines } from "./deadlines.ts";

/** Until when a member is believed to be there, and until when it has to have given up what it was told to. */
interface MemberDeadlines {
  readonly session: Deadline;
  readonly revocation: Deadline;
}

/** A consumer group as it lives: what was kept of it, and when its members are given up. */
export class ConsumerMembership {
  readonly kind = "consumer";
  readonly group: ConsumerGroup;
  private readonly deadlines: Deadlines;
  private readonly giveUp: (groupId: string, memberId: string, why: string) => void;
  private readonly byMember = new Map<string, MemberDeadlines>();

  constructor(
    group: ConsumerGroup,
    deadlines: Deadlines,
    giveUp: (groupId: string, memberId: string, why: string) => void,
  ) {
    this.group = group;
    this.deadlines = deadlines;
    this.giveUp = giveUp;
  }

  /** What the log says, or is about to. Throws nothing. */
  apply(record: ConsumerGroupRecord): void {
    this.group.apply(record);
    if (record.type === "ConsumerGroupMemberMetadata" && record.value === null)
      this.forget(record.key.memberId);
    if (record.type === "ConsumerGroupCurrentMemberAssignment") this.watchRevocation(record.key.memberId);
  }

  /** The member was heard of: its session begins anew. */
  heard(memberId: string, sessionTimeoutMs: number): void {
    if (this.group.members.has(memberId)) this.deadlines.set(this.of(memberId).session, sessionTimeoutMs);
  }

  /** It was to be given up, and that could not be kept: it is tried again so much later, unless the member does as it should. */
  again(memberId: string, afterMs: number): void {
    this.heard(memberId, afterMs);
    if (this.isRevoking(memberId)) this.deadlines.set(this.of(memberId).revocation, afterMs);
  }

  /** It is taken down: nobody is given up any more. */
  close(): void {
    for (const memberId of this.byMember.keys()) this.forget(memberId);
  }

  private watchRevocation(memberId: string): void {
    if (this.isRevoking(memberId)) {
      const timeoutMs = this.group.members.get(memberId)?.rebalanceTimeoutMs ?? 0;
      this.deadlines.set(this.of(memberId).revocation, Math.max(timeoutMs, 0));
      return;
    }
    const deadlines = this.byMember.get(memberId);
    if (deadlines !== undefined) this.deadlines.cancel(deadlines.revocation);
  }

  /** Whether it has been told to give up partitions, and has not yet. */
  private isRevoking(memberId: string): boolean {
    const member = this.group.members.get(memberId);
    return member?.state === MemberState.unrevoked && member.revoking.size > 0;
  }

  private forget(memberId: string): void {
    const deadlines = this.byMember.get(memberId);
    if (deadlines === undefined) return;
    this.deadlines.cancel(deadlines.session);
    this.deadlines.cancel(deadlines.revocation);
    this.byMember.delete(memberId);
  }

  private of(memberId: string): MemberDeadlines {
    let deadlines = this.byMember.get(memberId);
    if (deadlines === undefined) {
      const { groupId } = this.group;
      const giveUp = (why: string): Deadline => new Deadline(() => this.giveUp(groupId, memberId, why));
      deadlines = {
        session: giveUp("it was not heard of within its session"),
        revocation: giveUp("it did not give up its partitions within its rebalance time-out"),
      };
      this.byMember.set(memberId, deadlines);
    }
    return deadlines;
  }
}
