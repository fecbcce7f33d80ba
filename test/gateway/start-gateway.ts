/** A gateway in the test's own process, from the TypeScript sources: real sockets on free ports, real files. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../../gateway/gateway.ts";
import { readSettings } from "../../gateway/settings.ts";
import type { LogFields, Logger } from "../../log/logger.ts";

export interface TestGatewayOptions {
  /** One that is to be used again; without it a new one, which `stop` removes. */
  dataDir?: string;
  /** Further arguments of the command: `["--config", "num.partitions=3"]`. */
  args?: readonly string[];
  /** A console page other than the one that was built. */
  consoleDirectory?: string;
  /** How long a connection may wait for somebody to sign in. */
  signInMs?: number;
}

export interface LogLine {
  level: "info" | "warn" | "error";
  message: string;
  fields: LogFields;
}

export interface TestGateway {
  readonly httpPort: number;
  readonly kafkaPort: number;
  readonly dataDir: string;
  readonly clusterId: string;
  /** Everything that was logged. */
  readonly logged: readonly LogLine[];
  stop(): Promise<void>;
}

export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { dataDir, args = [], consoleDirectory, signInMs } = options;
  const directory = dataDir ?? (await mkdtemp(join(tmpdir(), "rivulet-test-")));
  const ports = ["--http-port", "0", "--kafka-port", "0", "--data-dir", directory];
  const logged: LogLine[] = [];
  const gateway = await startGateway({
    settings: readSettings([...ports, ...args], {}, "0.0.0-test"),
    version: "0.0.0-test",
    ...(consoleDirectory === undefined ? {} : { consoleDirectory }),
    ...(signInMs === undefined ? {} : { signInMs }),
    log: collecting(logged),
  });
  return {
    httpPort: gateway.httpPort,
    kafkaPort: gateway.kafkaPort,
    dataDir: directory,
    clusterId: gateway.clusterId,
    logged,
    async stop() {
      await gateway.stop();
      if (dataDir === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

function collecting(lines: LogLine[]): Logger {
  const at =
    (level: LogLine["level"]) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  return { info: at("info"), warn: at("warn"), error: at("error") };
}
