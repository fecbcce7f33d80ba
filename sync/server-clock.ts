/** The gateway's clock as this device knows it (rule 5: the device's own may be years off). */
import type { Clock } from "../log/clock.ts";

export class ServerClock {
  private readonly clock: Clock;
  private aheadMs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** How far the gateway's clock is ahead of the device's, in whole milliseconds; 0 until it was learned. */
  get ahead(): number {
    return this.aheadMs;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.clock.now() + this.aheadMs;
  }

  /** Asks; when the gateway does not tell, the last known difference stays: that is not worth holding records back for. */
  async learn(serverTime: () => Promise<number>): Promise<void> {
    const before = this.clock.now();
    try {
      const serverNow = await serverTime();
      // Whole, as clocks count: logs reckon with integers.
      this.aheadMs = Math.round(serverNow - (before + this.clock.now()) / 2);
    } catch {
      return;
    }
  }
}
