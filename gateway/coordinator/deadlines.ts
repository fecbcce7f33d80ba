import type { Clock } from "../../log/clock.ts";

/** Most that a deadline is late, in milliseconds. */
const TICK_MS = 100;

/** Something that is due at a time, until it is cancelled or set anew. */
export class Deadline {
  /** The tick at which it is due; -1: never. */
  tick = -1;
  readonly due: () => void;

  constructor(due: () => void) {
    this.due = due;
  }
}

/**
 * Many deadlines on one timer, which runs only while there are any. Time is counted in ticks that have really passed, so a
 * clock that jumps or a machine that slept does not make everybody late at once.
 */
export class Deadlines {
  private readonly clock: Clock;
  private readonly byTick = new Map<number, Set<Deadline>>();
  private count = 0;
  private tick = 0;
  private stopTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.count;
  }

  /** Sets `deadline` to `delayMs` from now, whatever it was before. */
  set(deadline: Deadline, delayMs: number): void {
    this.cancel(deadline);
    // The tick that runs now has begun some time ago: one more makes sure that it is never early.
    const tick = this.tick + Math.ceil(delayMs / TICK_MS) + 1;
    deadline.tick = tick;
    const due = this.byTick.get(tick);
    if (due === undefined) this.byTick.set(tick, new Set([deadline]));
    else due.add(deadline);
    this.count++;
    this.run();
  }

  cancel(deadline: Deadline): void {
    if (deadline.tick < 0) return;
    const due = this.byTick.get(deadline.tick);
    due?.delete(deadline);
    if (due?.size === 0) this.byTick.delete(deadline.tick);
    deadline.tick = -1;
    this.count--;
    if (this.count === 0) this.stop();
  }

  /** Nothing that is set now will be due. */
  clear(): void {
    for (const due of this.byTick.values()) for (const deadline of due) deadline.tick = -1;
    this.byTick.clear();
    this.count = 0;
    this.stop();
  }

  private run(): void {
    this.stopTimer ??= this.clock.setTimer(TICK_MS, () => {
      this.stopTimer = undefined;
      this.advance();
      if (this.count > 0) this.run();
    });
  }

  private stop(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
  }

  private advance(): void {
    this.tick++;
    const due = this.byTick.get(this.tick);
    if (due === undefined) return;
    // One that is due may cancel others of the same tick.
    for (const deadline of due) {
      this.cancel(deadline);
      deadline.due();
    }
  }
}
