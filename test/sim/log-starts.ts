/** Watches where logs begin, from within the gateway: retention answers nobody, so nobody else hears of what it has removed. */
import type { Cluster, Topic } from "../../log/cluster.ts";
import type { Partition } from "../../log/offline-partition.ts";
import { isInternal } from "../../log/topic-name.ts";
import type { HistoryEvent } from "./history.ts";
import type { World } from "./kernel/world.ts";

export class LogStarts {
  private readonly world: World;
  private readonly note: (event: HistoryEvent) => void;
  /** As they were noted last. */
  private readonly starts = new Map<string, bigint>();

  constructor(world: World, note: (event: HistoryEvent) => void) {
    this.world = world;
    this.note = note;
  }

  /** From the moment on at which it serves. */
  watch(cluster: Cluster): void {
    for (const topic of cluster.topics()) this.watchTopic(topic);
    cluster.onTopicsChanged(({ kind, topic }) => {
      if (kind !== "deleted") this.watchTopic(topic);
    });
  }

  private watchTopic({ name, partitions }: Topic): void {
    if (isInternal(name)) return;
    for (const log of partitions) {
      // What stands in the files was recorded by a life that died before it could say so.
      this.moved(log, undefined);
      log.onStartMoved(() => {
        // What is before the start is taken out in the same moment, and only then.
        this.world.after(0, () => this.moved(log, log.sizeBytes));
      });
    }
  }

  private moved(log: Partition, leftBytes: number | undefined): void {
    const { topicId, partition, logStartOffset: to } = log;
    const key = `${topicId}/${partition}`;
    if (to <= (this.starts.get(key) ?? 0n)) return;
    this.starts.set(key, to);
    this.note({ kind: "log start", atMs: this.world.nowMs, topicId, partition, to, leftBytes });
  }
}
