import {
  allBrokerSettings,
  topicSettings,
  type BrokerConfig,
  type SettingDefinition,
  type SettingType,
} from "../../log/config.ts";

/** Kafka's ConfigSource: where a value comes from. */
export const ConfigSource = { topic: 1, staticBroker: 4, default: 5 } as const;

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

/** The broker's settings. They are set when it starts and cannot be changed while it runs. */
export function brokerConfigEntries(broker: BrokerConfig): ConfigEntry[] {
  return allBrokerSettings.map((setting) =>
    entry(setting, brokerSynonyms(setting.name, setting.initial, broker), {
      value: setting.initial,
      readOnly: true,
    }),
  );
}

function brokerSynonyms(name: string, initial: string, { values, given }: BrokerConfig): Synonym[] {
  const byDefault = { name, value: initial, source: ConfigSource.default };
  if (!given.has(name)) return [byDefault];
  return [{ name, value: values.get(name) ?? initial, source: ConfigSource.staticBroker }, byDefault];
}

function entry(
  { name, type, doc, effect }: SettingDefinition,
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
    documentation: effect === "enforced" ? doc : `${doc} Stored, and not acted upon yet.`,
  };
}
