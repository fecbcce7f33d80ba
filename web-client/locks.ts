/** Web Locks, as far as they are used here: names are the origin's. */

/** Whether this origin has what is needed to share a device store between tabs. Insecure origins and old browsers do not. */
export function canShareStore(): boolean {
  return (
    typeof indexedDB !== "undefined" && typeof navigator !== "undefined" && navigator.locks !== undefined
  );
}

/** Waits for the lock, and holds it while `work` runs. Resolves without having run it when the signal aborts first. */
export async function withLock(name: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await navigator.locks.request(name, { signal }, work);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
