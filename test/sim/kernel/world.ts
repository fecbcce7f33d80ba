/**
 * Time and chance of one run. Whatever happens is an event; events happen one after the other, in the order of their
 * times, and between two of them all promises that can settle do. So one seed is one history.
 */
import { Random } from "./random.ts";
import { Trace } from "./trace.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Taken before a run replaces it: the only real event loop that a run uses. */
const realImmediate = globalThis.setImmediate;
/**
 * Node settles all promises between two immediates: each of them is one event. So many are asked for at once, because a turn
 * of the real event loop, which looks for I/O that no run has, costs more than most events.
 */
const TURNS = 64;

export class World {
  /** True time, in milliseconds since the run began. */
  nowMs = 0;
  readonly seed: number;
  readonly random: Random;
  readonly trace: Trace;
  /** Events that have happened. */
  events = 0;
  private readonly queue: Event[] = [];
  private order = 0;

  constructor(seed: number, tell?: (line: string) => void) {
    this.seed = seed;
    this.random = new Random(seed);
    this.trace = new Trace(() => this.nowMs, tell);
  }

  /** Calls `run` after `delayMs`; the answer cancels it. */
  after(delayMs: number, run: () => void): () => void {
    const event: Event = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: this.order++,
      run,
      isCancelled: false,
    };
    this.push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Resolves after `delayMs`. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Lets events happen until `isOver`, or until `limitMs` have passed. Answers whether it is over. */
  runUntil(isOver: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.nowMs + limitMs;
    return new Promise((resolve, reject) => {
      let left = 0;
      let answer: boolean | undefined;
      const turn = (): void => {
        left -= 1;
        if (answer !== undefined) return;
        try {
          answer = this.step(isOver, endMs);
        } catch (error) {
          answer = false;
          reject(error as Error);
        }
        if (answer !== undefined) resolve(answer);
        else if (left === 0) prepare();
      };
      const prepare = (): void => {
        for (left = 0; left < TURNS; left++) realImmediate(turn);
      };
      prepare();
    });
  }

  /** The next event, if it is not over. Answers whether it is over, or undefined: it goes on. */
  private step(isOver: () => boolean, endMs: number): boolean | undefined {
    if (isOver()) return true;
    const event = this.pop();
    if (event === undefined || event.atMs > endMs) {
      if (event !== undefined) this.push(event);
      this.nowMs = endMs;
      return isOver();
    }
    this.nowMs = Math.max(this.nowMs, event.atMs);
    this.events += 1;
    try {
      event.run();
    } catch (error) {
      this.trace.violation(
        `an event threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
    return undefined;
  }

  /** Lets events happen until `work` has settled. Throws when `limitMs` were not enough. */
  async settle<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
    let isSettled = false;
    const mark = (): void => void (isSettled = true);
    work.then(mark, mark);
    if (!(await this.runUntil(() => isSettled, limitMs)))
      throw new Error(`${what} did not end within ${limitMs} ms`);
    return work;
  }

  private push(event: Event): void {
    const { queue } = this;
    let at = queue.length;
    queue.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = queue[parent] as Event;
      if (!isBefore(event, above)) break;
      queue[at] = above;
      at = parent;
    }
    queue[at] = event;
  }

  /** The next event that is to happen. */
  private pop(): Event | undefined {
    for (;;) {
      const first = this.queue[0];
      const last = this.queue.pop();
      if (first === undefined || last === undefined) return undefined;
      if (this.queue.length > 0) this.sink(last);
      if (!first.isCancelled) return first;
    }
  }

  private sink(event: Event): void {
    const { queue } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isBefore(queue[child + 1] as Event, queue[child] as Event)) child += 1;
      if (!isBefore(queue[child] as Event, event)) break;
      queue[at] = queue[child] as Event;
      at = child;
    }
    queue[at] = event;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
