import type { Clock } from "../../log/clock.ts";

/** Most that an ending is late, in milliseconds. */
const TICK_MS = 500;

/** Something that ends at a time of day, until it is cancelled or set anew. */
export class Ending {
  /** The tick that it stands in; undefined: it is not set. */
  tick: number | undefined;
  readonly due: () => void;

  constructor(due: () => void) {
    this.due = due;
  }
}

/**
 * Many endings on one timer, which runs only while there are any. They go by the time of day, as tokens do: what has run
 * out while a machine slept is over when it wakes. (`Deadlines` is the other kind: it counts time that was really given.)
 */
export class Endings {
  private readonly clock: Clock;
  private readonly byTick = new Map<number, Set<Ending>>();
  private looked: number;
  private stopTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    this.looked = this.now();
  }

  /** Sets `ending` to a time in milliseconds since the epoch, whatever it was before. Never early. */
  set(ending: Ending, atMs: number): void {
    this.cancel(ending);
    // Nothing has been missed before the first; and a clock that was set back counts from there.
    const now = this.now();
    if (this.byTick.size === 0 || now < this.looked) this.looked = now;
    const tick = Math.max(Math.ceil(atMs / TICK_MS), this.looked + 1);
    ending.tick = tick;
    const due = this.byTick.get(tick);
    if (due === undefined) this.byTick.set(tick, new Set([ending]));
    else due.add(ending);
    this.run();
  }

  cancel(ending: Ending): void {
    const { tick } = ending;
    if (tick === undefined) return;
    ending.tick = undefined;
    const due = this.byTick.get(tick);
    due?.delete(ending);
    if (due?.size === 0) this.byTick.delete(tick);
    if (this.byTick.size === 0) this.stop();
  }

  /** Nothing that is set now will be due. */
  clear(): void {
    for (const due of this.byTick.values()) for (const ending of due) ending.tick = undefined;
    this.byTick.clear();
    this.stop();
  }

  private now(): number {
    return Math.floor(this.clock.now() / TICK_MS);
  }

  private run(): void {
    this.stopTimer ??= this.clock.setTimer(TICK_MS, () => {
      this.stopTimer = undefined;
      this.look();
      if (this.byTick.size > 0) this.run();
    });
  }

  private stop(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
  }

  private look(): void {
    const now = this.now();
    // A clock that was set back makes nothing due; one that has jumped ahead may have passed more ticks than are in use.
    const passed =
      now - this.looked > this.byTick.size
        ? [...this.byTick.keys()].filter((tick) => tick <= now)
        : Array.from({ length: Math.max(0, now - this.looked) }, (_, at) => this.looked + 1 + at);
    this.looked = now;
    for (const tick of passed) {
      // One that is due may cancel others of the same tick.
      for (const ending of this.byTick.get(tick) ?? []) {
        this.cancel(ending);
        ending.due();
      }
    }
  }
}
