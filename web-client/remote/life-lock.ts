/**
 * Whether a worker is still there. Nobody tells a page that its worker has ended; but what ends gives back its locks, so the
 * worker holds one for as long as it lives, and the page waits for it.
 */

/** A worker that lives says so within this time, milliseconds. */
const ANSWER_MS = 1000;

/** Who is told to end has done so within this time, milliseconds. */
const END_MS = 5000;

/** In the worker: answers whether the lock is held from now on, until the worker ends; undefined: where there are no locks. */
export function holdForLife(name: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    if (name === undefined) return resolve(false);
    const untilTheEnd = (): Promise<never> => {
      resolve(true);
      return new Promise(() => undefined);
    };
    navigator.locks.request(name, untilTheEnd).catch(() => resolve(false));
  });
}

/** In the page: resolves when the worker that may hold this lock is gone. */
export async function lifeOver(lock: string): Promise<void> {
  const signal = AbortSignal.timeout(END_MS);
  await navigator.locks.request(lock, { signal }, () => undefined).catch(() => undefined);
}

/** Nobody else's. Where there are locks there are UUIDs: both want a secure origin. */
export function newLifeLock(): string {
  return `rivulet/worker/${crypto.randomUUID()}`;
}

/**
 * In the page, once the worker holds this lock: calls `onEnd` when the worker has ended, unless the signal aborts first. Who clears
 * the site's data takes the locks of those who live, too: so `hold` asks the worker for another one, and one that answers lives.
 */
export async function whenLifeEnds(
  lock: string,
  hold: (lock: string) => Promise<boolean>,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<void> {
  for (let held = lock; ; held = newLifeLock()) {
    if (held !== lock) {
      const silence = new Promise<undefined>((resolve) => void setTimeout(resolve, ANSWER_MS));
      const isHeld = await Promise.race([hold(held).catch(() => undefined), silence]);
      if (signal.aborted) return;
      if (isHeld === undefined) return onEnd();
      // Not at once, should this one be taken away again.
      await silence;
      if (!isHeld) return;
    }
    try {
      await navigator.locks.request(held, { signal }, () => undefined);
    } catch {
      // What cannot be asked cannot be told; the signal aborts a request with an error, too.
      return;
    }
    if (signal.aborted) return;
  }
}
