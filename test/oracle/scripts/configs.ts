import { alterConfigs } from "../../../wire/apis/alter-configs.ts";
import { describeConfigs } from "../../../wire/apis/describe-configs.ts";
import { describeLogDirs } from "../../../wire/apis/describe-log-dirs.ts";
import { describeProducers } from "../../../wire/apis/describe-producers.ts";
import { incrementalAlterConfigs } from "../../../wire/apis/incremental-alter-configs.ts";
import { initProducerId } from "../../../wire/apis/init-producer-id.ts";
import { produce } from "../../../wire/apis/produce.ts";
import type { ApiScripts, Talk } from "../script.ts";
import { batchOf } from "./batches.ts";
import { producing } from "./produce.ts";

const TOPIC = 2;
const BROKER = 4;
const BROKER_LOGGER = 8;
const CLIENT_METRICS = 16;
const GROUP = 32;

interface Describing {
  readonly includeSynonyms?: boolean;
  readonly includeDocumentation?: boolean;
}

function describing(
  resourceType: number,
  resourceName: string,
  keys: readonly string[] | null,
  options: Describing = {},
) {
  return { resources: [{ resourceType, resourceName, configurationKeys: keys }], ...options };
}

/** Broker settings that do not depend on where a broker runs. */
const BROKER_KEYS = [
  "num.partitions",
  "auto.create.topics.enable",
  "delete.topic.enable",
  "default.replication.factor",
  "message.max.bytes",
  "log.retention.ms",
  "log.cleanup.policy",
  "log.segment.bytes",
  "compression.type",
  "min.insync.replicas",
  "offset.metadata.max.bytes",
  "offsets.topic.num.partitions",
  "group.initial.rebalance.delay.ms",
  "group.max.size",
  "no.such.config",
];

export const describeConfigsScripts: ApiScripts = {
  api: describeConfigs,
  scripts: [
    {
      name: "of a topic",
      async run(talk) {
        const { name } = await talk.topic("topic", {
          configs: { "retention.ms": "1000", "cleanup.policy": "compact" },
        });
        await talk.ask("all", describeConfigs, describing(TOPIC, name, null));
        await talk.ask(
          "with synonyms",
          describeConfigs,
          describing(TOPIC, name, null, { includeSynonyms: true }),
        );
        await talk.ask(
          "with documentation",
          describeConfigs,
          describing(TOPIC, name, ["retention.ms"], { includeDocumentation: true }),
        );
        await talk.ask(
          "some",
          describeConfigs,
          describing(TOPIC, name, ["retention.ms", "segment.bytes", "no.such.config"]),
        );
        await talk.ask(
          "the same twice",
          describeConfigs,
          describing(TOPIC, name, ["retention.ms", "retention.ms"]),
        );
        await talk.ask("none", describeConfigs, describing(TOPIC, name, []));
        const [resource] = describing(TOPIC, name, ["retention.ms"]).resources;
        if (resource !== undefined)
          await talk.ask("of the same twice", describeConfigs, { resources: [resource, resource] });
        await talk.ask("of nothing", describeConfigs, { resources: [] });
      },
    },
    {
      name: "of what is not there",
      async run(talk) {
        await talk.ask("a topic", describeConfigs, describing(TOPIC, talk.name("unknown"), null));
        await talk.ask("a topic whose name cannot be", describeConfigs, describing(TOPIC, "no/topic", null));
        await talk.ask("a topic without a name", describeConfigs, describing(TOPIC, "", null));
        await talk.ask("a broker", describeConfigs, describing(BROKER, "7", null));
        await talk.ask("a broker whose name is no number", describeConfigs, describing(BROKER, "one", null));
        for (const type of [0, 1, 3, BROKER_LOGGER, CLIENT_METRICS, 99, -1])
          await talk.ask(`type ${type}`, describeConfigs, describing(type, "name", []));
      },
    },
    {
      name: "of a broker",
      async run(talk) {
        await talk.ask(
          "this one",
          describeConfigs,
          describing(BROKER, "1", BROKER_KEYS, { includeSynonyms: true }),
        );
        await talk.ask("the default of all", describeConfigs, describing(BROKER, "", ["num.partitions"]));
      },
    },
    {
      name: "of a group",
      async run(talk) {
        await talk.ask(
          "any",
          describeConfigs,
          describing(GROUP, talk.name("group"), null, { includeSynonyms: true }),
        );
      },
    },
  ],
};

