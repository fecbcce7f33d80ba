/** A running Apache Kafka: one node with its own controller (KRaft), on free ports and a directory of its own. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../console/free-port.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { runKafkaTool, startKafkaProgram } from "./kafka-tools.ts";

export interface KafkaBroker {
  readonly port: number;
  /** Kills it and deletes its files. */
  stop(): Promise<void>;
}

/** A broker's directory, which outlives its processes. */
export interface KafkaDirectory {
  readonly port: number;
  /** Starts a process over it, with these flags for Java; resolves before it takes connections. */
  launch(flags?: readonly string[]): Promise<LaunchedKafka>;
  remove(): Promise<void>;
}

export interface LaunchedKafka {
  readonly pid: number;
  /** Resolves with what it said when the process is gone. */
  readonly ended: Promise<string>;
  readonly end: (signal: "SIGTERM" | "SIGKILL") => Promise<void>;
}

const START_MS = 120_000;
/** Longer than any test or bench: a broker that has been forgotten is killed. */
const LIFE_MS = 2 * 60 * 60_000;
const CLUSTER_ID = "cml2dWxldC1vcmFjbGUtMQ";

/** Starts a broker with these settings besides those that one node needs; resolves when it takes connections. */
export async function startKafkaBroker(settings: Readonly<Record<string, string>>): Promise<KafkaBroker> {
  const directory = await formatKafkaDirectory(settings);
  const { ended, end } = await directory.launch();
  const stop = async (): Promise<void> => {
    await end("SIGKILL");
    await directory.remove();
  };
  try {
    await taking(directory.port, ended);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port: directory.port, stop };
}

/** Makes and formats a directory for a broker with these settings besides those that one node needs. */
export async function formatKafkaDirectory(
  settings: Readonly<Record<string, string>>,
): Promise<KafkaDirectory> {
  const [port, controllerPort] = [await freePort(), await freePort()];
  const directory = await mkdtemp(join(tmpdir(), "rivulet-kafka-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const listener = `PLAINTEXT://127.0.0.1:${port}`;
  const lines = Object.entries({
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `${listener},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": listener,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": join(directory, "data"),
    // A cluster of one.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    ...settings,
  }).map(([name, value]) => `${name}=${value}\n`);
  const file = join(directory, "server.properties");
  await writeFile(file, lines.join(""));
  const formatted = await runKafkaTool("kafka.tools.StorageTool", ["format", "-t", CLUSTER_ID, "-c", file]);
  if (formatted.code !== 0) {
    await remove();
    throw new Error(`Kafka could not format its directory: ${formatted.stderr}`);
  }
  return { port, launch: (flags) => launch(file, flags), remove };
}

async function launch(file: string, flags?: readonly string[]): Promise<LaunchedKafka> {
  const options = { timeoutMs: LIFE_MS, ...(flags === undefined ? {} : { flags }) };
  const { child, finished } = await startKafkaProgram("kafka.Kafka", [file], options);
  const ended = finished.then(
    ({ code, stdout, stderr }) => `Kafka ended with code ${code}: ${stdout.toString()}${stderr}`,
    (error: Error) => error.message,
  );
  // Also when a run is broken off.
  const killed = (): void => void child.kill("SIGKILL");
  process.once("exit", killed);
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    child.kill(signal);
    await ended;
    process.off("exit", killed);
  };
  return { pid: child.pid ?? 0, ended, end };
}

/** Resolves when the port takes connections; a broker that is starting cannot be waited for in another way. */
async function taking(port: number, ended: Promise<string>): Promise<void> {
  let end: string | undefined;
  void ended.then((reason) => (end = reason));
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      return await (await ProtocolClient.tcp(port)).close();
    } catch (error) {
      if (end !== undefined) throw new Error(end, { cause: error });
      if (Date.now() > deadline)
        throw new Error(`Kafka takes no connections at port ${port}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
