import { describeConfigs } from "../../wire/apis/describe-configs.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import {
  brokerConfigEntries,
  defaultBrokerConfigEntries,
  groupConfigEntries,
  topicConfigEntries,
  type ConfigEntry,
} from "./config-entries.ts";
import { checkBrokerId, ConfigResource, refuseRepeated } from "./config-resource.ts";
import type { Services } from "./context.ts";
import { failureOf } from "./failure.ts";
import { shownName, topicCalled } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** DescribeConfigs of topics, of consumer groups and of this broker: values, where they come from, and what they mean. */
export const describeConfigsApi: ServedApi = serveApi(
  describeConfigs,
  ({ resources, includeSynonyms, includeDocumentation }, { services }) => {
    const seen = new Set<string>();
    const results = resources.map(({ resourceType, resourceName, configurationKeys }) => {
      try {
        // What is told of one resource is a thousand times what asking for it takes.
        refuseRepeated(seen, `resource ${resourceType} ${shownName(resourceName)}`);
        const isAll = configurationKeys === null || configurationKeys.length === 0;
        const wanted = isAll ? undefined : new Set(configurationKeys);
        const configs = entriesOf(resourceType, resourceName, services)
          .filter(({ name }) => wanted?.has(name) ?? true)
          .map((entry) => ({
            ...entry,
            synonyms: includeSynonyms ? entry.synonyms : [],
            documentation: includeDocumentation ? entry.documentation : null,
          }));
        return {
          errorCode: ErrorCode.NONE as number,
          errorMessage: null,
          resourceType,
          resourceName,
          configs,
        };
      } catch (error) {
        return { ...failureOf(error, services), resourceType, resourceName, configs: [] };
      }
    });
    return { results };
  },
);

function entriesOf(type: number, name: string, { cluster }: Services): ConfigEntry[] {
  if (type === ConfigResource.topic)
    return topicConfigEntries(topicCalled(cluster, name).overrides, cluster.config);
  if (type === ConfigResource.group) {
    if (name === "") throw new KafkaError(ErrorCode.INVALID_REQUEST, "the group has no name; give it one");
    return groupConfigEntries(cluster.configs.ofGroup(name), cluster.config);
  }
  if (type !== ConfigResource.broker) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `resource type ${type} is not described here; ask for topics (2), brokers (4) or groups (32)`,
    );
  }
  if (name === "") return defaultBrokerConfigEntries(cluster.config);
  checkBrokerId(name, "Broker");
  if (name !== String(cluster.nodeId)) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `Unexpected broker id, expected ${cluster.nodeId} or empty string, but received ${name}`,
    );
  }
  return brokerConfigEntries(cluster.config);
}