const config = (name: string, value: string | null) => ({ name, value });
type Setting = ReturnType<typeof config>;

/** The topic's own settings, once the last of a change has come to the broker. */
async function seeSettings(
  talk: Talk,
  topic: string,
  keys: readonly string[],
  step: string,
  last: readonly [string, string],
): Promise<void> {
  const asked = describing(TOPIC, topic, [...keys, last[0]]);
  await talk.until(describeConfigs, 4, asked, ({ results: [result] }) =>
    (result?.configs ?? []).some(({ name, value }) => name === last[0] && value === last[1]),
  );
  await talk.see(step, describeConfigs, 4, describing(TOPIC, topic, keys));
}

/** Changes that are one topic's: what each is answered, and what is set in the end. */
const KEYS = ["retention.ms", "cleanup.policy", "max.message.bytes", "compression.type"];

export const alterConfigsScripts: ApiScripts = {
  api: alterConfigs,
  scripts: [
    {
      name: "of a topic",
      async run(talk) {
        const { name } = await talk.topic("topic", {
          configs: { "retention.ms": "1000", "max.message.bytes": "5000" },
        });
        const altering = (configs: readonly Setting[], validateOnly = false) => ({
          resources: [{ resourceType: TOPIC, resourceName: name, configs }],
          validateOnly,
        });
        await talk.ask(
          "one, only to be validated",
          alterConfigs,
          altering([config("retention.ms", "1")], true),
        );
        await talk.ask("one, and the others go", alterConfigs, altering([config("retention.ms", "2000")]));
        await seeSettings(talk, name, KEYS, "what is set then", ["retention.ms", "2000"]);
        await talk.ask("unknown", alterConfigs, altering([config("no.such.config", "1")]));
        await talk.ask("not a number", alterConfigs, altering([config("retention.ms", "many")]));
        await talk.ask("out of bounds", alterConfigs, altering([config("retention.ms", "-2")]));
        await talk.ask("null", alterConfigs, altering([config("retention.ms", null)]));
        await talk.ask(
          "the same twice",
          alterConfigs,
          altering([config("retention.ms", "1"), config("retention.ms", "2")]),
        );
        await talk.ask("none", alterConfigs, altering([]));
        await talk.ask("a last one", alterConfigs, altering([config("segment.ms", "4711")]));
        await seeSettings(talk, name, KEYS, "what is set in the end", ["segment.ms", "4711"]);
        // The same topic twice is not asked for: Kafka never answers that.
      },
    },
    {
      name: "of what is not there",
      async run(talk) {
        const altering = (
          resourceType: number,
          resourceName: string,
          configs = [config("retention.ms", "1")],
        ) => ({
          resources: [{ resourceType, resourceName, configs }],
          validateOnly: false,
        });
        await talk.ask("an unknown topic", alterConfigs, altering(TOPIC, talk.name("unknown")));
        await talk.ask("a topic whose name cannot be", alterConfigs, altering(TOPIC, "no/topic"));
        await talk.ask("a topic without a name", alterConfigs, altering(TOPIC, ""));
        await talk.ask("an unknown broker", alterConfigs, altering(BROKER, "7", []));
        await talk.ask("a broker whose name is no number", alterConfigs, altering(BROKER, "one", []));
        await talk.ask(
          "what a broker cannot change",
          alterConfigs,
          altering(BROKER, "1", [config("broker.id", "3")]),
        );
        for (const type of [0, 1, 99]) await talk.ask(`type ${type}`, alterConfigs, altering(type, "name"));
      },
    },
  ],
};

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;
const change = (name: string, configOperation: number, value: string | null) => ({
  name,
  configOperation,
  value,
});
type Change = ReturnType<typeof change>;

