import { apiVersions } from "../../../wire/apis/api-versions.ts";
import { describeCluster } from "../../../wire/apis/describe-cluster.ts";
import { describeTopicPartitions } from "../../../wire/apis/describe-topic-partitions.ts";
import { findCoordinator } from "../../../wire/apis/find-coordinator.ts";
import { metadata } from "../../../wire/apis/metadata.ts";
import { encodeRequest } from "../../../wire/request.ts";
import { decodeResponse } from "../../../wire/response.ts";
import type { ApiScripts } from "../script.ts";

const ZERO = "AAAAAAAAAAAAAAAAAAAAAA";
const NOBODYS_ID = "cml2dWxldC1uby10b3BpYw";

export const apiVersionsScripts: ApiScripts = {
  api: apiVersions,
  scripts: [
    {
      name: "what is served",
      async run(talk) {
        await talk.ask("to a client", apiVersions, {
          clientSoftwareName: "rivulet-oracle",
          clientSoftwareVersion: "1.0",
        });
      },
    },
    {
      name: "clients' names",
      versions: [3, 99],
      async run(talk) {
        const names = {
          empty: "",
          "with a space": "my client",
          "with a dash at the end": "client-",
          dotted: "a.b-c",
        };
        for (const [step, name] of Object.entries(names)) {
          // Of these only the error counts: what is served was compared above.
          const asked = { clientSoftwareName: name, clientSoftwareVersion: "1" };
          talk.note(step, { errorCode: (await talk.request(apiVersions, talk.version, asked)).errorCode });
        }
      },
    },
    {
      name: "a version that is not there",
      versions: [0, 0],
      async run(talk) {
        for (const version of [5, 99, -1]) {
          // The header of a flexible version, but for the version itself.
          const message = encodeRequest(
            apiVersions,
            version < 0 ? 0 : 3,
            { correlationId: 7000 + version, clientId: "x" },
            { clientSoftwareName: "a", clientSoftwareVersion: "1" },
          ).slice();
          new DataView(message.buffer).setInt16(2, version);
          await talk.raw(
            `version ${version}`,
            7000 + version,
            message,
            (answer) => decodeResponse(apiVersions, 0, answer).body,
          );
        }
      },
    },
  ],
};

/** A Metadata of version 1 up to its body: key, version, correlation id, client id. */
const HEADER = [0, 3, 0, 1, 0, 0, 30, 0, 0, 1, 120];
const CORRELATION_ID = 30 * 256;

/** Messages that are not what they should be, by what is wrong with them. */
const MALFORMED: Readonly<Record<string, readonly number[]>> = {
  "nothing after the header": HEADER,
  "an array that ends too soon": [...HEADER, 0, 0, 0, 2, 0, 1, 120],
  "a negative count": [...HEADER, 255, 255, 255, 254],
  "a count beyond all": [...HEADER, 127, 255, 255, 255],
  "a name of a negative length": [...HEADER, 0, 0, 0, 1, 255, 254],
  "a name that is null": [...HEADER, 0, 0, 0, 1, 255, 255],
  "a name that is no UTF-8": [...HEADER, 0, 0, 0, 1, 0, 2, 255, 254],
  "bytes after the end": [...HEADER, 0, 0, 0, 0, 1, 2, 3],
  "an API that nobody knows": [3, 231, 0, 0, 0, 0, 30, 0, 0, 1, 120],
  "a version that is to come": [0, 3, 0, 99, 0, 0, 30, 0, 0, 1, 120, 0],
  "less than a header": [0, 3, 0],
  nothing: [],
};

export const metadataScripts: ApiScripts = {
  api: metadata,
  scripts: [
    {
      name: "what cannot be read",
      versions: [1, 1],
      async run(talk) {
        for (const [step, bytes] of Object.entries(MALFORMED)) {
          // Of an answer only that there is one: the others tell what is in it.
          await talk.raw(step, CORRELATION_ID, Uint8Array.from(bytes), () => "an answer");
        }
      },
    },
    {
      name: "of topics by name",
      async run(talk) {
        const one = await talk.topic("one");
        const three = await talk.topic("three", { partitions: 3 });
        const [a, b] = [{ name: one.name }, { name: three.name }];
        await talk.ask("two topics", metadata, { topics: [a, b] });
        await talk.ask("the same twice", metadata, { topics: [a, a] });
        await talk.ask("with what is allowed", metadata, {
          topics: [a],
          includeTopicAuthorizedOperations: true,
          includeClusterAuthorizedOperations: true,
        });
      },
    },
    {
      name: "of all topics",
      async run(talk) {
        const one = await talk.topic("one");
        const answer = await talk.request(metadata, talk.version, { topics: talk.version === 0 ? [] : null });
        talk.note(
          "it is among them",
          answer.topics.some(({ name }) => name === one.name),
        );
      },
    },
    {
      name: "of no topics",
      versions: [1, 99],
      async run(talk) {
        await talk.ask("none", metadata, { topics: [] });
      },
    },
    {
      name: "of topics that are not there",
      async run(talk) {
        const refused = {
          "no/topic": "a name that cannot be",
          "": "an empty name",
          ".": "a dot",
          "..": "two dots",
        };
        for (const [name, step] of Object.entries(refused)) {
          await talk.ask(step, metadata, { topics: [{ name }], allowAutoTopicCreation: true });
          if (talk.version >= 4)
            await talk.ask(`${step}, not to be created`, metadata, {
              topics: [{ name }],
              allowAutoTopicCreation: false,
            });
        }
        await talk.ask("a name that is too long", metadata, { topics: [{ name: "x".repeat(250) }] });
        if (talk.version >= 4)
          await talk.ask("not to be created", metadata, {
            topics: [{ name: talk.name("new") }],
            allowAutoTopicCreation: false,
          });
        await talk.ask("to be created", metadata, {
          topics: [{ name: talk.name("new") }],
          allowAutoTopicCreation: true,
        });
        await talk.untilLed(talk.name("new"), 1);
        await talk.ask("created by then", metadata, { topics: [{ name: talk.name("new") }] });
        await talk.ask("an internal name", metadata, {
          topics: [{ name: `__${talk.name("new")}` }],
          allowAutoTopicCreation: true,
        });
      },
    },
    {
      name: "of topics by id",
      versions: [10, 99],
      async run(talk) {
        const one = await talk.topic("one");
        await talk.ask("one", metadata, { topics: [{ topicId: one.id, name: null }] });
        await talk.ask("unknown", metadata, { topics: [{ topicId: NOBODYS_ID, name: null }] });
        await talk.ask("zero", metadata, { topics: [{ topicId: ZERO, name: null }] });
        await talk.ask("by id and by name", metadata, { topics: [{ topicId: one.id, name: one.name }] });
        await talk.ask("one by id, one by name", metadata, {
          topics: [{ topicId: one.id, name: null }, { name: one.name }],
        });
      },
    },
  ],
};

