/** What `__consumer_offsets` says of groups: of each key the last word, whatever order compaction has left. */
import type { GroupRecord } from "../../wire/group-records.ts";
import { ClassicGroup, type GroupMetadataValue } from "./classic-group.ts";
import { ClassicMember } from "./classic-member.ts";
import { type GroupHost, Rebalance } from "./classic-rebalance.ts";
import { changeOf, CommittedOffsets } from "./committed-offsets.ts";
import type { ConsumerGroupRecord } from "./consumer-group.ts";
import type { ConsumerMembership } from "./consumer-membership.ts";

/** What is to be known before what comes after it can be understood. */
const ORDER: readonly ConsumerGroupRecord["type"][] = [
  "ConsumerGroupMetadata",
  "ConsumerGroupMemberMetadata",
  "ConsumerGroupRegularExpression",
  "ConsumerGroupTargetAssignmentMetadata",
  "ConsumerGroupTargetAssignmentMember",
  "ConsumerGroupCurrentMemberAssignment",
];

export class StoredGroups {
  readonly offsets = new CommittedOffsets();
  readonly classic = new Map<string, GroupMetadataValue>();
  /** Records of consumer groups by their keys. */
  private readonly consumer = new Map<string, Map<string, ConsumerGroupRecord>>();

  fold(record: GroupRecord): void {
    if (record.type === "OffsetCommit") return this.offsets.apply(record.key.groupId, changeOf(record));
    if (record.type === "GroupMetadata") {
      if (record.value === null) this.classic.delete(record.key.groupId);
      else this.classic.set(record.key.groupId, record.value);
      return;
    }
    const { groupId, ...rest } = record.key;
    const records = this.consumer.get(groupId) ?? new Map<string, ConsumerGroupRecord>();
    const key = [record.type, ...Object.values(rest)].join("\n");
    if (record.value === null) records.delete(key);
    else records.set(key, record);
    if (records.size === 0) this.consumer.delete(groupId);
    else this.consumer.set(groupId, records);
  }

  consumerGroups(): Iterable<string> {
    return this.consumer.keys();
  }

  restoreConsumer(groupId: string, membership: ConsumerMembership): void {
    const records = [...(this.consumer.get(groupId)?.values() ?? [])];
    for (const type of ORDER)
      for (const record of records) if (record.type === type) membership.apply(record);
  }
}

/** A classic group as it was kept; its members have a session to say that they are still there. */
export function restoredClassic(groupId: string, value: GroupMetadataValue, host: GroupHost): Rebalance {
  const group = new ClassicGroup(groupId, Number(value.currentStateTimestamp));
  const rebalance = new Rebalance(group, host);
  group.generationId = value.generation;
  group.protocolType = value.protocolType === "" ? null : value.protocolType;
  group.protocolName = value.protocol;
  for (const each of value.members) {
    const member = new ClassicMember(
      {
        memberId: each.memberId,
        groupInstanceId: each.groupInstanceId,
        clientId: each.clientId,
        clientHost: each.clientHost,
        rebalanceTimeoutMs: each.rebalanceTimeout < 0 ? each.sessionTimeout : each.rebalanceTimeout,
        sessionTimeoutMs: each.sessionTimeout,
        protocols: [{ name: value.protocol ?? "", metadata: each.subscription.slice() }],
      },
      (expired) => rebalance.expired(expired),
    );
    member.assignment = each.assignment.slice();
    group.add(member, value.protocolType);
    rebalance.heard(member);
  }
  group.leader = value.leader;
  group.state = value.members.length === 0 ? "Empty" : "Stable";
  return rebalance;
}
