/** Files at the top of a data directory: who it belongs to, and whether it was left in order. Those two are Kafka's. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Store } from "./store.ts";

const PROPERTIES = "meta.properties";
const CLEAN_SHUTDOWN = ".kafka_cleanshutdown";
/** Not one of Kafka's: up to where each partition is known to be synced (`synced-ends.ts`). */
export const SYNCED_ENDS_FILE = "synced-ends";

export interface ClusterIdentity {
  clusterId: string;
  nodeId: number;
}

/** What `meta.properties` says; undefined when there is none. Throws KAFKA_STORAGE_ERROR when it cannot be read. */
export async function readClusterIdentity(store: Store): Promise<ClusterIdentity | undefined> {
  const bytes = await store.read(PROPERTIES);
  if (bytes === undefined) return undefined;
  const lines = new TextDecoder()
    .decode(bytes)
    .split(/\r?\n/)
    .filter((line) => line.includes("=") && !line.startsWith("#"));
  const properties = new Map(
    lines.map((line): [string, string] => [
      line.slice(0, line.indexOf("=")).trim(),
      line.slice(line.indexOf("=") + 1).trim(),
    ]),
  );
  const [clusterId, nodeId] = [properties.get("cluster.id"), properties.get("node.id")];
  if (
    properties.get("version") !== "1" ||
    clusterId === undefined ||
    !/^[A-Za-z0-9_-]{22}$/.test(clusterId) ||
    !/^\d{1,9}$/.test(nodeId ?? "")
  ) {
    throw new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `${PROPERTIES} cannot be read; restore it, it names the cluster that the data belongs to`,
    );
  }
  return { clusterId, nodeId: Number(nodeId) };
}

export function writeClusterIdentity(store: Store, { clusterId, nodeId }: ClusterIdentity): Promise<void> {
  return store.write(
    PROPERTIES,
    new TextEncoder().encode(`version=1\ncluster.id=${clusterId}\nnode.id=${nodeId}\n`),
  );
}

/** Whether the last shutdown was clean. The mark is taken away, durably: whatever happens from now on, it was not. */
export async function takeCleanShutdown(store: Store): Promise<boolean> {
  const mark = await store.read(CLEAN_SHUTDOWN);
  if (mark !== undefined) await store.delete([CLEAN_SHUTDOWN]);
  return mark !== undefined;
}

export function markCleanShutdown(store: Store): Promise<void> {
  return store.write(CLEAN_SHUTDOWN, new TextEncoder().encode('{"version":0,"brokerEpoch":-1}'));
}
