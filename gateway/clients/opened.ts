import type { Logger } from "../../log/logger.ts";

/** What has been opened so far, and how each part of it is closed again. */
export class Opened {
  private readonly log: Logger;
  private readonly undo: (() => Promise<void> | void)[] = [];

  constructor(log: Logger) {
    this.log = log;
  }

  add(close: () => Promise<void> | void): void {
    this.undo.push(close);
  }

  /** Closes everything, the last first. Every step is tried; throws what failed first. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const each of this.undo.splice(0).toReversed()) {
      try {
        await each();
      } catch (error) {
        this.log.error(error instanceof Error ? error.message : String(error));
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
