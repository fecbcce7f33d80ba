/** Hooks for React 18 and 19, by name. */
export { usePublish } from "./use-publish.ts";
export type { Published } from "./use-publish.ts";
export { useRecords } from "./use-records.ts";
export type { Records, UseRecordsOptions } from "./use-records.ts";
export { useReplica } from "./use-replica.ts";
export type { ReplicaView, UseReplicaOptions } from "./use-replica.ts";
export { useStatus } from "./use-status.ts";
export type { Status } from "./use-status.ts";
