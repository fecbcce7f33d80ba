/** The origin's locks (Web Locks), which all its tabs share. Insecure origins and old browsers have none. */
import type { Locks } from "./core/locks.ts";

export function webLocks(): Locks | undefined {
  const manager = typeof navigator === "undefined" ? undefined : navigator.locks;
  if (manager === undefined) return undefined;
  return {
    async hold(name, signal, work) {
      try {
        await manager.request(name, { signal }, work);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    async holdIfFree(name, work) {
      await manager.request(name, { ifAvailable: true }, async (lock) => {
        if (lock !== null) await work();
      });
    },
  };
}
