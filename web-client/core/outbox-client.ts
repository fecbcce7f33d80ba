/** The public face of the outbox. */
import type { Outbox as OutboxCore } from "../../sync/outbox.ts";
import type { ListedRecord } from "../../sync/outbox.ts";
import type { Outbox, OutboxEntry, OutboxEvents } from "./api.ts";
import { typedEventTarget } from "./typed-events.ts";

export class OutboxClient extends typedEventTarget<OutboxEvents>() implements Outbox {
  private readonly core: () => OutboxCore;
  private readonly decided: () => void;

  private currentProblem: string | undefined;

  constructor(core: () => OutboxCore, decided: () => void) {
    super();
    this.core = core;
    this.decided = decided;
  }

  get pending(): number {
    const { adding, counts } = this.core();
    return adding + counts.waiting + counts.frozen - counts.blocked;
  }

  get asking(): number {
    const counts = this.core().counts;
    return counts.held + counts["in doubt"] + counts.refused + counts.blocked;
  }

  get problem(): string | undefined {
    return this.currentProblem;
  }

  /** Called by whoever delivers. */
  tellProblem(problem: string | undefined): void {
    if (this.currentProblem === problem) return;
    this.currentProblem = problem;
    this.dispatchEvent(new Event("change"));
  }

  async list(): Promise<OutboxEntry[]> {
    return (await this.core().list()).map(entryOf);
  }

  async retry(ids: readonly number[]): Promise<void> {
    await this.core().retry(ids);
    this.decided();
  }

  async discard(ids: readonly number[]): Promise<void> {
    await this.core().discard(ids);
    this.decided();
  }
}

/** A sealed record whose batch is not sent any more may have arrived once: only the app can say what it wants. */
function entryOf(record: ListedRecord): OutboxEntry {
  const { id, topic, key, value, headers, timestamp, blocked } = record;
  const state = record.state !== "frozen" ? record.state : blocked === null ? "sending" : "in doubt";
  return { id, topic, key, value, headers, timestamp, state, reason: blocked ?? record.reason ?? undefined };
}
