/** Working out anew what each member of a consumer group is to have. */
import type { Cluster } from "../../log/cluster.ts";
import { ASSIGNORS, type Subscriber } from "./assignor.ts";
import type { ConsumerMember } from "./consumer-member.ts";
import type { GroupDraft } from "./group-draft.ts";
import { NOTHING, sameTarget } from "./partition-sets.ts";

export type Topics = Pick<Cluster, "topic" | "topicById">;

/** The name of the assignor that most members ask for; undefined: none asks for one. */
export function preferredAssignor(members: Iterable<ConsumerMember>): string | undefined {
  const votes = new Map<string, number>();
  for (const { assignor } of members)
    if (assignor !== null) votes.set(assignor, (votes.get(assignor) ?? 0) + 1);
  let best: string | undefined;
  for (const [name, count] of votes) if (best === undefined || count > (votes.get(best) ?? 0)) best = name;
  return best;
}

/** Whether it may be worked out again now: it is not more often than every so many milliseconds, unless the clock was set back. */
export function mayRetarget(
  { group: { assignedAtMs } }: GroupDraft,
  nowMs: number,
  intervalMs: number,
): boolean {
  return nowMs < assignedAtMs || nowMs >= assignedAtMs + intervalMs;
}

export function retarget(draft: GroupDraft, topics: Topics, defaultAssignor: string, nowMs: number): void {
  const members = [...draft.members()];
  const assign =
    ASSIGNORS.get(preferredAssignor(members) ?? defaultAssignor) ?? ASSIGNORS.get(defaultAssignor);
  const targets = assign?.(subscribersOf(members, draft, topics), (topicId) => {
    return topics.topicById(topicId)?.partitions.length ?? 0;
  });
  for (const { memberId } of members) {
    const target = targets?.get(memberId) ?? NOTHING;
    if (!sameTarget(target, draft.target(memberId))) draft.retarget(memberId, target);
  }
  draft.retargeted(nowMs);
}

/** Whether a member subscribes to the topic with this id, as the draft says. */
export function isSubscribed(
  draft: GroupDraft,
  { topics: names, regex }: ConsumerMember,
  topics: Topics,
): (topicId: string) => boolean {
  const subscribed = new Set([...names, ...(draft.resolution(regex) ?? [])]);
  return (topicId) => subscribed.has(topics.topicById(topicId)?.name ?? "");
}

function subscribersOf(
  members: readonly ConsumerMember[],
  draft: GroupDraft,
  topics: Topics,
): readonly Subscriber[] {
  // Members that subscribe to the same share one array: that is how assignors know them.
  const known = new Map<string, readonly string[]>();
  return members.map((member) => {
    const { memberId, instanceId, topics: names, regex } = member;
    const subscription = [regex, ...names].join("\n");
    let topicIds = known.get(subscription);
    if (topicIds === undefined) {
      const subscribed = new Set([...names, ...(draft.resolution(regex) ?? [])]);
      topicIds = [...subscribed].flatMap((name) => topics.topic(name)?.id ?? []).toSorted();
      known.set(subscription, topicIds);
    }
    return { memberId, instanceId, topics: topicIds, target: draft.target(memberId) };
  });
}
