/** Settings of topics, brokers and groups: read with where they come from, and changed one by one. */
import type { LiveConnection } from "../../../sync/live-connection.ts";
import { describeConfigs } from "../../../wire/apis/describe-configs.ts";
import { incrementalAlterConfigs } from "../../../wire/apis/incremental-alter-configs.ts";
import type { ResponseOf } from "../../../wire/api.ts";
import type {
  AdminChangeOptions,
  AdminOptions,
  ConfigChanges,
  ConfigEntry,
  ConfigResource,
  ConfigSource,
} from "../api-admin.ts";
import { ask, refuse } from "./admin-requests.ts";

type Described = ResponseOf<typeof describeConfigs>["results"][number]["configs"][number];

/** Kafka's ConfigSource, by its number from 1 on. */
const SOURCES: readonly (ConfigSource | undefined)[] = [
  undefined,
  "topic",
  "broker",
  "all brokers",
  "static",
  "default",
  undefined,
  undefined,
  "group",
];

/** Kafka's ConfigType, by its number from 1 on. */
const TYPES: readonly (ConfigEntry["type"] | undefined)[] = [
  undefined,
  "boolean",
  "string",
  "int",
  "short",
  "long",
  "double",
  "list",
  "class",
  "password",
];

/** Kafka's ConfigResource.Type. */
const ResourceType = { topic: 2, broker: 4, group: 32 } as const;

/** Kafka's AlterConfigOp.OpType. */
const Operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export async function configEntries(
  upstream: LiveConnection,
  resource: ConfigResource,
  { signal }: AdminOptions,
): Promise<ConfigEntry[]> {
  const named = nameOf(resource);
  const { results } = await ask(
    upstream,
    describeConfigs,
    {
      resources: [{ ...named, configurationKeys: null }],
      includeSynonyms: true,
      includeDocumentation: true,
    },
    signal,
  );
  refuse(results[0], `settings of ${shown(resource)}`);
  const own = ownSourceOf(resource);
  return (results[0]?.configs ?? [])
    .map((entry) => entryOf(entry, own))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export async function changeConfigs(
  upstream: LiveConnection,
  resource: ConfigResource,
  changes: ConfigChanges,
  { signal, validateOnly = false }: AdminChangeOptions,
): Promise<void> {
  const configs = Object.entries(changes).map(([name, change]) => ({ name, ...operationOf(change) }));
  const { responses } = await ask(
    upstream,
    incrementalAlterConfigs,
    { resources: [{ ...nameOf(resource), configs }], validateOnly },
    signal,
  );
  refuse(responses[0], `settings of ${shown(resource)}`);
}

function nameOf(resource: ConfigResource): { resourceType: number; resourceName: string } {
  if ("topic" in resource) return { resourceType: ResourceType.topic, resourceName: resource.topic };
  if ("group" in resource) return { resourceType: ResourceType.group, resourceName: resource.group };
  // Kafka's name for the values that all brokers have is none at all.
  const resourceName = resource.broker === "all" ? "" : String(resource.broker);
  return { resourceType: ResourceType.broker, resourceName };
}

function shown(resource: ConfigResource): string {
  if ("topic" in resource) return `topic ${resource.topic}`;
  if ("group" in resource) return `group ${resource.group}`;
  return resource.broker === "all" ? "all brokers" : `broker ${resource.broker}`;
}

function operationOf(change: ConfigChanges[string]): { configOperation: number; value: string | null } {
  if (change === null || change === undefined) return { configOperation: Operation.delete, value: null };
  if (typeof change !== "object") return { configOperation: Operation.set, value: String(change) };
  return "append" in change
    ? { configOperation: Operation.append, value: change.append }
    : { configOperation: Operation.subtract, value: change.subtract };
}

function sourceOf(number: number): ConfigSource {
  return SOURCES[number] ?? "other";
}

/** Where the values come from that a resource was given itself. */
function ownSourceOf(resource: ConfigResource): ConfigSource {
  if ("topic" in resource) return "topic";
  if ("group" in resource) return "group";
  return resource.broker === "all" ? "all brokers" : "broker";
}

function entryOf(entry: Described, own: ConfigSource): ConfigEntry {
  const { name, value, readOnly, isSensitive: sensitive, documentation } = entry;
  const source = sourceOf(entry.configSource);
  const synonyms = entry.synonyms.map((each) => ({ ...each, source: sourceOf(each.source) }));
  return {
    name,
    value,
    source,
    synonyms,
    inherited: source === own ? synonyms.find((each) => each.source !== own)?.value : value,
    type: TYPES[entry.configType] ?? "other",
    readOnly,
    sensitive,
    documentation: documentation === null || documentation === "" ? undefined : documentation,
  };
}
