/** All that was noted of one record. */
import type { Acknowledged, Decided, DeviceWiped, Publish, Queued, Refused, Sent } from "../history.ts";

/** An event with its place in the history: what happened later has a higher one. */
export interface Noted<Event> {
  readonly event: Event;
  readonly at: number;
}

/** The place of what was looked at when all was over: after every event. */
export const END = Infinity;

export class RecordStory {
  readonly id: string;
  published: Noted<Publish> | undefined;
  queued: Noted<Queued> | undefined;
  readonly sends: Noted<Sent>[] = [];
  readonly acknowledgements: Noted<Acknowledged>[] = [];
  /** The last no. */
  refused: Noted<Refused> | undefined;
  /** The app's last word. */
  decided: Noted<Decided> | undefined;
  /** The device's outbox was lost with this record in it. */
  wiped: Noted<DeviceWiped> | undefined;
  /** How often the app wanted it sent once more. */
  retries = 0;
  /** How often it may stand in the log, if its producer sends nothing twice. */
  copiesMax = 1;

  constructor(id: string) {
    this.id = id;
  }

  /** Where in the history it was handed over; END: never. */
  get publishedAt(): number {
    return this.published?.at ?? END;
  }

  get isIdempotent(): boolean {
    return this.published?.event.idempotent ?? true;
  }

  get lastSentAt(): number {
    return this.sends.at(-1)?.at ?? -1;
  }

  /** Where it last left before `at`; where it was published when nobody saw it leave. */
  sentBefore(at: number): number {
    return this.sends.findLast((sent) => sent.at < at)?.at ?? this.publishedAt;
  }

  decide(decided: Noted<Decided>): void {
    if (decided.event.word === "retry") {
      this.retries += 1;
      // What was refused for certain is not in the log: only what is sent once more may stand there twice.
      const isRefused = this.refused !== undefined && this.refused.at > (this.decided?.at ?? -1);
      if (!isRefused) this.copiesMax += 1;
    }
    this.decided = decided;
  }
}