export const describeClusterScripts: ApiScripts = {
  api: describeCluster,
  scripts: [
    {
      name: "the cluster",
      async run(talk) {
        await talk.ask("plain", describeCluster, {});
        await talk.ask("with what is allowed", describeCluster, { includeClusterAuthorizedOperations: true });
        await talk.ask("with fenced brokers", describeCluster, { includeFencedBrokers: true });
        await talk.ask("its controllers", describeCluster, { endpointType: 2 });
        await talk.ask("something else of it", describeCluster, { endpointType: 3 });
      },
    },
  ],
};

export const findCoordinatorScripts: ApiScripts = {
  api: findCoordinator,
  scripts: [
    {
      name: "one",
      versions: [0, 3],
      async run(talk) {
        await talk.ask("of a group", findCoordinator, { key: talk.name("group") });
        await talk.ask("of a group without a name", findCoordinator, { key: "" });
        if (talk.version > 0)
          await talk.ask("of something else", findCoordinator, { key: "key", keyType: 7 });
      },
    },
    {
      name: "several",
      versions: [4, 99],
      async run(talk) {
        const coordinatorKeys = [talk.name("one"), talk.name("two")];
        await talk.ask("of two groups", findCoordinator, { coordinatorKeys });
        await talk.ask("of none", findCoordinator, { coordinatorKeys: [] });
        await talk.ask("of the same twice", findCoordinator, { coordinatorKeys: ["same", "same"] });
        await talk.ask("of a group without a name", findCoordinator, { coordinatorKeys: [""] });
        await talk.ask("of something else", findCoordinator, { coordinatorKeys, keyType: 7 });
        await talk.ask("of something negative", findCoordinator, { coordinatorKeys, keyType: -1 });
        await talk.ask("of a share group", findCoordinator, {
          coordinatorKeys: ["no share group"],
          keyType: 2,
        });
      },
    },
  ],
};

export const describeTopicPartitionsScripts: ApiScripts = {
  api: describeTopicPartitions,
  scripts: [
    {
      name: "in pages",
      async run(talk) {
        const a = await talk.topic("a", { partitions: 3 });
        const b = await talk.topic("b", { partitions: 2 });
        const topics = [{ name: b.name }, { name: a.name }];
        await talk.ask("all", describeTopicPartitions, { topics });
        await talk.ask("two partitions", describeTopicPartitions, { topics, responsePartitionLimit: 2 });
        await talk.ask("three", describeTopicPartitions, { topics, responsePartitionLimit: 3 });
        await talk.ask("four", describeTopicPartitions, { topics, responsePartitionLimit: 4 });
        await talk.ask("none", describeTopicPartitions, { topics, responsePartitionLimit: 0 });
        await talk.ask("fewer than none", describeTopicPartitions, { topics, responsePartitionLimit: -1 });
        const from = (topicName: string, partitionIndex: number) => ({
          topics,
          cursor: { topicName, partitionIndex },
        });
        await talk.ask("from within the first", describeTopicPartitions, from(a.name, 1));
        await talk.ask("from the end of the first", describeTopicPartitions, from(a.name, 3));
        await talk.ask("from beyond the first", describeTopicPartitions, from(a.name, 9));
        await talk.ask("from the second", describeTopicPartitions, from(b.name, 0));
        await talk.ask("from between", describeTopicPartitions, from(`${a.name}-later`, 0));
        await talk.ask("from after all", describeTopicPartitions, from("zzz", 0));
        await talk.ask("from before the first partition", describeTopicPartitions, from(a.name, -1));
        await talk.ask("the same twice", describeTopicPartitions, { topics: [...topics, ...topics] });
      },
    },
    {
      name: "of topics that are not there",
      async run(talk) {
        const a = await talk.topic("a");
        await talk.ask("unknown", describeTopicPartitions, {
          topics: [{ name: talk.name("unknown") }, { name: a.name }],
        });
        await talk.ask("a name that cannot be", describeTopicPartitions, { topics: [{ name: "no/topic" }] });
        await talk.ask("an empty name", describeTopicPartitions, { topics: [{ name: "" }] });
      },
    },
  ],
};
