/** Waiting that a signal can end. */
import type { Clock } from "../log/clock.ts";

/** Resolves after `delayMs`, or at once when the signal aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.setTimer(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** A promise that others settle. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Something that may have changed: those who wait look again. Wakes are not counted, only noticed. */
export class Bell {
  private waiting = deferred<void>();

  ring(): void {
    const rung = this.waiting;
    this.waiting = deferred<void>();
    rung.resolve();
  }

  /** Resolves at the next ring. Take it before looking at what may change, so that no ring is missed. */
  next(): Promise<void> {
    return this.waiting.promise;
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** An AbortController that also follows each of `parents`. Abort it when done: until then they hold it. */
export function linkedController(...parents: readonly (AbortSignal | undefined)[]): AbortController {
  const controller = new AbortController();
  for (const parent of parents) {
    if (parent === undefined) continue;
    const follow = (): void => controller.abort(parent.reason);
    if (parent.aborted) follow();
    if (controller.signal.aborted) return controller;
    parent.addEventListener("abort", follow, { once: true });
    controller.signal.addEventListener("abort", () => parent.removeEventListener("abort", follow), {
      once: true,
    });
  }
  return controller;
}
