/** Locks by name: the origin's where tabs share a store, a tab's own where each tab has one for itself. */
import { aborted, deferred } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";

/** What is done under a lock. `stolen` aborts when somebody else has taken the lock: then it must end soon. */
export type LockedWork = (stolen: AbortSignal) => Promise<void>;

export interface Locks {
  /**
   * Waits for the lock, and holds it while `work` runs. Resolves when that has ended, also where the lock was stolen; without
   * having run it when the signal aborts first.
   */
  hold(name: string, signal: AbortSignal, work: LockedWork): Promise<void>;
  /** As `hold`, but takes the lock from whoever has it, and passes over those who wait for it. */
  steal(name: string, work: LockedWork): Promise<void>;
}

interface Claim {
  readonly granted: Deferred<void>;
  readonly stolen: AbortController;
}

/** Locks that nobody outside of this tab takes part in. */
export class TabLocks implements Locks {
  /** By name: the first one has the lock. */
  private readonly queues = new Map<string, Claim[]>();

  async hold(name: string, signal: AbortSignal, work: LockedWork): Promise<void> {
    if (signal.aborted) return;
    const claim = newClaim();
    const queue = this.queueOf(name);
    queue.push(claim);
    if (queue[0] === claim) claim.granted.resolve();
    const isGranted = await Promise.race([
      claim.granted.promise.then(() => true),
      aborted(signal).then(() => false),
    ]);
    if (isGranted) await this.run(name, claim, work);
    else this.release(name, claim);
  }

  async steal(name: string, work: LockedWork): Promise<void> {
    const claim = newClaim();
    const [robbed] = this.queueOf(name).splice(0, 1, claim);
    robbed?.stolen.abort();
    await this.run(name, claim, work);
  }

  /** Holds the lock while `work` runs; does nothing when somebody has it, or waits for it. */
  async holdIfFree(name: string, work: () => Promise<void>): Promise<void> {
    if (!this.queues.has(name)) await this.hold(name, new AbortController().signal, work);
  }

  private async run(name: string, claim: Claim, work: LockedWork): Promise<void> {
    try {
      await work(claim.stolen.signal);
    } finally {
      this.release(name, claim);
    }
  }

  private queueOf(name: string): Claim[] {
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return queue;
  }

  private release(name: string, claim: Claim): void {
    const queue = this.queueOf(name);
    const at = queue.indexOf(claim);
    if (at >= 0) queue.splice(at, 1);
    if (queue.length === 0) this.queues.delete(name);
    else if (at === 0) queue[0]?.granted.resolve();
  }
}

function newClaim(): Claim {
  return { granted: deferred(), stolen: new AbortController() };
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
