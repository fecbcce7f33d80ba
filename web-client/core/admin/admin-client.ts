import type { Metadata } from "../../../sync/metadata.ts";
import type { LiveConnection } from "../../../sync/live-connection.ts";
import { describeCluster } from "../../../wire/apis/describe-cluster.ts";
import type { Admin } from "../api-admin.ts";
import { alterGroupOffsets, deleteGroup, describeGroup, describeGroups, listGroups } from "./admin-groups.ts";
import { ask, refuse } from "./admin-requests.ts";
import {
  addPartitions,
  createTopic,
  deleteRecordsBefore,
  deleteTopic,
  describeTopic,
} from "./admin-topics.ts";
import { changeConfigs, configEntries } from "./config-entries.ts";

export function adminClient({ upstream, metadata }: { upstream: LiveConnection; metadata: Metadata }): Admin {
  return {
    async describeCluster({ signal } = {}) {
      const answer = await ask(upstream, describeCluster, {}, signal);
      refuse(answer, "cluster");
      const { clusterId, controllerId, brokers } = answer;
      const told = brokers.map(({ brokerId: id, host, port, rack }) => ({ id, host, port, rack }));
      return { clusterId, controllerId, brokers: told };
    },
    createTopic: (name, options = {}) => createTopic(upstream, name, options),
    describeTopic: (name, options = {}) => describeTopic(upstream, name, options),
    deleteTopic: (name, options = {}) => deleteTopic(upstream, metadata, name, options),
    addPartitions: (name, total, options = {}) => addPartitions(upstream, metadata, name, total, options),
    deleteRecords: (name, before, options = {}) => deleteRecordsBefore(upstream, name, before, options),
    describeConfigs: (resource, options = {}) => configEntries(upstream, resource, options),
    alterConfigs: (resource, changes, options = {}) => changeConfigs(upstream, resource, changes, options),
    listGroups: (options = {}) => listGroups(upstream, options),
    describeGroup: (groupId, options = {}) => describeGroup(upstream, metadata, groupId, options),
    describeGroups: (groupIds, options = {}) => describeGroups(upstream, metadata, groupIds, options),
    deleteGroup: (groupId, options = {}) => deleteGroup(upstream, groupId, options),
    alterGroupOffsets: (groupId, offsets, options = {}) =>
      alterGroupOffsets(upstream, metadata, groupId, offsets, options),
  };
}
