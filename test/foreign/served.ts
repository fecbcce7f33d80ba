/** A gateway for foreign clients, on a directory that outlives it so that Kafka's tool can look at the files. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestGateway } from "../gateway/start-gateway.ts";

export interface Served {
  /** `host:port` for Kafka clients. */
  readonly broker: string;
  readonly dataDir: string;
  /** Stops the gateway; its files stay. Calling it again is harmless. */
  stop(): Promise<void>;
  /** Stops it and deletes the files. */
  dispose(): Promise<void>;
}

/** Starts a gateway with further arguments of its command, as `--config num.partitions=3`. */
export async function serve(...args: string[]): Promise<Served> {
  const dataDir = await mkdtemp(join(tmpdir(), "rivulet-foreign-"));
  const gateway = await startTestGateway({ dataDir, args });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= gateway.stop());
  return {
    broker: `127.0.0.1:${gateway.kafkaPort}`,
    dataDir,
    stop,
    async dispose() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
