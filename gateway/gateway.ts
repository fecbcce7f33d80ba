/** The composition root: the only place that names concrete stores, sockets and clocks. */
import { randomBytes } from "node:crypto";
import { AnswerMemory } from "./api/answer-memory.ts";
import type { Services } from "./api/context.ts";
import { Lifetime } from "./api/lifetime.ts";
import { PushHub } from "./api/push-hub.ts";
import { ApiTable } from "./api/table.ts";
import { consoleDirectory, loadEngineModule } from "./assets.ts";
import { takeDataDirectory } from "./data-directory.ts";
import { ANSWER_BYTES_MAX, FETCH_BYTES_MAX, STOP_MS, WEBSOCKET_FETCH_BYTES_MAX } from "./clients/limits.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import { originPolicy } from "./origins.ts";
import { dataPath, formatHostAndPort, isLoopback, type HostAndPort, type Settings } from "./settings.ts";
import { readStaticFiles } from "./static-files.ts";
import { FileStore } from "./store/file-store.ts";
import { systemClock } from "./system-clock.ts";
import { listenTcp, type Listener } from "./tcp-listener.ts";
import { listenHttp, type Health } from "./uws-listener.ts";
import { Cluster } from "../log/cluster.ts";
import { brokerConfig } from "../log/config.ts";
import type { Logger } from "../log/logger.ts";
import { createEngine } from "../log/wasm-engine.ts";
import { metadataCodec } from "../wire/metadata-records.ts";

/** A gateway that serves. */
export interface Gateway {
  readonly httpPort: number;
  readonly kafkaPort: number;
  readonly clusterId: string;
  /** The line that says so. */
  readonly readyLine: string;
  /**
   * Accepts nobody any more, answers what is in flight, closes connections, syncs, and writes what a clean start reads.
   * Calling it again waits for the same. Rejects when something could not be written: then the next start recovers.
   */
  stop(): Promise<void>;
}

export interface GatewayOptions {
  settings: Settings;
  /** Where the console page is; left out: where the build puts it. */
  consoleDirectory?: string;
  version: string;
  log: Logger;
}

/** Opens the log and both listeners. Throws KafkaError in words for an operator; nothing is left open then. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { settings, version, log } = options;
  const config = brokerConfig(settings.config);
  if (!isLoopback(settings.host)) {
    log.warn(
      "anyone who reaches this address can read and write every topic: there is no authentication yet",
      { host: settings.host },
    );
  }
  const undo: (() => Promise<void> | void)[] = [];
  try {
    const engine = createEngine(new WebAssembly.Instance(await loadEngineModule()));
    const directory = dataPath(settings);
    const lock = await takeDataDirectory(directory);
    undo.push(() => lock.release());
    const store = await FileStore.open(directory, { files: nodeFileSystem, clock: systemClock });
    undo.push(() => store.close());
    const cluster = await Cluster.open({
      store,
      engine,
      clock: systemClock,
      codec: metadataCodec,
      random: () => new Uint8Array(randomBytes(16)),
      config,
      log,
    });
    undo.push(() => cluster.close());
    const services: Services = {
      cluster,
      clock: systemClock,
      log,
      running: new Lifetime(),
      answerMemory: new AnswerMemory(ANSWER_BYTES_MAX),
    };
    const hub = new PushHub(services);
    undo.push(() => hub.close());
    const requestBytesMax = config.socketRequestMaxBytes;
    const kafkaAddress = (port: number): HostAndPort =>
      settings.kafkaAdvertised ?? { host: reachable(settings.host), port };
    const kafka = await listenTcp({
      host: settings.host,
      port: settings.kafkaPort,
      services,
      apis: new ApiTable({ push: false }),
      requestBytesMax,
      profile: (port) => ({
        name: "kafka",
        advertised: kafkaAddress(port),
        fetchBytesMax: FETCH_BYTES_MAX,
      }),
    });
    undo.push(() => kafka.close());
    const http = await listenHttp({
      host: settings.host,
      port: settings.httpPort,
      services,
      hub,
      apis: new ApiTable({ push: true }),
      requestBytesMax,
      files: await readStaticFiles(options.consoleDirectory ?? consoleDirectory()),
      profile: (port) => ({
        name: "websocket",
        advertised: { host: reachable(settings.host), port },
        fetchBytesMax: WEBSOCKET_FETCH_BYTES_MAX,
      }),
      origins: (port) => originPolicy(settings.host, port, settings.allowOrigins),
      health: () => healthOf(cluster, { version, kafka: formatHostAndPort(kafkaAddress(kafka.port)) }),
    });
    undo.push(() => http.close());
    let stopped: Promise<void> | undefined;
    return {
      httpPort: http.port,
      kafkaPort: kafka.port,
      clusterId: cluster.clusterId,
      readyLine: readyLine(settings, http.port, kafka.port),
      stop: () => (stopped ??= stop(services, [kafka, http], undo)),
    };
  } catch (error) {
    // What went wrong first is what there is to tell.
    await undoAll(undo, log).catch(() => {});
    throw error;
  }
}

function readyLine({ host, dataDir }: Settings, httpPort: number, kafkaPort: number): string {
  const http = formatHostAndPort({ host, port: httpPort });
  const kafka = formatHostAndPort({ host, port: kafkaPort });
  return `rivulet: ready http://${http} kafka://${kafka} data ${dataDir}`;
}

/** An address that a client can call; the wildcards can only be listened on. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

async function stop(
  { running, log }: Services,
  listeners: readonly Listener[],
  undo: (() => Promise<void> | void)[],
): Promise<void> {
  // Whoever waits is answered with what there is.
  running.end();
  const finished = Promise.all(listeners.map((listener) => listener.finish()));
  await within(STOP_MS, finished, () => log.warn("some requests could not be answered in time"));
  await undoAll(undo, log);
}

/** Takes back what was opened, the last first. Every step is tried; throws what failed first. */
async function undoAll(undo: (() => Promise<void> | void)[], log: Logger): Promise<void> {
  const failures: unknown[] = [];
  for (const each of undo.toReversed()) {
    try {
      await each();
    } catch (error) {
      log.error(error instanceof Error ? error.message : String(error));
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

async function within(milliseconds: number, work: Promise<unknown>, late: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      late();
      resolve();
    }, milliseconds);
  });
  await Promise.race([work, deadline]);
  clearTimeout(timer);
}

/** `kafka` is where Kafka clients find this gateway: the console page tells it to people. */
function healthOf(cluster: Cluster, told: { version: string; kafka: string }): Health {
  const partitions = Array.from(cluster.topics()).flatMap((topic) => topic.partitions);
  const fenced = partitions.flatMap(({ topic, partition, fenced: reason }) =>
    reason === undefined ? [] : [{ topic, partition, reason: reason.message }],
  );
  const well = fenced.length === 0;
  return {
    well,
    body: {
      status: well ? "ok" : "fenced",
      nowMs: Date.now(),
      ...told,
      partitions: partitions.length,
      fenced,
    },
  };
}