export const incrementalAlterConfigsScripts: ApiScripts = {
  api: incrementalAlterConfigs,
  scripts: [
    {
      name: "of a topic",
      async run(talk) {
        const { name } = await talk.topic("topic", {
          configs: { "retention.ms": "1000", "max.message.bytes": "5000" },
        });
        const altering = (configs: readonly Change[], validateOnly = false) => ({
          resources: [{ resourceType: TOPIC, resourceName: name, configs }],
          validateOnly,
        });
        const ask = (step: string, ...changes: readonly Change[]) =>
          talk.ask(step, incrementalAlterConfigs, altering(changes));
        await talk.ask(
          "only to be validated",
          incrementalAlterConfigs,
          altering([change("retention.ms", SET, "1")], true),
        );
        await ask("set", change("retention.ms", SET, "2000"));
        await ask("delete", change("max.message.bytes", DELETE, null));
        await ask("delete what is not set", change("segment.bytes", DELETE, null));
        await ask("delete, with a value", change("max.message.bytes", DELETE, "7"));
        await ask("append", change("cleanup.policy", APPEND, "compact"));
        await ask("append again", change("cleanup.policy", APPEND, "compact"));
        await seeSettings(talk, name, KEYS, "what is set then", ["cleanup.policy", "delete,compact"]);
        await ask("subtract", change("cleanup.policy", SUBTRACT, "delete"));
        await ask("subtract what is not there", change("cleanup.policy", SUBTRACT, "delete"));
        await ask("append to what is no list", change("retention.ms", APPEND, "1"));
        await ask("subtract from what is no list", change("retention.ms", SUBTRACT, "1"));
        await ask("set to null", change("retention.ms", SET, null));
        await ask("append null", change("cleanup.policy", APPEND, null));
        await ask("an operation that is none", change("retention.ms", 9, "1"));
        await ask("unknown", change("no.such.config", SET, "1"));
        await ask("delete what is unknown", change("no.such.config", DELETE, null));
        await ask("not a number", change("retention.ms", SET, "many"));
        await ask("not one of those there are", change("cleanup.policy", APPEND, "keep"));
        await ask(
          "a good one and a bad one",
          change("retention.ms", SET, "9"),
          change("compression.type", SET, "none"),
        );
        await ask("the same twice", change("retention.ms", SET, "1"), change("retention.ms", SET, "2"));
        await ask("none");
        await ask("a last one", change("segment.ms", SET, "4711"));
        await seeSettings(talk, name, KEYS, "what is set in the end", ["segment.ms", "4711"]);
        const { resources } = altering([change("retention.ms", SET, "3000")]);
        await talk.ask("of the same topic twice", incrementalAlterConfigs, {
          resources: [...resources, ...resources],
          validateOnly: false,
        });
        await talk.ask("of nothing", incrementalAlterConfigs, { resources: [], validateOnly: false });
      },
    },
    {
      name: "of what is not there",
      async run(talk) {
        const altering = (
          resourceType: number,
          resourceName: string,
          configs = [change("retention.ms", SET, "1")],
        ) => ({
          resources: [{ resourceType, resourceName, configs }],
          validateOnly: false,
        });
        await talk.ask("an unknown topic", incrementalAlterConfigs, altering(TOPIC, talk.name("unknown")));
        await talk.ask("a topic whose name cannot be", incrementalAlterConfigs, altering(TOPIC, "no/topic"));
        await talk.ask("a topic without a name", incrementalAlterConfigs, altering(TOPIC, ""));
        await talk.ask("an unknown broker", incrementalAlterConfigs, altering(BROKER, "7", []));
        await talk.ask(
          "a broker whose name is no number",
          incrementalAlterConfigs,
          altering(BROKER, "one", []),
        );
        await talk.ask(
          "what a broker cannot change",
          incrementalAlterConfigs,
          altering(BROKER, "1", [change("broker.id", SET, "3")]),
        );
        for (const type of [0, 1, 99])
          await talk.ask(`type ${type}`, incrementalAlterConfigs, altering(type, "name"));
      },
    },
  ],
};

