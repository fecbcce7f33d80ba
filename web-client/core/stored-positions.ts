/** Where readers left off, noted on the device: a little later than they move, so that a record does not cost a write. */
import type { Clock } from "../../log/clock.ts";
import type { Device } from "./device.ts";

/** What is lost when the tab dies is read again: this much of it. */
const NOTE_MS = 200;

export class StoredPositions {
  private readonly device: Pick<Device, "positions" | "notePositions">;
  private readonly clock: Clock;
  private readonly report: (what: string, error: unknown) => void;
  private readonly moved = new Map<
    string,
    { name: string; topicId: string; positions: Map<number, bigint> }
  >();
  private cancelTimer: (() => void) | undefined;
  private noting: Promise<void> = Promise.resolve();

  constructor(
    device: Pick<Device, "positions" | "notePositions">,
    clock: Clock,
    report: (what: string, error: unknown) => void,
  ) {
    this.device = device;
    this.clock = clock;
    this.report = report;
  }

  /** The next offset by partition; what another reader of this name has just noted included. */
  async of(name: string, topicId: string): Promise<ReadonlyMap<number, bigint>> {
    await this.flush();
    return this.device.positions(name, topicId);
  }

  /** Everything before `offset` was taken. */
  moveTo(name: string, topicId: string, partition: number, offset: bigint): void {
    const key = `${topicId}/${name}`;
    const reader = this.moved.get(key) ?? { name, topicId, positions: new Map<number, bigint>() };
    reader.positions.set(partition, offset);
    this.moved.set(key, reader);
    this.cancelTimer ??= this.clock.setTimer(NOTE_MS, () => void this.flush());
  }

  /** Resolves when all that was told is noted, or could not be. */
  flush(): Promise<void> {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    if (this.moved.size > 0) {
      const readers = [...this.moved.values()];
      this.moved.clear();
      this.noting = this.noting.then(() => this.note(readers));
    }
    return this.noting;
  }

  private async note(
    readers: readonly { name: string; topicId: string; positions: ReadonlyMap<number, bigint> }[],
  ): Promise<void> {
    for (const { name, topicId, positions } of readers) {
      try {
        await this.device.notePositions(name, topicId, positions);
      } catch (error) {
        // What it has read it will read again: more than once is what was promised.
        this.report(`where "${name}" is in the topic could not be noted`, error);
      }
    }
  }
}
