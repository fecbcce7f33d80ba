/** Kafka's own tool over everything that a gateway has written. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { dumpPartition, type Dump } from "./dump-log-segments.ts";

const METADATA_PARTITION = "__cluster_metadata-0";

/**
 * Dumps every partition of a data directory; the metadata log is decoded as Kafka's own records. Rejects when Kafka's
 * tool finds anything wrong. The gateway should have stopped, or the files may change while they are read.
 */
export async function dumpDataDirectory(dataDir: string): Promise<Map<string, Dump>> {
  const entries = await readdir(dataDir, { withFileTypes: true });
  const partitions = entries
    .filter((entry) => entry.isDirectory() && /-\d+$/.test(entry.name))
    .map(({ name }) => name);
  const dumps = new Map<string, Dump>();
  for (const name of partitions.sort()) {
    dumps.set(
      name,
      await dumpPartition(join(dataDir, name), { clusterMetadata: name === METADATA_PARTITION }),
    );
  }
  if (!dumps.has(METADATA_PARTITION)) throw new Error(`${dataDir} has no ${METADATA_PARTITION}`);
  return dumps;
}

/** The types of the metadata records that Kafka's decoder has recognised, in order. */
export function metadataRecordTypes(dumps: ReadonlyMap<string, Dump>): string[] {
  const files = dumps.get(METADATA_PARTITION)?.files ?? [];
  return files
    .flatMap(({ records }) => records)
    .flatMap(({ payload }) => /"type":"(\w+)"/.exec(payload ?? "")?.[1] ?? []);
}
