/** What AlterConfigs and IncrementalAlterConfigs have in common: resources, each with an answer of its own. */
import type { Cluster } from "../../log/cluster.ts";
import { allBrokerSettings, type SettingDefinition, topicSettings } from "../../log/config.ts";
import { effectiveGroupSettings, groupSettingDefinitions } from "../../log/group-settings.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { Services } from "./context.ts";
import { attempted, failureOf } from "./failure.ts";
import { refuseInternal, shownName, topicCalled } from "./partitions.ts";
import { repeatedAmong, standsTwice } from "./repeated.ts";

/** Kafka's ConfigResource.Type. */
export const ConfigResource = { topic: 2, broker: 4, group: 32 } as const;

export interface AskedResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

export interface ResourceAnswer extends AskedResource {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** Refuses what stands more than once in a request; Kafka's error for it is INVALID_REQUEST. */
export function refuseRepeated(seen: Set<string>, what: string): void {
  if (seen.has(what)) throw standsTwice(what);
  seen.add(what);
}

/** What a resource has when it is its turn to be changed. */
export interface Configured {
  /** Settings that it was given itself. */
  readonly overrides: ReadonlyMap<string, string>;
  /** What its settings come to. */
  readonly values: ReadonlyMap<string, string>;
  readonly definitions: readonly SettingDefinition[];
}

/** Settings that are to be others; null: what they are by default. */
export type Changes = ReadonlyMap<string, string | null>;

/** Has each resource changed in turn, and answers how that went. */
export async function alterEach<R extends AskedResource>(
  resources: readonly R[],
  services: Services,
  validateOnly: boolean,
  changesOf: (resource: R) => (now: Configured) => Changes,
): Promise<ResourceAnswer[]> {
  const keyOf = ({ resourceType, resourceName }: AskedResource): string => `${resourceType} ${resourceName}`;
  const repeated = repeatedAmong(resources.map(keyOf));
  const answers: ResourceAnswer[] = [];
  for (const resource of resources) {
    const { resourceType, resourceName } = resource;
    const how = await attempted(
      async () => {
        if (repeated.has(keyOf(resource)))
          throw standsTwice(`resource ${resourceType} ${shownName(resourceName)}`);
        await change(services.cluster, resource, changesOf(resource), validateOnly);
        return { errorCode: ErrorCode.NONE as number, errorMessage: null };
      },
      (error) => failureOf(error, services),
    );
    answers.push({ resourceType, resourceName, ...how });
  }
  return answers;
}

async function change(
  cluster: Cluster,
  { resourceType, resourceName }: AskedResource,
  changesOf: (now: Configured) => Changes,
  validateOnly: boolean,
): Promise<void> {
  if (resourceType === ConfigResource.topic) {
    if (resourceName === "") throw new KafkaError(ErrorCode.INVALID_REQUEST, "the topic has no name");
    refuseInternal(topicCalled(cluster, resourceName));
    return cluster.configs.changeTopic(
      resourceName,
      ({ overrides, config }) => changesOf({ overrides, values: config.values, definitions: topicSettings }),
      validateOnly,
    );
  }
  if (resourceType === ConfigResource.group) {
    if (resourceName === "")
      throw new KafkaError(ErrorCode.INVALID_REQUEST, "Default group resources are not allowed.");
    return cluster.configs.changeGroup(
      resourceName,
      (overrides) => {
        const { values } = effectiveGroupSettings(cluster.config, overrides);
        return changesOf({ overrides, values, definitions: groupSettingDefinitions });
      },
      validateOnly,
    );
  }
  if (resourceType !== ConfigResource.broker) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `resource type ${resourceType} has no settings here; topics (2), brokers (4) and groups (32) have`,
    );
  }
  if (resourceName !== "") checkBrokerId(resourceName, "Node");
  return cluster.configs.changeBroker(
    resourceName,
    (overrides) => {
      const values = new Map([...cluster.config.values, ...overrides]);
      return changesOf({ overrides, values, definitions: allBrokerSettings });
    },
    validateOnly,
  );
}

/** Throws KafkaError INVALID_REQUEST for what cannot be the name of a broker. */
export function checkBrokerId(name: string, what: "Broker" | "Node"): void {
  if (/^[+-]?\d{1,10}$/.test(name)) return;
  throw new KafkaError(
    ErrorCode.INVALID_REQUEST,
    `${what} id must be an integer, but it is: ${shownName(name)}`,
  );
}
