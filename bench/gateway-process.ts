/** The real gateway, on real files, in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { endingWithUs } from "../test/tools/ending-with-us.ts";
import { createTopics } from "../wire/apis/create-topics.ts";
import type { BenchSettings } from "./bench.ts";
import type { Address } from "./fan-out/protocol.ts";
import { openKafkaClient } from "./kafka-client.ts";

export interface GatewayProcess {
  readonly pid: number;
  readonly httpPort: number;
  readonly kafkaPort: number;
  /** Makes a topic of one partition, with Kafka's topic settings. */
  createTopic(
    name: string,
    configs?: Readonly<Record<string, string>>,
  ): Promise<Address & { readonly kafkaPort: number; readonly topic: string; readonly topicId: string }>;
  /** Stops it and deletes its data. */
  stop(): Promise<void>;
}

const READY = /^rivulet: ready http:\/\/[^ ]+:(\d+) kafka:\/\/[^ ]+:(\d+) data /;
const STOP_MS = 30_000;

/** A gateway over a directory that outlives it. */
export interface LaunchedGateway {
  readonly pid: number;
  readonly httpPort: number;
  readonly kafkaPort: number;
  /** The end of what it has logged. */
  readonly said: () => string;
  /** Resolves when the process is gone; one that does not end within STOP_MS is killed. */
  readonly end: (signal: "SIGTERM" | "SIGKILL") => Promise<void>;
}

/** Starts the gateway as built on free ports, its data in a new directory below the system's temporary one. */
export async function startGateway(
  { root }: BenchSettings,
  args: readonly string[] = [],
): Promise<GatewayProcess> {
  const data = await mkdtemp(join(tmpdir(), "rivulet-bench-"));
  const remove = (): Promise<void> => rm(data, { recursive: true, force: true });
  const gateway = await launchGateway(root, data, args).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const { pid, httpPort, kafkaPort } = gateway;
  return {
    pid,
    httpPort,
    kafkaPort,
    createTopic: (name, configs = {}) => createTopic(gateway, { name, configs }, () => gateway.said()),
    stop: async () => {
      await gateway.end("SIGTERM");
      await remove();
    },
  };
}

/** Starts the gateway as built, over a directory, and resolves when it is ready. */
export async function launchGateway(
  root: string,
  data: string,
  args: readonly string[] = [],
): Promise<LaunchedGateway> {
  const settings = ["--http-port", "0", "--kafka-port", "0", "--data-dir", data, ...args];
  const { command, args: all } = endingWithUs(process.execPath, [
    join(root, "gateway/rivulet.cjs"),
    ...settings,
  ]);
  const child = spawn(command, all, {
    cwd: data,
    env: { ...process.env, UV_THREADPOOL_SIZE: "16" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => {
    said = (said + text.toString()).slice(-4000);
  });
  const exited = once(child, "exit");
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    child.kill(signal);
    await exited;
    clearTimeout(timer);
  };

  const ports = await new Promise<{ httpPort: number; kafkaPort: number } | undefined>((resolve) => {
    // Goes on taking lines after the first, so that the pipe never fills.
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, httpPort, kafkaPort] = READY.exec(line) ?? [];
      if (kafkaPort !== undefined) resolve({ httpPort: Number(httpPort), kafkaPort: Number(kafkaPort) });
    });
    void exited.then(() => resolve(undefined));
  });
  if (ports === undefined) throw new Error(`the gateway did not start: ${said}`);
  return { pid: child.pid ?? 0, ...ports, said: () => said, end };
}

async function createTopic(
  { httpPort, kafkaPort }: { httpPort: number; kafkaPort: number },
  { name: topic, configs }: { name: string; configs: Readonly<Record<string, string>> },
  said: () => string,
): ReturnType<GatewayProcess["createTopic"]> {
  const client = await openKafkaClient(kafkaPort, () => {});
  const { topics } = await client.request(createTopics, createTopics.maxVersion, {
    topics: [
      {
        name: topic,
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      },
    ],
    timeoutMs: 10_000,
    validateOnly: false,
  });
  client.close();
  const [made] = topics;
  if (made === undefined || made.errorCode !== 0)
    throw new Error(`topic ${topic} was not made: ${made?.errorMessage}; the gateway said: ${said()}`);
  return { protocol: "rivulet", port: httpPort, kafkaPort, topic, topicId: made.topicId };
}
