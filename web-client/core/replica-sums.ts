/** What partitions of a replica come to, together. */
import type { ReplicaPartition } from "./api.ts";

export function heldRecords(partitions: readonly ReplicaPartition[]): number {
  return partitions.reduce((sum, { from, to }) => sum + Number(to - from), 0);
}

export function heldBytes(partitions: readonly ReplicaPartition[]): number {
  return partitions.reduce((sum, { bytes }) => sum + bytes, 0);
}
