/**
 * Whether a worker is still there. Nobody tells a page that its worker has ended; but what ends gives back its locks, so the
 * worker holds one for as long as it lives, and the page waits for it.
 */

/** In the worker: resolves when it is held, which is until the worker ends. */
export async function holdForLife(name: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const untilTheEnd = (): Promise<never> => {
      resolve();
      return new Promise(() => undefined);
    };
    navigator.locks.request(name, untilTheEnd).catch(reject);
  });
}

/** In the page, once the worker holds it: calls `onEnd` when the worker has ended, unless the signal aborts first. */
export function whenLifeEnds(name: string, signal: AbortSignal, onEnd: () => void): void {
  const told = (): void => {
    if (!signal.aborted) onEnd();
  };
  // What cannot be asked cannot be told; the signal aborts a request with an error, too.
  navigator.locks.request(name, { signal }, told).catch(() => undefined);
}
