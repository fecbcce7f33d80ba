/** Clients in Python: each is a script that answers calls (python/agent.py). */
import { fileURLToPath } from "node:url";
import type { ReadRecord } from "../../clients/client.ts";
import { installPythonPackages, pythonEnvironment } from "../../../tools/python-packages.ts";
import { findTool } from "../../../tools/require-tool.ts";
import { Agent } from "../agent.ts";
import type { Client, ClientKind } from "../client.ts";
import { parseMember } from "../member-line.ts";

const scripts = fileURLToPath(new URL("../python", import.meta.url));

const PACKAGES = "python-kafka";
/** Both clients are installed by one. */
let installing: Promise<void> | undefined;

/** Looked for once: that starts a process, and the gateway under test would wait for it. */
const python = findTool("python with pip") ?? "python3";

export const confluentPython = pythonKind("confluent-kafka", "with_confluent_kafka.py");
export const kafkaPython = pythonKind(
  "kafka-python",
  "with_kafka_python.py",
  () => "snappy, lz4 and zstd come from the packages that it asks for",
);

/** A record as the script takes it and gives it: bytes as base64. */
interface TextRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

function pythonKind(name: string, script: string, note?: () => string): ClientKind {
  const agent = (): Agent => {
    const { command, args, env } = programOf(script);
    return new Agent(command, [...args, "serve"], env);
  };
  return {
    name,
    needs: ["python with pip"],
    ...(note === undefined ? {} : { note }),
    async install() {
      await (installing ??= installPythonPackages(python, scripts, PACKAGES));
      const asked = agent();
      const version = await asked.call<string>("version", {});
      await asked.close();
      return version;
    },
    connect: (broker) => connect(broker, agent(), script),
  };
}

function programOf(script: string) {
  return { command: python, args: [`${scripts}/${script}`], env: pythonEnvironment(PACKAGES) };
}

function connect(broker: string, agent: Agent, script: string): Client {
  const call = <T>(name: string, parameters: object): Promise<T> =>
    agent.call<T>(name, { broker, ...parameters });
  const text = (bytes: Buffer | null): string | null => bytes?.toString("base64") ?? null;
  const bytes = (base64: string | null): Buffer | null =>
    base64 === null ? null : Buffer.from(base64, "base64");
  const record = ({ offset, timestamp, key, value, headers }: TextRecord): ReadRecord => ({
    offset: BigInt(offset),
    timestamp: BigInt(timestamp),
    key: bytes(key),
    value: bytes(value),
    headers,
  });

  return {
    async write(topic, codec, batches) {
      const asText = batches.map((batch) =>
        batch.map(({ key, value, headers }) => ({ key: text(key), value: text(value), headers })),
      );
      await call("write", { topic, codec, batches: asText });
    },
    async read(topics, count) {
      return (await call<TextRecord[]>("read", { topics, count })).map(record);
    },
    async readFrom(topic, timestamp, count) {
      return (await call<TextRecord[]>("read_from", { topic, timestamp, count })).map(record);
    },
    member(topic, group) {
      const { command, args, env } = programOf(script);
      return { command, args: [...args, "member", broker, topic, group], env, parse: parseMember };
    },
    topics: {
      create: (topic, partitions, config) => call("create_topic", { topic, partitions, config }),
      countPartitions: (topic) => call("count_partitions", { topic }),
      delete: (topic) => call("delete_topic", { topic }),
    },
    configs: {
      get: (topic, name) => call("get_config", { topic, name }),
      set: (topic, name, value) => call("set_config", { topic, name, value }),
    },
    deleteRecords: (topic, before) => call("delete_records", { topic, before }),
    close: () => agent.close(),
  };
}