export const describeLogDirsScripts: ApiScripts = {
  api: describeLogDirs,
  scripts: [
    {
      name: "of topics",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        await talk.request(produce, 9, producing(topic, [[0, batchOf(["a", "b", "c"])]]));
        const ask = async (
          step: string,
          topics: readonly { topic: string; partitions: readonly number[] }[] | null,
        ) => {
          const answer = await talk.request(describeLogDirs, talk.version, { topics });
          // Paths and space are each one's own.
          const results = answer.results.map(({ logDir, totalBytes, usableBytes, ...rest }) => ({
            ...rest,
            logDir: logDir === "" ? "" : "a path",
            totalBytes: totalBytes > 0n ? "some" : `${totalBytes}`,
            usableBytes: usableBytes > 0n ? "some" : `${usableBytes}`,
            topics: topics === null ? "all" : rest.topics,
          }));
          talk.noteAnswer(step, { ...answer, results });
        };
        await ask("one", [{ topic: topic.name, partitions: [0] }]);
        await ask("both partitions", [{ topic: topic.name, partitions: [1, 0] }]);
        await ask("an unknown partition", [{ topic: topic.name, partitions: [0, 9] }]);
        await ask("an unknown topic", [{ topic: talk.name("unknown"), partitions: [0] }]);
        await ask("the same twice", [{ topic: topic.name, partitions: [0, 0] }]);
        await ask("no partitions", [{ topic: topic.name, partitions: [] }]);
        await ask("nothing", []);
        await ask("everything", null);
      },
    },
  ],
};

export const describeProducersScripts: ApiScripts = {
  api: describeProducers,
  scripts: [
    {
      name: "of partitions",
      async run(talk) {
        const topic = await talk.topic("topic", { partitions: 2 });
        const batch = (producerId: bigint, baseSequence: number): Uint8Array =>
          batchOf(["a", "b"], { producerId, producerEpoch: 3, baseSequence });
        await talk.request(produce, 9, producing(topic, [[0, batch(7_000_000n, 0)]]));
        await talk.request(produce, 9, producing(topic, [[0, batch(7_000_000n, 2)]]));
        await talk.request(produce, 9, producing(topic, [[0, batch(8_000_000n, 0)]]));
        const asking = (name: string, ...partitionIndexes: readonly number[]) => ({
          topics: [{ name, partitionIndexes }],
        });
        await talk.ask("with producers", describeProducers, asking(topic.name, 0));
        await talk.ask("without", describeProducers, asking(topic.name, 1));
        await talk.ask("both", describeProducers, asking(topic.name, 0, 1));
        await talk.ask("the same twice", describeProducers, asking(topic.name, 1, 1));
        await talk.ask("unknown partitions", describeProducers, asking(topic.name, 2, -1));
        await talk.ask("an unknown topic", describeProducers, asking(talk.name("unknown"), 0));
        await talk.ask("a name that cannot be", describeProducers, asking("no/topic", 0));
        await talk.ask("no partitions", describeProducers, asking(topic.name));
        await talk.ask("no topics", describeProducers, { topics: [] });
      },
    },
  ],
};

export const initProducerIdScripts: ApiScripts = {
  api: initProducerId,
  scripts: [
    {
      name: "without a transactional id",
      async run(talk) {
        const asked = { transactionalId: null, transactionTimeoutMs: 60_000 };
        const first = await talk.ask("a first one", initProducerId, asked);
        await talk.ask("a second one", initProducerId, asked);
        await talk.ask("with no time-out", initProducerId, { ...asked, transactionTimeoutMs: 0 });
        if (talk.version < 3 || first === undefined) return;
        const { producerId, producerEpoch } = first;
        await talk.ask("the first again", initProducerId, { ...asked, producerId, producerEpoch });
        await talk.ask("an id without an epoch", initProducerId, { ...asked, producerId });
        await talk.ask("an epoch without an id", initProducerId, { ...asked, producerEpoch: 1 });
      },
    },
    {
      name: "with a transactional id",
      async run(talk) {
        await talk.ask("empty", initProducerId, { transactionalId: "", transactionTimeoutMs: 60_000 });
        await talk.ask("too long a time-out", initProducerId, {
          transactionalId: talk.name("id"),
          transactionTimeoutMs: 2 ** 31 - 1,
        });
      },
    },
  ],
};
