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

const START_MS = 120_000;
/** Longer than any test: a broker that its test has forgotten is killed. */
const LIFE_MS = 30 * 60_000;
const CLUSTER_ID = "cml2dWxldC1vcmFjbGUtMQ";

/** Starts a broker with these settings besides those that one node needs; resolves when it takes connections. */
export async function startKafkaBroker(settings: Readonly<Record<string, string>>): Promise<KafkaBroker> {
  const [port, controllerPort] = [await freePort(), await freePort()];
  const directory = await mkdtemp(join(tmpdir(), "rivulet-kafka-"));
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
  if (formatted.code !== 0) throw new Error(`Kafka could not format its directory: ${formatted.stderr}`);
  const { child, finished } = await startKafkaProgram("kafka.Kafka", [file], { timeoutMs: LIFE_MS });
  const ended = finished.then(
    ({ code, stdout, stderr }) => `Kafka ended with code ${code}: ${stdout.toString()}${stderr}`,
    (error: Error) => error.message,
  );
  // Also when a run is broken off.
  const killed = (): void => void child.kill("SIGKILL");
  process.once("exit", killed);
  const stop = async (): Promise<void> => {
    process.off("exit", killed);
    child.kill("SIGKILL");
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await taking(port, ended);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
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
