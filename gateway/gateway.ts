/** The composition root: the only place that names concrete stores, sockets and clocks. */
import { randomBytes } from "node:crypto";
import { consoleDirectory, loadEngineModule } from "./assets.ts";
import { ConnectionQuota } from "./clients/connection-quota.ts";
import { Opened } from "./clients/opened.ts";
import { Serving } from "./clients/serving.ts";
import { dataDirectory, takeDataDirectory, tellUnusable } from "./data-directory.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import { descriptorLimit, shareDescriptors } from "./open-files.ts";
import { originPolicy } from "./origins.ts";
import { dataPath, formatHostAndPort, isLoopback, type HostAndPort, type Settings } from "./settings.ts";
import { openSignIn } from "./sign-in/open-sign-in.ts";
import { readStaticFiles } from "./static-files.ts";
import { FileStore } from "./store/file-store.ts";
import { systemClock } from "./system-clock.ts";
import { listenTcp } from "./tcp-listener.ts";
import { listenHttp } from "./uws-listener.ts";
import { brokerConfig, type BrokerConfig } from "../log/config.ts";
import type { Logger } from "../log/logger.ts";
import { createEngine } from "../log/wasm-engine.ts";

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
  /** How long a connection may wait for somebody to sign in; for tests. */
  signInMs?: number;
}

/** Opens the log and both listeners. Throws KafkaError in words for an operator; nothing is left open then. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { settings, version, log } = options;
  const config = brokerConfig(settings.config);
  const signIn = await openSignIn(config, { clock: systemClock, log, signInMs: options.signInMs });
  if (!isLoopback(settings.host)) {
    const danger =
      signIn === undefined
        ? "anyone who reaches this address can read and write every topic: nobody has to sign in"
        : "tokens and records cross the network in the clear: there is no TLS here";
    log.warn(danger, { host: settings.host });
  }
  const opened = new Opened(log);
  try {
    const limit = descriptorLimit();
    const shares = shareDescriptors(limit);
    // Both are needed later, and are got while the disk is waited for.
    const engineModule = loadEngineModule();
    const files = readStaticFiles(options.consoleDirectory ?? consoleDirectory());
    for (const early of [engineModule, files]) early.catch(() => {});
    const directory = dataPath(settings);
    const lock = await takeDataDirectory(directory);
    opened.add(() => lock.release());
    const engine = createEngine(new WebAssembly.Instance(await engineModule));
    const unusable = (cause: unknown): never => tellUnusable(directory, cause);
    const host = { files: nodeFileSystem, clock: systemClock };
    const store = await FileStore.open(directory, host, { openFilesMax: shares.files }).catch(unusable);
    opened.add(() => store.close());
    const random = (): Uint8Array => new Uint8Array(randomBytes(16));
    opened.add(() => signIn?.close());
    const parts = {
      store,
      engine,
      clock: systemClock,
      random,
      config,
      log,
      dataDirectory: dataDirectory(directory),
      signIn,
    };
    const serving = await Serving.open(parts, opened).catch(unusable);
    const quota = connectionQuota({ limit, most: shares.connections }, config, log);
    const kafkaAddress = (port: number): HostAndPort =>
      settings.kafkaAdvertised ?? { host: reachable(settings.host), port };
    const kafka = await listenTcp({
      ...serving.kafka,
      quota,
      host: settings.host,
      port: settings.kafkaPort,
      profile: (port) => serving.kafkaProfile(kafkaAddress(port)),
    });
    opened.add(() => kafka.close());
    const http = await listenHttp({
      ...serving.webSocket,
      quota,
      host: settings.host,
      port: settings.httpPort,
      files: await files,
      profile: (port) => serving.webSocketProfile({ host: reachable(settings.host), port }),
      origins: (port) => originPolicy(settings.host, port, settings.allowOrigins),
      health: () => serving.health({ version, kafka: formatHostAndPort(kafkaAddress(kafka.port)) }),
    });
    opened.add(() => http.close());
    const stop = async (): Promise<void> => {
      await serving.finish([kafka, http]);
      await opened.close();
    };
    let stopped: Promise<void> | undefined;
    return {
      httpPort: http.port,
      kafkaPort: kafka.port,
      clusterId: serving.services.cluster.clusterId,
      readyLine: readyLine(settings, http.port, kafka.port),
      stop: () => (stopped ??= stop()),
    };
  } catch (error) {
    // What went wrong first is what there is to tell.
    await opened.close().catch(() => {});
    throw error;
  }
}

/** What is left of the system's descriptors, or less where the operator wants less. */
function connectionQuota(
  { limit, most }: { limit: number | undefined; most: number },
  config: BrokerConfig,
  log: Logger,
): ConnectionQuota {
  const wanted = Number(config.values.get("max.connections"));
  const max = Math.min(most, wanted);
  const reason =
    wanted <= most
      ? `max.connections is ${wanted}`
      : `the limit of ${limit} open files (ulimit -n) leaves room for ${most} connections; raise it, and restart the gateway`;
  return new ConnectionQuota({ max, reason, log, elapsedMs: () => performance.now() });
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
