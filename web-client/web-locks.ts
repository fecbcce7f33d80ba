/** The origin's locks (Web Locks), which all its tabs share. Insecure origins and old browsers have none. */
import type { LockedWork, Locks } from "./core/locks.ts";

export function webLocks(): Locks | undefined {
  const manager = typeof navigator === "undefined" ? undefined : navigator.locks;
  if (manager === undefined) return undefined;
  return {
    async hold(name, signal, work) {
      const running = new Running(work);
      try {
        await manager.request(name, { signal }, () => running.run());
      } catch (error) {
        // Given up before it was granted.
        if (running.ended === undefined && signal.aborted) return;
        await running.endAfter(error);
      }
    },
    async steal(name, work) {
      const running = new Running(work);
      try {
        await manager.request(name, { steal: true }, () => running.run());
      } catch (error) {
        await running.endAfter(error);
      }
    },
  };
}

/** Work under a lock that may be stolen: then the manager rejects with AbortError at once, and the work goes on. */
class Running {
  ended: Promise<void> | undefined;
  private readonly work: LockedWork;
  private readonly stolen = new AbortController();
  private isOver = false;

  constructor(work: LockedWork) {
    this.work = work;
  }

  run(): Promise<void> {
    this.ended = this.work(this.stolen.signal).finally(() => void (this.isOver = true));
    return this.ended;
  }

  /** What the manager rejected with: the theft, which ends the work, or what the work itself has thrown. */
  async endAfter(error: unknown): Promise<void> {
    if (this.ended === undefined || this.isOver) throw error;
    this.stolen.abort();
    await this.ended;
  }
}
