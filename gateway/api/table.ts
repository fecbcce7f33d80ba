import { alterConfigsApi } from "./alter-configs.ts";
import { apiVersionsApi, apiVersionsFallback } from "./api-versions.ts";
import { consumerGroupDescribeApi } from "./consumer-group-describe.ts";
import { consumerGroupHeartbeatApi } from "./consumer-group-heartbeat.ts";
import { createPartitionsApi } from "./create-partitions.ts";
import { createTopicsApi } from "./create-topics.ts";
import { deleteGroupsApi } from "./delete-groups.ts";
import { deleteRecordsApi } from "./delete-records.ts";
import { deleteTopicsApi } from "./delete-topics.ts";
import { describeClusterApi } from "./describe-cluster.ts";
import { describeConfigsApi } from "./describe-configs.ts";
import { describeGroupsApi } from "./describe-groups.ts";
import { describeLogDirsApi } from "./describe-log-dirs.ts";
import { describeProducersApi } from "./describe-producers.ts";
import { describeTopicPartitionsApi } from "./describe-topic-partitions.ts";
import { fetchApi } from "./fetch.ts";
import { findCoordinatorApi } from "./find-coordinator.ts";
import { heartbeatApi } from "./heartbeat.ts";
import { incrementalAlterConfigsApi } from "./incremental-alter-configs.ts";
import { initProducerIdApi } from "./init-producer-id.ts";
import { joinGroupApi } from "./join-group.ts";
import { leaveGroupApi } from "./leave-group.ts";
import { listGroupsApi } from "./list-groups.ts";
import { listOffsetsApi } from "./list-offsets.ts";
import { metadataApi } from "./metadata.ts";
import { offsetCommitApi } from "./offset-commit.ts";
import { offsetDeleteApi } from "./offset-delete.ts";
import { offsetFetchApi } from "./offset-fetch.ts";
import { offsetForLeaderEpochApi } from "./offset-for-leader-epoch.ts";
import { produceApi } from "./produce.ts";
import { saslAuthenticateApi } from "./sasl-authenticate.ts";
import { saslHandshakeApi } from "./sasl-handshake.ts";
import type { RequestHeader, ServedApi } from "./served-api.ts";
import { subscribeApi, unsubscribeApi } from "./subscribe.ts";
import { syncGroupApi } from "./sync-group.ts";

/** What both listeners serve. */
const KAFKA: readonly ServedApi[] = [
  produceApi,
  fetchApi,
  listOffsetsApi,
  metadataApi,
  findCoordinatorApi,
  joinGroupApi,
  syncGroupApi,
  heartbeatApi,
  leaveGroupApi,
  offsetCommitApi,
  offsetFetchApi,
  offsetDeleteApi,
  describeGroupsApi,
  listGroupsApi,
  deleteGroupsApi,
  consumerGroupHeartbeatApi,
  consumerGroupDescribeApi,
  createTopicsApi,
  deleteTopicsApi,
  deleteRecordsApi,
  initProducerIdApi,
  offsetForLeaderEpochApi,
  describeConfigsApi,
  alterConfigsApi,
  incrementalAlterConfigsApi,
  createPartitionsApi,
  describeClusterApi,
  describeLogDirsApi,
  describeProducersApi,
  describeTopicPartitionsApi,
];

/** What the WebSocket listener serves besides. */
const PUSH: readonly ServedApi[] = [subscribeApi, unsubscribeApi];

/** What is served besides where people have to sign in: by this clients know it. */
const SIGN_IN: readonly ServedApi[] = [saslHandshakeApi, saslAuthenticateApi];

/** The APIs of one listener. What stands in it is what ApiVersions names, and nothing else is answered. */
export class ApiTable {
  private readonly byKey: ReadonlyMap<number, ServedApi>;
  private readonly versions: ServedApi;
  private readonly versionsFallback: ServedApi;

  constructor({ push, signIn = false }: { push: boolean; signIn?: boolean }) {
    this.versions = apiVersionsApi(() => this.byKey.values());
    this.versionsFallback = apiVersionsFallback(this.versions);
    const more = [...(push ? PUSH : []), ...(signIn ? SIGN_IN : [])];
    const served = [...KAFKA, this.versions, ...more].toSorted((a, b) => a.key - b.key);
    this.byKey = new Map(served.map((api) => [api.key, api]));
  }

  /** What answers a request; undefined when its API or its version is not served. */
  find({ apiKey, apiVersion }: Pick<RequestHeader, "apiKey" | "apiVersion">): ServedApi | undefined {
    const api = this.byKey.get(apiKey);
    if (api === undefined) return undefined;
    if (apiVersion >= api.minVersion && apiVersion <= api.maxVersion) return api;
    return api === this.versions ? this.versionsFallback : undefined;
  }
}
