/**
 * Something that runs and can die at any await: a gateway, a tab, a Kafka client. All that reaches its code from outside
 * (a timer, an answer of the disk, a message) comes through here: dropped once it is dead, kept while it is frozen.
 */
import type { Clock } from "../../../log/clock.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** 2026-01-01, in milliseconds since the epoch. */
export const EPOCH_MS = 1_767_225_600_000;

export class Process {
  readonly name: string;
  readonly world: World;
  /** Its own stream of chance. */
  readonly random: Random;
  readonly clock: Clock;
  /** How far its clock is ahead of the true one. */
  clockAheadMs = 0;
  private alive = true;
  private frozen = false;
  /** What came while it was frozen, in order. */
  private readonly kept: (() => void)[] = [];
  private readonly onEnd = new Set<() => void>();
  /** What was deferred, in order; each has an event of its own that takes the next one. */
  private readonly deferred: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.random = world.random.fork(name);
    this.clock = {
      now: () => Math.floor(EPOCH_MS + world.nowMs + this.clockAheadMs),
      setTimer: (delayMs, callback) => world.after(delayMs, () => this.enter(callback)),
      defer: (callback) => this.defer(callback),
    };
  }

  get isAlive(): boolean {
    return this.alive;
  }

  get isFrozen(): boolean {
    return this.frozen;
  }

  /** Runs its code, now or when it wakes; never when it is dead. */
  enter(run: () => void): void {
    if (!this.alive) return;
    if (this.frozen) this.kept.push(() => this.enter(run));
    else run();
  }

  /** Runs its code after a while. */
  later(delayMs: number, run: () => void): void {
    this.world.after(delayMs, () => this.enter(run));
  }

  /**
   * One call that its code makes to the world: `effect` happens after `delayMs`, and the code hears of it after another
   * short while, if it is still alive. What the code had asked for before it died may happen, or not.
   */
  call<T>(delayMs: number, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.world.after(delayMs, () => {
        // A call that was on its way when its process died: it had reached the world, or it had not.
        if (!this.alive && this.random.chance(0.5)) return;
        let answer: () => void;
        try {
          const value = effect();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error as Error);
        }
        this.later(0.001, answer);
      });
    });
  }

  /** In the order of the calls, as a host does: only how long it takes is drawn. */
  private defer(callback: () => void): void {
    this.deferred.push(callback);
    this.world.after(0.001 + this.random.delay(0, 0.2), () => {
      const next = this.deferred.shift();
      if (next !== undefined) this.enter(next);
    });
  }

  /** Calls `listener` once when it dies. */
  onKilled(listener: () => void): () => void {
    this.onEnd.add(listener);
    return () => this.onEnd.delete(listener);
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.kept.length = 0;
    for (const listener of this.onEnd) listener();
    this.onEnd.clear();
  }

  freeze(): void {
    this.frozen = true;
  }

  wake(): void {
    if (!this.frozen) return;
    this.frozen = false;
    // One after the other, each with its promises settled before the next, as events come.
    const kept = this.kept.splice(0);
    for (const [at, run] of kept.entries()) this.world.after(0.001 * (at + 1), run);
  }
}
