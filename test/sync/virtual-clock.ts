import type { Clock } from "../../log/clock.ts";

/** So many turns of the event loop without a timer are taken as: nothing else is going on. */
const QUIET_TURNS = 10;

/** A clock that runs as fast as there is nothing else to do: when all is quiet, the next timer is due. */
export class VirtualClock implements Clock {
  private nowMs: number;
  private nextId = 0;
  private readonly timers = new Map<number, { dueMs: number; callback: () => void }>();
  private running = false;
  private readonly quietTurns: number;

  /** `quietTurns`: more for what takes many turns by itself, as an IndexedDB in memory does. */
  constructor(nowMs = 1_700_000_000_000, quietTurns = QUIET_TURNS) {
    this.nowMs = nowMs;
    this.quietTurns = quietTurns;
  }

  now(): number {
    return this.nowMs;
  }

  /** The device's clock jumps; timers stay as far away as they were. */
  jump(byMs: number): void {
    this.nowMs += byMs;
    for (const timer of this.timers.values()) timer.dueMs += byMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const id = this.nextId++;
    this.timers.set(id, { dueMs: this.nowMs + delayMs, callback });
    return () => this.timers.delete(id);
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  /** Lets time pass until `goal` has settled; throws when `limitMs` of virtual time were not enough. */
  async until<T>(goal: Promise<T>, limitMs = 3_600_000): Promise<T> {
    if (this.running) throw new Error("the clock runs already");
    this.running = true;
    let settled = false;
    const watched = goal.finally(() => {
      settled = true;
    });
    watched.catch(() => undefined);
    const lastMs = this.nowMs + limitMs;
    try {
      while (!settled) {
        for (let turn = 0; turn < this.quietTurns && !settled; turn++)
          await new Promise((resolve) => setImmediate(resolve));
        if (settled) break;
        const [next] = [...this.timers].sort(([a, one], [b, two]) => one.dueMs - two.dueMs || a - b);
        if (next === undefined) continue;
        const [id, timer] = next;
        if (timer.dueMs > lastMs) throw new Error(`still waiting after ${limitMs} ms of virtual time`);
        this.timers.delete(id);
        this.nowMs = Math.max(this.nowMs, timer.dueMs);
        timer.callback();
      }
    } finally {
      this.running = false;
    }
    return goal;
  }

  /** Lets everything that is due now happen. */
  async settle(turns = 20): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets `ms` of virtual time pass. */
  async pass(ms: number): Promise<void> {
    await this.until(new Promise<void>((resolve) => this.setTimer(ms, resolve)), ms + 1);
  }
}

/** Small and fast, and the same for the same seed (mulberry32). Answers [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
