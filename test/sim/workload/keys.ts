/** The keys of the workload: few, so that compaction finds much that is superseded. */
import type { Random } from "../kernel/random.ts";
import type { WorkloadTopic } from "../workload.ts";

const KEYS = 10;

/** A compacted topic takes no record without a key, and a record without a value deletes its key there. */
export function keyFor(
  topics: readonly WorkloadTopic[],
  topic: string,
  random: Random,
): { readonly key: string | null; readonly isTombstone: boolean } {
  const compaction = topics.find(({ name }) => name === topic)?.keeping?.compaction;
  if (compaction === undefined)
    return { key: random.chance(0.5) ? null : `key-${random.below(KEYS)}`, isTombstone: false };
  return { key: `key-${random.below(KEYS)}`, isTombstone: random.chance(compaction.tombstoneRate) };
}
