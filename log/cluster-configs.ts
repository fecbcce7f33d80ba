/** Settings that were given to topics, to nodes and to consumer groups while the node ran, and how they change. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Topic } from "./cluster.ts";
import {
  type BrokerConfig,
  checkSettingNames,
  checkTogether,
  type DynamicLevels,
  topicConfig,
} from "./config.ts";
import { checkedChanges, checkTogetherWith, settingsOf, soundSettings } from "./dynamic-settings.ts";
import { groupSettings } from "./group-settings.ts";
import type { Logger } from "./logger.ts";
import { BROKER_RESOURCE, GROUP_RESOURCE, TOPIC_RESOURCE } from "./metadata-image.ts";
import type { MetadataLog } from "./metadata-log.ts";
import type { MetadataRecord } from "./metadata-record.ts";

/** By name; null takes a setting away. */
export type ConfigChanges = ReadonlyMap<string, string | null>;

export interface ClusterConfigsHost {
  /** What the node was started with. */
  readonly fixed: ReadonlyMap<string, string>;
  readonly nodeId: number;
  readonly log: Logger;
  readonly metadata: MetadataLog;
  readonly topics: ReadonlyMap<string, Topic>;
  /** Makes a change when those before it are made. */
  readonly inTurn: (change: () => Promise<void>) => Promise<void>;
  /** The topic is this one from now on. */
  readonly changed: (topic: Topic) => void;
}

/**
 * What to change is asked when it is a change's turn, so that it sees what the one before has left. A change resolves when it is
 * durable and acted upon; with `validateOnly` it is checked only.
 */
export class ClusterConfigs {
  private readonly host: ClusterConfigsHost;
  private settings: BrokerConfig;

  constructor(host: ClusterConfigsHost) {
    this.host = host;
    this.settings = this.currentSettings();
  }

  /** The node's settings as they are now. */
  get node(): BrokerConfig {
    return this.settings;
  }

  /** Settings that were given to a node while it ran, or with no name to all nodes. */
  ofBroker(node: string): ReadonlyMap<string, string> {
    return this.host.metadata.image.brokerOverrides(node);
  }

  /** The settings that a consumer group was given itself. */
  ofGroup(groupId: string): ReadonlyMap<string, string> {
    return this.host.metadata.image.groupOverrides(groupId);
  }

  /** Changes settings that a topic was given itself. Throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, INVALID_CONFIG. */
  changeTopic(name: string, changesOf: (topic: Topic) => ConfigChanges, validateOnly = false): Promise<void> {
    const { metadata, topics, inTurn, changed } = this.host;
    return inTurn(async () => {
      const topic = topics.get(name);
      if (topic === undefined)
        throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic "${name}"`);
      const changes = changesOf(topic);
      checkSettingNames(changes.keys());
      const wanted = new Map(topic.overrides);
      for (const [setting, value] of changes) {
        if (value === null) wanted.delete(setting);
        else wanted.set(setting, value);
      }
      const checked = topicConfig(this.node, wanted);
      checkTogether(checked);
      const records = configRecords(TOPIC_RESOURCE, name, changedValues(changes, checked.values));
      if (validateOnly || records.length === 0) return;
      await metadata.write(records);
      const overrides = metadata.image.overrides(name);
      const config = topicConfig(this.node, overrides);
      for (const partition of topic.partitions) partition.configure(config);
      changed({ ...topic, config, overrides });
    });
  }

  /**
   * Changes settings that were given to this node, or with no name to all nodes; topics that have none of their own follow at
   * once. Throws KafkaError INVALID_CONFIG for a setting that is not known, INVALID_REQUEST for another node, for one that
   * cannot change while the node runs, and for a value that it cannot have.
   */
  changeBroker(
    node: string,
    changesOf: (overrides: ReadonlyMap<string, string>) => ConfigChanges,
    validateOnly = false,
  ): Promise<void> {
    const { fixed, metadata, nodeId, topics, inTurn, changed } = this.host;
    return inTurn(async () => {
      if (node !== "" && node !== String(nodeId)) {
        throw new KafkaError(
          ErrorCode.INVALID_REQUEST,
          `Unexpected broker id, expected ${nodeId}, but received ${node}`,
        );
      }
      const checked = checkedChanges(changesOf(this.ofBroker(node)));
      const records = configRecords(BROKER_RESOURCE, node, checked);
      checkTogetherWith(fixed, this.levelsWith(node, checked), checked);
      if (validateOnly || records.length === 0) return;
      await metadata.write(records);
      this.settings = this.currentSettings();
      for (const topic of topics.values()) {
        const config = topicConfig(this.settings, topic.overrides);
        for (const partition of topic.partitions) partition.configure(config);
        changed({ ...topic, config });
      }
    });
  }

  /** Changes settings that a consumer group was given itself; the group need not be there. Throws KafkaError INVALID_CONFIG. */
  changeGroup(
    groupId: string,
    changesOf: (overrides: ReadonlyMap<string, string>) => ConfigChanges,
    validateOnly = false,
  ): Promise<void> {
    const { metadata, inTurn } = this.host;
    return inTurn(async () => {
      const before = this.ofGroup(groupId);
      const changes = changesOf(before);
      const wanted = new Map<string, string | null>([...before, ...changes]);
      const { values } = groupSettings(this.node, wanted);
      const records = configRecords(GROUP_RESOURCE, groupId, changedValues(changes, values));
      if (!validateOnly && records.length > 0) await metadata.write(records);
    });
  }

  private currentSettings(): BrokerConfig {
    return settingsOf(this.host.fixed, this.levelsWith("", new Map()), this.host.log);
  }

  /** What was given to the node while it ran, with changes to one level of it. */
  private levelsWith(changed: string, changes: ConfigChanges): DynamicLevels {
    const level = (node: string): ReadonlyMap<string, string> => {
      const values = soundSettings(this.ofBroker(node), this.host.log);
      for (const [name, value] of node === changed ? changes : []) {
        if (value === null) values.delete(name);
        else values.set(name, value);
      }
      return values;
    };
    return { broker: level(String(this.host.nodeId)), cluster: level("") };
  }
}

/** What the metadata log is told. */
export function configRecords(
  resourceType: number,
  resourceName: string,
  values: ConfigChanges,
): MetadataRecord[] {
  return [...values].map(([name, value]) => ({
    type: "ConfigRecord",
    resourceType,
    resourceName,
    name,
    value,
  }));
}

/** What is written of changes: values as they are written canonically. */
function changedValues(
  changes: ConfigChanges,
  values: ReadonlyMap<string, string>,
): Map<string, string | null> {
  return new Map(
    [...changes].map(([name, value]) => [name, value === null ? null : (values.get(name) ?? "")]),
  );
}
