/** What an answer to Produce means for the batch that was sent. */
import { ErrorCode, isRetriable } from "../wire/errors.ts";

/**
 * `delivered`: it stands in the log. `again`: the same bits may succeed later, and may already be in the log. `look back`:
 * the log itself has to tell. `changed`: the topic is not what it was. `record refused`: something in the batch is refused
 * for good, other records may pass. `topic refused`: nothing for this topic passes.
 */
export type Outcome = "delivered" | "again" | "look back" | "changed" | "record refused" | "topic refused";

const OUTCOMES: ReadonlyMap<number, Outcome> = new Map<number, Outcome>([
  [ErrorCode.NONE, "delivered"],
  [ErrorCode.DUPLICATE_SEQUENCE_NUMBER, "delivered"],
  [ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, "look back"],
  [ErrorCode.UNKNOWN_PRODUCER_ID, "look back"],
  [ErrorCode.INVALID_PRODUCER_EPOCH, "look back"],
  [ErrorCode.PRODUCER_FENCED, "look back"],
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "changed"],
  [ErrorCode.UNKNOWN_TOPIC_ID, "changed"],
  [ErrorCode.INCONSISTENT_TOPIC_ID, "changed"],
  [ErrorCode.UNKNOWN_SERVER_ERROR, "again"],
  [ErrorCode.TOPIC_AUTHORIZATION_FAILED, "topic refused"],
  [ErrorCode.CLUSTER_AUTHORIZATION_FAILED, "topic refused"],
  [ErrorCode.INVALID_TOPIC_EXCEPTION, "topic refused"],
  [ErrorCode.POLICY_VIOLATION, "topic refused"],
]);

/** Retriable by Kafka's table, or by ours, but if it comes this often in a row the batch itself is at fault. */
export const SUSPECT_AFTER: ReadonlyMap<number, number> = new Map<number, number>([
  [ErrorCode.CORRUPT_MESSAGE, 3],
  [ErrorCode.UNKNOWN_SERVER_ERROR, 5],
]);

export function outcomeOf(code: number): Outcome {
  return OUTCOMES.get(code) ?? (isRetriable(code) ? "again" : "record refused");
}

/** Whether the answer says for certain that this send put nothing into the log. */
export function isCertainlyNotAppended(code: number): boolean {
  const outcome = outcomeOf(code);
  return outcome !== "delivered" && outcome !== "again";
}
