/** What one consumer group may be given of its own (Kafka's GROUP resource), over the node's settings and within their bounds. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import {
  type BrokerConfig,
  brokerSettings,
  checkedSetting,
  type SettingDefinition,
  settingOf,
} from "./config.ts";

export interface GroupSettingDefinition extends SettingDefinition {
  /** The broker setting that gives the default. */
  readonly brokerName: string;
  readonly leastName: string;
  readonly mostName: string;
}

/** Settings of one group, in milliseconds. */
export interface GroupSettings {
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly assignmentIntervalMs: number;
  /** Every setting's value by name. */
  readonly values: ReadonlyMap<string, string>;
}

const SESSION = "consumer.session.timeout.ms";
const HEARTBEAT = "consumer.heartbeat.interval.ms";
const ASSIGNMENT = "consumer.assignment.interval.ms";

/** Of each setting there is one of the broker, and two that bound it. */
export const groupSettingDefinitions: readonly GroupSettingDefinition[] = [
  SESSION,
  HEARTBEAT,
  ASSIGNMENT,
].map((name) => {
  const bound = (which: "min" | "max"): string => name.replace(/^consumer\./, `group.consumer.${which}.`);
  const brokerName = `group.${name}`;
  const definition = settingOf(brokerSettings, brokerName);
  return { ...definition, name, brokerName, leastName: bound("min"), mostName: bound("max") };
});

/**
 * A group's settings over the node's; null and what is not named takes the node's. Throws KafkaError INVALID_CONFIG for the first
 * one that is unknown or out of bounds.
 */
export function groupSettings(
  node: BrokerConfig,
  overrides: ReadonlyMap<string, string | null>,
): GroupSettings {
  const given = new Map<string, string>();
  for (const [name, value] of overrides) {
    settingOf(groupSettingDefinitions, name);
    if (value !== null) given.set(name, checkedSetting(groupSettingDefinitions, name, value));
  }
  const settings = settingsOver(node, given);
  for (const { name, leastName, mostName } of groupSettingDefinitions) {
    const value = Number(settings.values.get(name));
    if (value < Number(node.values.get(leastName)))
      throw invalid(`${name} must be greater than or equal to ${leastName}`);
    if (value > Number(node.values.get(mostName)))
      throw invalid(`${name} must be less than or equal to ${mostName}`);
  }
  if (settings.sessionTimeoutMs <= settings.heartbeatIntervalMs)
    throw invalid(`${SESSION} must be greater than ${HEARTBEAT}`);
  return settings;
}

/** What holds for a group: values that were taken and are out of the node's bounds by now are as near as those allow. */
export function effectiveGroupSettings(
  node: BrokerConfig,
  overrides: ReadonlyMap<string, string>,
): GroupSettings {
  const within = new Map<string, string>();
  for (const { name, leastName, mostName } of groupSettingDefinitions) {
    const value = overrides.get(name);
    if (value === undefined) continue;
    const [least, most] = [Number(node.values.get(leastName)), Number(node.values.get(mostName))];
    within.set(name, String(Math.min(Math.max(Number(value), least), most)));
  }
  return settingsOver(node, within);
}

function settingsOver(node: BrokerConfig, given: ReadonlyMap<string, string>): GroupSettings {
  const values = new Map(
    groupSettingDefinitions.map(({ name, brokerName, initial }) => [
      name,
      given.get(name) ?? node.values.get(brokerName) ?? initial,
    ]),
  );
  return {
    sessionTimeoutMs: Number(values.get(SESSION)),
    heartbeatIntervalMs: Number(values.get(HEARTBEAT)),
    assignmentIntervalMs: Number(values.get(ASSIGNMENT)),
    values,
  };
}

function invalid(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_CONFIG, message);
}
