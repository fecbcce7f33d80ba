/** Topics that cannot be delivered to just now: left alone for a while, longer each time, so that the others get on. */
import type { Clock } from "../log/clock.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "./back-off.ts";
import { sleep } from "./wait.ts";

export class TopicRests {
  private readonly resting = new Set<string>();
  private readonly times = new Map<string, number>();
  private readonly options: { clock: Clock; random: () => number; signal: AbortSignal; onRested: () => void };

  constructor(options: { clock: Clock; random: () => number; signal: AbortSignal; onRested: () => void }) {
    this.options = options;
  }

  isResting(topic: string): boolean {
    return this.resting.has(topic);
  }

  /** Answers how often the topic had to rest before. */
  rest(topic: string): number {
    const times = this.times.get(topic) ?? 0;
    this.times.set(topic, times + 1);
    this.pause(topic, times);
    return times;
  }

  /** As long as one that had to rest `times` times before. */
  pause(topic: string, times: number): void {
    const { clock, random, signal, onRested } = this.options;
    this.resting.add(topic);
    void sleep(clock, fullJitterMs(times, random, RETRY_BACK_OFF), signal).then(() => {
      this.resting.delete(topic);
      onRested();
    });
  }
}
