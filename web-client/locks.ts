/** Locks by name: the origin's (Web Locks) where tabs share a store, this tab's own where each tab has one for itself. */
import { aborted } from "../sync/wait.ts";

/** Whether this origin has what is needed to share a device store between tabs. Insecure origins and old browsers do not. */
export function canShareStore(): boolean {
  return (
    typeof indexedDB !== "undefined" && typeof navigator !== "undefined" && navigator.locks !== undefined
  );
}

export interface Locks {
  /** Waits for the lock, and holds it while `work` runs. Resolves without having run it when the signal aborts first. */
  hold(name: string, signal: AbortSignal, work: () => Promise<void>): Promise<void>;
  /** Holds the lock while `work` runs; does nothing when somebody has it, or waits for it. */
  holdIfFree(name: string, work: () => Promise<void>): Promise<void>;
}

export const webLocks: Locks = {
  async hold(name, signal, work) {
    try {
      await navigator.locks.request(name, { signal }, work);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
  async holdIfFree(name, work) {
    await navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock !== null) await work();
    });
  },
};

/** The last one in each queue: whoever comes next waits for it. */
const queues = new Map<string, Promise<void>>();

export const tabLocks: Locks = {
  async hold(name, signal, work) {
    const before = queues.get(name) ?? Promise.resolve();
    let isRunning = false;
    const mine = before.then(async () => {
      if (signal.aborted) return;
      isRunning = true;
      await work();
    });
    const done = enqueue(name, mine);
    await Promise.race([done, aborted(signal).then(() => (isRunning ? done : undefined))]);
  },
  async holdIfFree(name, work) {
    if (!queues.has(name)) await enqueue(name, work());
  },
};

async function enqueue(name: string, mine: Promise<void>): Promise<void> {
  const settled = mine.catch(() => undefined);
  queues.set(name, settled);
  try {
    await mine;
  } finally {
    if (queues.get(name) === settled) queues.delete(name);
  }
}
