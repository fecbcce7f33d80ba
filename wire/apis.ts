/** All APIs that have a table here, and how to find one by its key. */
import type { Api } from "./api.ts";
import { alterConfigs } from "./apis/alter-configs.ts";
import { apiVersions } from "./apis/api-versions.ts";
import { consumerGroupDescribe } from "./apis/consumer-group-describe.ts";
import { consumerGroupHeartbeat } from "./apis/consumer-group-heartbeat.ts";
import { createPartitions } from "./apis/create-partitions.ts";
import { createTopics } from "./apis/create-topics.ts";
import { deleteGroups } from "./apis/delete-groups.ts";
import { deleteRecords } from "./apis/delete-records.ts";
import { deleteTopics } from "./apis/delete-topics.ts";
import { describeCluster } from "./apis/describe-cluster.ts";
import { describeConfigs } from "./apis/describe-configs.ts";
import { describeGroups } from "./apis/describe-groups.ts";
import { describeLogDirs } from "./apis/describe-log-dirs.ts";
import { describeProducers } from "./apis/describe-producers.ts";
import { describeTopicPartitions } from "./apis/describe-topic-partitions.ts";
import { fetch } from "./apis/fetch.ts";
import { findCoordinator } from "./apis/find-coordinator.ts";
import { heartbeat } from "./apis/heartbeat.ts";
import { incrementalAlterConfigs } from "./apis/incremental-alter-configs.ts";
import { initProducerId } from "./apis/init-producer-id.ts";
import { joinGroup } from "./apis/join-group.ts";
import { leaveGroup } from "./apis/leave-group.ts";
import { listGroups } from "./apis/list-groups.ts";
import { listOffsets } from "./apis/list-offsets.ts";
import { metadata } from "./apis/metadata.ts";
import { offsetCommit } from "./apis/offset-commit.ts";
import { offsetDelete } from "./apis/offset-delete.ts";
import { offsetFetch } from "./apis/offset-fetch.ts";
import { offsetForLeaderEpoch } from "./apis/offset-for-leader-epoch.ts";
import { produce } from "./apis/produce.ts";
import { saslAuthenticate } from "./apis/sasl-authenticate.ts";
import { saslHandshake } from "./apis/sasl-handshake.ts";
import { subscribe } from "./apis/subscribe.ts";
import { syncGroup } from "./apis/sync-group.ts";
import { unsubscribe } from "./apis/unsubscribe.ts";

export const apis: readonly Api[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  deleteGroups,
  incrementalAlterConfigs,
  offsetDelete,
  describeCluster,
  describeProducers,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  describeTopicPartitions,
  subscribe,
  unsubscribe,
];

const byKey: ReadonlyMap<number, Api> = new Map(apis.map((api) => [api.key, api]));

export function apiByKey(key: number): Api | undefined {
  return byKey.get(key);
}
