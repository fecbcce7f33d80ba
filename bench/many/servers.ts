/** The servers that hold many partitions and connections, each over a directory that outlives its processes. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import type { BenchSettings } from "../bench.ts";
import { launchGateway } from "../gateway-process.ts";
import { openKafkaClient } from "../kafka-client.ts";

/** A server's process. */
export interface Running {
  readonly pid: number;
  readonly port: number;
  readonly end: (signal: "SIGTERM" | "SIGKILL") => Promise<void>;
}

export interface Server {
  readonly name: string;
  start(): Promise<Running>;
  /** Removes its data. */
  remove(): Promise<void>;
}

export async function rivulet({ root }: BenchSettings): Promise<Server> {
  const data = await mkdtemp(join(tmpdir(), "rivulet-bench-"));
  return {
    name: "Rivulet",
    start: async () => {
      const { pid, kafkaPort, end } = await launchGateway(root, data);
      return { pid, port: kafkaPort, end };
    },
    remove: () => rm(data, { recursive: true, force: true }),
  };
}

const METADATA_VERSION = 9;
const CREATE_TOPICS_VERSION = 5;
const TIMEOUT_MS = 60_000;

/** Makes topics of so many partitions each, with Kafka's topic settings. */
export async function makeTopics(
  port: number,
  names: readonly string[],
  partitions: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const client = await openKafkaClient(port, () => {});
  for (const name of names) {
    const { topics } = await client.request(createTopics, CREATE_TOPICS_VERSION, {
      topics: [{ name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    });
    const failure = topics[0]?.errorCode === 0 ? undefined : topics[0]?.errorMessage;
    if (failure !== undefined) throw new Error(`topic ${name} was not made: ${failure}`);
  }
  client.close();
}

/** Asks for the metadata of everything, and answers how many partitions have a leader. */
export async function partitionsLed(port: number): Promise<number> {
  const client = await openKafkaClient(port, () => {});
  const { topics } = await client.request(metadata, METADATA_VERSION, { topics: null });
  client.close();
  return topics.flatMap((topic) => topic.partitions).filter(({ leaderId }) => leaderId >= 0).length;
}
