/**
 * What a foreign idempotent producer remembers of one partition, as the Java client does: batches with their sequences, in
 * order, at most five on their way, each sent again bit for bit until it is answered.
 */
import { ErrorCode, isRetriable } from "../../../wire/errors.ts";

/** A sealed batch. */
export interface ProducerBatch {
  readonly baseSequence: number;
  readonly bytes: Uint8Array;
  /** Ids of its records, in order. */
  readonly ids: readonly string[];
}

interface Entry {
  readonly batch: ProducerBatch;
  /** How many were handed over before it. */
  readonly ordinal: number;
  isInFlight: boolean;
  /** Sent before, and not answered for good. */
  isRetry: boolean;
}

/** What an answer means for its batch. */
export type Word =
  /** It stands in the log. */
  | "acknowledged"
  /** It is to be sent again. */
  | "again"
  /** The producer cannot go on under its id: nothing that is pending will be known. */
  | "over";

/** The log knows a producer's last five batches: with more beyond it, the first that is pending would be a stranger. */
const IN_FLIGHT_MAX = 5;

export class ProducerLane {
  private readonly entries: Entry[] = [];
  private readonly resendsTogether: boolean;
  private next = 0;
  private added = 0;

  /**
   * `resendsTogether`: after a lost connection everything is sent again at once, as librdkafka does. The Java client sends
   * what it sends again one by one.
   */
  constructor(resendsTogether: boolean) {
    this.resendsTogether = resendsTogether;
  }

  /** What the next batch has to be sealed with. */
  get nextSequence(): number {
    return this.next;
  }

  /** Batches without a last word. */
  get pending(): readonly ProducerBatch[] {
    return this.entries.map(({ batch }) => batch);
  }

  add(batch: ProducerBatch): void {
    if (batch.baseSequence !== this.next)
      throw new Error(`sequence ${batch.baseSequence} where ${this.next} is due`);
    this.next = (this.next + batch.ids.length) % 2 ** 31;
    this.entries.push({ batch, ordinal: this.added++, isInFlight: false, isRetry: false });
  }

  /** The next batch that may be sent, taken as sent; undefined: none now. */
  take(): ProducerBatch | undefined {
    const at = this.entries.findIndex((entry) => !entry.isInFlight);
    const entry = this.entries[at];
    const first = this.entries[0];
    if (entry === undefined || first === undefined) return undefined;
    if (entry.ordinal - first.ordinal >= IN_FLIGHT_MAX) return undefined;
    if (entry.isRetry && at > 0 && !this.resendsTogether) return undefined;
    entry.isInFlight = true;
    entry.isRetry = true;
    return entry.batch;
  }

  /** What the broker's `code` for a batch means. A batch that is not pending any more has nothing more to be told. */
  answered(batch: ProducerBatch, code: number): Word | undefined {
    const at = this.entries.findIndex((entry) => entry.batch === batch);
    const entry = this.entries[at];
    if (entry === undefined) return undefined;
    entry.isInFlight = false;
    if (code === ErrorCode.NONE || code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
      this.entries.splice(at, 1);
      return "acknowledged";
    }
    // Behind a batch that has to be sent again no other one can be in order.
    const isBehind = code === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && at > 0;
    return isBehind || isRetriable(code) ? "again" : "over";
  }

  /** The connection is gone: nothing that is on its way will be answered. */
  lost(): void {
    for (const entry of this.entries) entry.isInFlight = false;
  }
}
