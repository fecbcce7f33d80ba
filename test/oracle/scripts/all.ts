/** Every script. */
import type { ApiScripts } from "../script.ts";
import {
  apiVersionsScripts,
  describeClusterScripts,
  describeTopicPartitionsScripts,
  findCoordinatorScripts,
  metadataScripts,
} from "./cluster.ts";
import {
  alterConfigsScripts,
  describeConfigsScripts,
  describeLogDirsScripts,
  describeProducersScripts,
  incrementalAlterConfigsScripts,
  initProducerIdScripts,
} from "./configs.ts";
import { consumerGroupDescribeScripts, consumerGroupHeartbeatScripts } from "./consumer-groups.ts";
import { fetchScripts } from "./fetch.ts";
import { offsetCommitScripts, offsetDeleteScripts, offsetFetchScripts } from "./group-offsets.ts";
import { deleteGroupsScripts, describeGroupsScripts, listGroupsScripts } from "./groups.ts";
import { heartbeatScripts, joinGroupScripts, leaveGroupScripts, syncGroupScripts } from "./membership.ts";
import { listOffsetsScripts, offsetForLeaderEpochScripts } from "./offsets-in-logs.ts";
import { produceScripts } from "./produce.ts";
import {
  createPartitionsScripts,
  createTopicsScripts,
  deleteRecordsScripts,
  deleteTopicsScripts,
} from "./topics.ts";

export const allScripts: readonly ApiScripts[] = [
  apiVersionsScripts,
  metadataScripts,
  describeClusterScripts,
  describeTopicPartitionsScripts,
  findCoordinatorScripts,
  produceScripts,
  fetchScripts,
  listOffsetsScripts,
  offsetForLeaderEpochScripts,
  createTopicsScripts,
  deleteTopicsScripts,
  createPartitionsScripts,
  deleteRecordsScripts,
  describeConfigsScripts,
  alterConfigsScripts,
  incrementalAlterConfigsScripts,
  describeLogDirsScripts,
  describeProducersScripts,
  initProducerIdScripts,
  joinGroupScripts,
  syncGroupScripts,
  heartbeatScripts,
  leaveGroupScripts,
  describeGroupsScripts,
  listGroupsScripts,
  deleteGroupsScripts,
  offsetCommitScripts,
  offsetFetchScripts,
  offsetDeleteScripts,
  consumerGroupHeartbeatScripts,
  consumerGroupDescribeScripts,
];
