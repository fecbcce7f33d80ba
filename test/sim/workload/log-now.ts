/** What the gateway holds at this moment, whatever its clients have heard of it: so that it is known when they are at the end. */
import type { KafkaRun } from "../workload.ts";

/** What keeps a reader that wants `next` from being at the end, in words; undefined: it is there. */
export function behind(
  run: KafkaRun,
  topicId: string,
  partition: number,
  next: bigint | undefined,
): string | undefined {
  const { cluster } = run.gateway;
  if (cluster === undefined) return "the gateway is down";
  const topic = Array.from(cluster.topics()).find(({ id }) => id === topicId);
  const end = topic?.partitions[partition]?.highWatermark;
  const at = `${topic?.name ?? topicId}-${partition}`;
  if (end === undefined) return `${at} is no more, and it does not know`;
  if (next === undefined || next < end) return `${at} ends at ${end}, it is at ${next ?? "no place yet"}`;
  return undefined;
}

/** The id of the topic that has this name now; undefined: there is none, or nobody who could tell. An id never comes back. */
export function topicIdNow(run: KafkaRun, name: string): string | undefined {
  return Array.from(run.gateway.cluster?.topics() ?? []).find((topic) => topic.name === name)?.id;
}

/** Where a partition begins now; undefined: there is none, or nobody who could tell. */
export function logStartNow(run: KafkaRun, topicId: string, partition: number): bigint | undefined {
  return Array.from(run.gateway.cluster?.topics() ?? []).find(({ id }) => id === topicId)?.partitions[
    partition
  ]?.logStartOffset;
}

/** Whether a bit at rest has been turned round in this run: then a reader may be handed a damaged batch, and has to notice. */
export function isDiskDamaged(run: KafkaRun): boolean {
  return (run.world.trace.counts.get("disk: bit flipped") ?? 0) > 0;
}

/** Where a partition ends now; undefined: there is none, or nobody who could tell, as of one that is offline. */
export function endNow(run: KafkaRun, topicId: string, partition: number): bigint | undefined {
  const topic = Array.from(run.gateway.cluster?.topics() ?? []).find(({ id }) => id === topicId);
  const log = topic?.partitions[partition];
  return log?.recovery.how === "offline" ? undefined : log?.highWatermark;
}
