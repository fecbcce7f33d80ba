import { ErrorCode, KafkaError } from "../../wire/errors.ts";

/** Which brokers a client wants a partition to be on. */
export interface Assignment {
  readonly brokerIds: readonly number[];
}

/** Throws KafkaError INVALID_REPLICA_ASSIGNMENT unless each partition is given to this node, which is the only one, and to it alone. */
export function checkAssignments(assignments: readonly Assignment[], nodeId: number): void {
  for (const { brokerIds } of assignments) {
    if (brokerIds.length === 1 && brokerIds[0] === nodeId) continue;
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `broker ${nodeId} is the only one: a partition can be assigned to [${nodeId}], or left to the broker`,
    );
  }
}
