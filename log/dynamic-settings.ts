/** Which settings of the broker can be changed while it runs, and how (Kafka's dynamic broker configs, KIP-226). */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import {
  allBrokerSettings,
  type BrokerConfig,
  brokerConfig,
  checkedSetting,
  COMPACTION_LAGS,
  type DynamicLevels,
  settingOf,
  topicSettings,
} from "./config.ts";
import type { Logger } from "./logger.ts";

/** As in Kafka: the defaults of topics, and a few of the node's own. All others are read once, when it starts. */
const DYNAMIC: ReadonlySet<string> = new Set([
  ...topicSettings.flatMap(({ brokerName }) => brokerName ?? []),
  "producer.id.expiration.ms",
]);

export function isDynamic(name: string): boolean {
  return DYNAMIC.has(name);
}

/**
 * Changes as they are written, null taking a setting away. Throws KafkaError: INVALID_CONFIG for a setting that is not
 * known, INVALID_REQUEST, as Kafka does, for one that is read-only and for a value that it cannot have.
 */
export function checkedChanges(changes: ReadonlyMap<string, string | null>): Map<string, string | null> {
  for (const name of changes.keys()) settingOf(allBrokerSettings, name);
  const fixed = Array.from(changes.keys()).filter((name) => !isDynamic(name));
  if (fixed.length > 0) {
    throw refused(
      `Cannot update these configs dynamically: [${fixed.join(", ")}]. They are given when the node starts (--config)`,
    );
  }
  return new Map(
    Array.from(changes, ([name, value]) => [name, value === null ? null : checkedValue(name, value)]),
  );
}

/** Of what was stored once, what can still be had; the rest is logged and ignored, as in Kafka. */
export function soundSettings(stored: ReadonlyMap<string, string>, log: Logger): Map<string, string> {
  const sound = new Map<string, string>();
  for (const [name, value] of stored) {
    try {
      for (const [, checked] of checkedChanges(new Map([[name, value]]))) sound.set(name, checked ?? value);
    } catch (error) {
      log.error(`a setting that was given to the broker is ignored: ${String(error)}`);
    }
  }
  return sound;
}

/** Throws KafkaError INVALID_REQUEST for changes that are sound each, and make settings that cannot be had together. */
export function checkTogetherWith(
  fixed: ReadonlyMap<string, string>,
  dynamic: DynamicLevels,
  changes: ReadonlyMap<string, string | null>,
): void {
  if (!COMPACTION_LAGS.some((name) => changes.has(name))) return;
  try {
    brokerConfig(fixed, dynamic);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error));
  }
}

/**
 * The node's settings. What it was started with may have become another since the rest was given to it: what cannot be had
 * together is logged and ignored then, and no more than that.
 */
export function settingsOf(
  fixed: ReadonlyMap<string, string>,
  dynamic: DynamicLevels,
  log: Logger,
): BrokerConfig {
  try {
    return brokerConfig(fixed, dynamic);
  } catch (error) {
    const without = (level: ReadonlyMap<string, string>): Map<string, string> =>
      new Map([...level].filter(([name]) => !COMPACTION_LAGS.some((each) => each === name)));
    const rest = { broker: without(dynamic.broker), cluster: without(dynamic.cluster) };
    const settings = brokerConfig(fixed, rest);
    log.error(`settings that were given to the broker are ignored: ${String(error)}`);
    return settings;
  }
}

function checkedValue(name: string, value: string): string {
  try {
    return checkedSetting(allBrokerSettings, name, value);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error));
  }
}

function refused(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_REQUEST, message);
}
