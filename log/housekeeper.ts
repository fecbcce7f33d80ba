/**
 * Looks after all partitions of a node, on one timer: what retention does not keep is taken out at every check, producers that
 * were silent for too long are forgotten, and the files of what was taken out go when their time has come. One partition after the other, so that the disk belongs to
 * those who write; a check that finds nothing to do touches memory alone.
 *
 * Time between checks is counted in ticks that have really passed: a clock that jumps neither hurries nor delays them. What is
 * old is told by the clock, as in Kafka.
 */
import type { Clock } from "./clock.ts";
import type { DiskSpace } from "./disk-space.ts";
import { HOUSEKEEPING_AT_ONCE, HOUSEKEEPING_TICK_MS } from "./limits.ts";
import type { Logger } from "./logger.ts";
import type { Partition } from "./offline-partition.ts";

export interface HousekeeperOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Those that there are now. */
  readonly partitions: () => Iterable<Partition>;
  readonly disk: DiskSpace;
  /** From the start to the first check, and from one to the next. */
  readonly initialDelayMs: number;
  readonly intervalMs: number;
}

export class Housekeeper {
  private readonly options: HousekeeperOptions;
  private readonly tickMs: number;
  private untilCheckMs: number;
  /** Partitions with files that are to go. */
  private readonly withFiles = new Set<Partition>();
  private cancelTimer: (() => void) | undefined;
  private round: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(options: HousekeeperOptions) {
    this.options = options;
    this.tickMs = Math.max(1, Math.min(HOUSEKEEPING_TICK_MS, options.intervalMs));
    this.untilCheckMs = options.initialDelayMs;
    this.wait();
  }

  /** Ends what is going on at the next partition; resolves when it has ended. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer?.();
    await this.round;
  }

  private wait(): void {
    if (this.closed) return;
    this.cancelTimer = this.options.clock.setTimer(this.tickMs, () => {
      this.round = this.tick().finally(() => this.wait());
    });
  }

  private async tick(): Promise<void> {
    const { disk, intervalMs } = this.options;
    await disk.look();
    this.untilCheckMs -= this.tickMs;
    // Where records are refused for want of room nothing waits.
    if (this.untilCheckMs <= 0 || disk.isShort) {
      this.untilCheckMs = intervalMs;
      await this.check();
    }
    await this.removeFiles();
  }

  private async check(): Promise<void> {
    const { clock, partitions } = this.options;
    let seen = 0;
    // Those that there are now: topics come and go meanwhile.
    for (const partition of Array.from(partitions())) {
      if (this.closed) return;
      // Requests come first.
      if (++seen % HOUSEKEEPING_AT_ONCE === 0) await new Promise<void>((resolve) => clock.defer(resolve));
      partition.expireProducers(clock.now());
      await this.attempt(partition, partition.enforceRetention());
      if (partition.filesDueMs !== undefined) this.withFiles.add(partition);
    }
  }

  private async removeFiles(): Promise<void> {
    const nowMs = this.options.disk.isShort ? Infinity : this.options.clock.now();
    for (const partition of Array.from(this.withFiles)) {
      if (this.closed) return;
      const { filesDueMs } = partition;
      if (filesDueMs !== undefined && filesDueMs <= nowMs)
        await this.attempt(partition, partition.removeFiles(nowMs));
      if (partition.filesDueMs === undefined) this.withFiles.delete(partition);
    }
  }

  /** What fails is tried again at the next check. */
  private async attempt({ topic, partition }: Partition, work: Promise<void> | undefined): Promise<void> {
    if (work === undefined) return;
    try {
      await work;
    } catch (error) {
      this.options.log.warn(`retention of ${topic}-${partition} has failed: ${String(error)}`, {
        topic,
        partition,
      });
    }
  }
}
