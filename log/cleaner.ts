/** Compacts the partitions of a node, one after the other, within a budget of bytes a second. */
import type { Clock } from "./clock.ts";
import type { BrokerConfig } from "./config.ts";
import type { DiskSpace } from "./disk-space.ts";
import type { Logger } from "./logger.ts";
import type { Partition } from "./offline-partition.ts";

export interface CleanerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: BrokerConfig;
  readonly disk: DiskSpace;
  /** Those that there are now. */
  readonly partitions: () => Iterable<Partition>;
}

/** Shorter waits are gathered until they are as long: a timer has a millisecond at best. */
const WAIT_MS_MIN = 2;

export class Cleaner {
  private readonly options: CleanerOptions;
  private readonly backoffMs: number;
  private readonly bytesPerMs: number;
  private readonly mapBytesMax: number;
  private owedMs = 0;
  private endWait: () => void = () => {};
  private round: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(options: CleanerOptions) {
    this.options = options;
    const number = (name: string): number => Number(options.config.values.get(name));
    this.backoffMs = Math.max(1, number("log.cleaner.backoff.ms"));
    this.bytesPerMs = number("log.cleaner.io.max.bytes.per.second") / 1000;
    this.mapBytesMax = number("log.cleaner.dedupe.buffer.size");
    if (options.config.values.get("log.cleaner.enable") === "true") this.round = this.run();
  }

  /** Resolves when what was going on has stopped: what it has not finished is as it was. */
  async close(): Promise<void> {
    this.closed = true;
    this.endWait();
    await this.round;
  }

  private async run(): Promise<void> {
    await this.wait(this.backoffMs);
    while (!this.closed) {
      // What is compacted stands twice on the disk for a while.
      if (!this.options.disk.isShort) await this.compactAll();
      await this.wait(this.backoffMs);
    }
  }

  private async compactAll(): Promise<void> {
    const { partitions, log, disk } = this.options;
    const { mapBytesMax } = this;
    const pace = async (bytes: number): Promise<boolean> => {
      await this.pay(bytes);
      return !this.closed && !disk.isShort;
    };
    for (const partition of Array.from(partitions())) {
      if (this.closed) return;
      try {
        // A log with more keys than there is memory for is done in parts: the next one at once, as in Kafka.
        while (!this.closed && (await partition.compact({ mapBytesMax, pace })) === true);
      } catch (error) {
        log.warn(`${partition.topic}-${partition.partition} is not compacted: ${String(error)}`, {
          topic: partition.topic,
          partition: partition.partition,
        });
      }
    }
  }

  private async pay(bytes: number): Promise<void> {
    this.owedMs += bytes / this.bytesPerMs;
    if (this.owedMs < WAIT_MS_MIN) {
      await new Promise<void>((resolve) => this.options.clock.defer(resolve));
      return;
    }
    const waitMs = Math.floor(this.owedMs);
    this.owedMs -= waitMs;
    await this.wait(waitMs);
  }

  private async wait(ms: number): Promise<void> {
    if (this.closed) return;
    await new Promise<void>((resolve) => {
      const cancel = this.options.clock.setTimer(ms, resolve);
      this.endWait = () => {
        cancel();
        resolve();
      };
    });
  }
}
