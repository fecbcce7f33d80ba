/** Waiting that a signal can end. */
import type { Clock } from "../log/clock.ts";

/** Who is to be told when a signal aborts. */
const heard = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `hear` when the signal aborts, at once when it has; the answer takes it away again. However many hear, the signal has one
 * listener: a replica of a dozen partitions is no leak, and Node warns of one at eleven.
 */
export function onAbort(signal: AbortSignal, hear: () => void): () => void {
  if (signal.aborted) {
    hear();
    return () => undefined;
  }
  const hearing = heard.get(signal) ?? listenTo(signal);
  const mine = (): void => hear();
  hearing.add(mine);
  return () => hearing.delete(mine);
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const hearing = new Set<() => void>();
  heard.set(signal, hearing);
  const tell = (): void => {
    // Who is taken away by one that is told before is not told.
    for (const hear of hearing) hear();
    hearing.clear();
  };
  signal.addEventListener("abort", tell, { once: true });
  return hearing;
}

/** Resolves after `delayMs`, or at once when the signal aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      forget?.();
      resolve();
    };
    const cancel = clock.setTimer(delayMs, done);
    const forget = signal && onAbort(signal, done);
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
  private readonly hearing = new Set<() => void>();

  ring(): void {
    const rung = this.waiting;
    this.waiting = deferred<void>();
    rung.resolve();
    for (const hear of this.hearing) hear();
  }

  /** Calls `hear` at each ring; the answer takes it away again. For who waits for several bells, most of which are silent. */
  onRing(hear: () => void): () => void {
    const mine = (): void => hear();
    this.hearing.add(mine);
    return () => this.hearing.delete(mine);
  }

  /** Resolves at the next ring. Take it before looking at what may change, so that no ring is missed. */
  next(): Promise<void> {
    return this.waiting.promise;
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onAbort(signal, resolve));
}

/** An AbortController that also follows each of `parents`. Abort it when done: until then they hold it. */
export function linkedController(...parents: readonly (AbortSignal | undefined)[]): AbortController {
  const controller = new AbortController();
  for (const parent of parents) {
    if (parent === undefined) continue;
    const forget = onAbort(parent, () => controller.abort(parent.reason));
    if (controller.signal.aborted) return controller;
    onAbort(controller.signal, forget);
  }
  return controller;
}
