import type { Partition } from "../../log/offline-partition.ts";
import type { Advance } from "../../log/partition-types.ts";
import type { RequestContext } from "./context.ts";

/**
 * One Fetch that waits: for bytes below the high watermark of its partitions, for one of their topics to be deleted, for
 * its time to be over, for its client to go, or for the gateway to stop. One timer, and one listener a partition, unless
 * it belongs to a session, which listens for it.
 */
export class FetchWait {
  /** Nothing more to wait for: what there is, is the answer. */
  over: boolean;
  private readonly context: RequestContext;
  private bytes = 0;
  private needed = 0;
  private wake: (() => void) | undefined;
  private readonly undo: (() => void)[] = [];

  constructor(maxWaitMs: number, context: RequestContext) {
    this.context = context;
    this.over = maxWaitMs <= 0;
    if (this.over) return;
    const { services, connection } = context;
    const end = (): void => this.end();
    this.undo.push(
      services.clock.setTimer(maxWaitMs, end),
      connection.onEnd(end),
      services.running.onEnd(end),
    );
  }

  /** Counts what these logs gain from now on. */
  watch(logs: Iterable<Partition>): void {
    if (this.over) return;
    const topicIds = new Set<string>();
    const gained = (advance: Advance): void => this.gained(advance);
    for (const log of new Set(logs)) {
      topicIds.add(log.topicId);
      this.undo.push(log.onAdvance(gained));
    }
    this.undo.push(
      this.context.services.cluster.onTopicsChanged(({ kind, topic }) => {
        if (kind === "deleted" && topicIds.has(topic.id)) this.end();
      }),
    );
  }

  /** One of the logs has gained something. */
  gained({ pieces }: Advance): void {
    for (const piece of pieces) this.bytes += piece.byteLength;
    if (this.bytes >= this.needed) this.wake?.();
  }

  /** What comes from now on counts; what came before is about to be read. */
  reset(): void {
    this.bytes = 0;
  }

  /** Resolves when `needed` bytes have come since the last reset, or when it is over. */
  async forBytes(needed: number): Promise<void> {
    if (this.over || this.bytes >= needed) return;
    this.needed = needed;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.wake = undefined;
  }

  /** It waits no longer. */
  end(): void {
    this.over = true;
    this.wake?.();
  }

  stop(): void {
    for (const undo of this.undo) undo();
    this.undo.length = 0;
  }
}
