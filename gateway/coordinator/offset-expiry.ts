/** Which committed offsets are no longer kept (KIP-211). */
import type { ClassicGroup } from "./classic-group.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { CommittedOffset, GroupOffsets } from "./committed-offsets.ts";
import type { TopicPartition } from "./topic-partition.ts";

/**
 * Offsets of a group without members go `retentionMs` after it became empty, those of one that never had any after they were
 * committed; where consumers read, those of topics that they no longer subscribe to.
 */
export function expiredOffsets(
  group: ClassicGroup | ConsumerGroup,
  offsets: GroupOffsets,
  nowMs: number,
  retentionMs: number,
): TopicPartition[] {
  const sinceMs = ageOf(group);
  if (sinceMs === undefined) return [];
  const subscribed = group.subscribedTopics();
  const expired: TopicPartition[] = [];
  for (const [topic, partitions] of offsets) {
    if (subscribed === "unknown" || subscribed.has(topic)) continue;
    for (const [partition, offset] of partitions) {
      const expiresAtMs = offset.expiresAtMs ?? sinceMs(offset) + retentionMs;
      if (nowMs >= expiresAtMs) expired.push({ topic, partition });
    }
  }
  return expired;
}

/** From when on an offset of this group grows old; undefined while none does. */
function ageOf(group: ClassicGroup | ConsumerGroup): ((offset: CommittedOffset) => number) | undefined {
  if (group.kind === "consumer") return ({ committedAtMs }) => committedAtMs;
  const { stateSinceMs } = group;
  if (group.isSimple) return ({ committedAtMs }) => committedAtMs;
  if (group.state === "Empty") return ({ committedAtMs }) => Math.max(stateSinceMs, committedAtMs);
  if (group.state === "Stable" && group.isConsumers) return ({ committedAtMs }) => committedAtMs;
  return undefined;
}
