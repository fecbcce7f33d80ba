/** Locks by name: the origin's where tabs share a store, a tab's own where each tab has one for itself. */
import { aborted } from "../../sync/wait.ts";

export interface Locks {
  /** Waits for the lock, and holds it while `work` runs. Resolves without having run it when the signal aborts first. */
  hold(name: string, signal: AbortSignal, work: () => Promise<void>): Promise<void>;
  /** Holds the lock while `work` runs; does nothing when somebody has it, or waits for it. */
  holdIfFree(name: string, work: () => Promise<void>): Promise<void>;
}

/** Locks that nobody outside of this tab takes part in. */
export class TabLocks implements Locks {
  /** The last one in each queue: whoever comes next waits for it. */
  private readonly queues = new Map<string, Promise<void>>();

  async hold(name: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const before = this.queues.get(name) ?? Promise.resolve();
    let isRunning = false;
    const mine = before.then(async () => {
      if (signal.aborted) return;
      isRunning = true;
      await work();
    });
    const done = this.enqueue(name, mine);
    await Promise.race([done, aborted(signal).then(() => (isRunning ? done : undefined))]);
  }

  async holdIfFree(name: string, work: () => Promise<void>): Promise<void> {
    if (!this.queues.has(name)) await this.enqueue(name, work());
  }

  private async enqueue(name: string, mine: Promise<void>): Promise<void> {
    const settled = mine.catch(() => undefined);
    this.queues.set(name, settled);
    try {
      await mine;
    } finally {
      if (this.queues.get(name) === settled) this.queues.delete(name);
    }
  }
}

/** Whoever holds it writes this partition of a replica. */
export function replicaLock(
  { name }: { readonly name: string },
  clusterId: string,
  topicId: string,
  partition: number,
): string {
  return `${name}/replica/${clusterId}/${topicId}/${partition}`;
}
