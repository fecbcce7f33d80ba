import {
  allBrokerSettings,
  topicSettings,
  type BrokerConfig,
  type SettingDefinition,
  type SettingType,
} from "../../log/config.ts";
import { isDynamic } from "../../log/dynamic-settings.ts";
import { groupSettingDefinitions } from "../../log/group-settings.ts";

/** Kafka's ConfigSource: where a value comes from. */
export const ConfigSource = {
  topic: 1,
  dynamicBroker: 2,
  dynamicDefaultBroker: 3,
  staticBroker: 4,
  default: 5,
  group: 8,
} as const;

/** Kafka's ConfigType. */
const CONFIG_TYPES: Readonly<Record<SettingType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
};

/** One setting as DescribeConfigs and CreateTopics tell it. */
export interface ConfigEntry {
  name: string;
  value: string;
  readOnly: boolean;
  isDefault: boolean;
  configSource: number;
  isSensitive: false;
  synonyms: Synonym[];
  configType: number;
  documentation: string;
}

/** The same setting at one level; the first that is set is what counts. */
export interface Synonym {
  name: string;
  value: string;
  source: number;
}

/** A topic's settings: its own, over the broker's, over Kafka's defaults. */
export function topicConfigEntries(
  overrides: ReadonlyMap<string, string>,
  broker: BrokerConfig,
): ConfigEntry[] {
  return topicSettings.map((setting) => {
    const { name, brokerName } = setting;
    const own = overrides.get(name);
    const synonyms = own === undefined ? [] : [{ name, value: own, source: ConfigSource.topic as number }];
    if (brokerName !== undefined) synonyms.push(...brokerSynonyms(brokerName, setting.initial, broker));
    return entry(setting, synonyms, { value: setting.initial, readOnly: false });
  });
}

/** A consumer group's settings: its own, over the broker's, over Kafka's defaults. */
export function groupConfigEntries(
  overrides: ReadonlyMap<string, string>,
  broker: BrokerConfig,
): ConfigEntry[] {
  return groupSettingDefinitions.map((setting) => {
    const { name, brokerName, initial } = setting;
    const own = overrides.get(name);
    const synonyms = own === undefined ? [] : [{ name, value: own, source: ConfigSource.group as number }];
    synonyms.push(...brokerSynonyms(brokerName, initial, broker));
    return entry(setting, synonyms, { value: initial, readOnly: false });
  });
}

/** The broker's settings: given to this node, over those given to all, over those that it was started with. */
export function brokerConfigEntries(broker: BrokerConfig): ConfigEntry[] {
  return allBrokerSettings.map((setting) =>
    entry(setting, brokerSynonyms(setting.name, setting.initial, broker), {
      value: setting.initial,
      readOnly: !isDynamic(setting.name),
    }),
  );
}

/** The settings that were given to all brokers, and only those. */
export function defaultBrokerConfigEntries({ levels }: BrokerConfig): ConfigEntry[] {
  return allBrokerSettings.flatMap((setting) => {
    const { name } = setting;
    const value = levels.cluster.get(name);
    if (value === undefined) return [];
    const source = ConfigSource.dynamicDefaultBroker;
    return [entry(setting, [{ name, value, source }], { value, readOnly: !isDynamic(name) })];
  });
}

function brokerSynonyms(name: string, initial: string, { levels }: BrokerConfig): Synonym[] {
  const given = [
    { value: levels.broker.get(name), source: ConfigSource.dynamicBroker },
    { value: levels.cluster.get(name), source: ConfigSource.dynamicDefaultBroker },
    { value: levels.fixed.get(name), source: ConfigSource.staticBroker },
    { value: initial, source: ConfigSource.default },
  ];
  return given.flatMap(({ value, source }) => (value === undefined ? [] : [{ name, value, source }]));
}

function entry(
  { name, type, doc }: SettingDefinition,
  synonyms: Synonym[],
  fallback: { value: string; readOnly: boolean },
): ConfigEntry {
  const [first] = synonyms;
  const configSource = first?.source ?? ConfigSource.default;
  return {
    name,
    value: first?.value ?? fallback.value,
    readOnly: fallback.readOnly,
    isDefault: configSource === ConfigSource.default,
    configSource,
    isSensitive: false,
    synonyms,
    configType: CONFIG_TYPES[type],
    documentation: doc,
  };
}
