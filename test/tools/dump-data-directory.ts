/** Kafka's own tool over everything that a gateway has written. */
import { readdir } from "node:fs/promises";
import { dumpPartitions } from "./dump-log-segments.ts";
import type { DumpedFile } from "./dump-parser.ts";

const METADATA_PARTITION = "__cluster_metadata-0";

export interface DumpedDataDirectory {
  /** Files of each topic's partitions, by `<topic>-<partition>`. */
  readonly partitions: ReadonlyMap<string, readonly DumpedFile[]>;
  /** Types of the metadata log's records as Kafka's decoder has recognised them, in order: `TOPIC_RECORD`, ... */
  readonly metadataRecords: readonly string[];
}

/**
 * Dumps every partition of a data directory; the metadata log is decoded as Kafka's own records. Rejects when Kafka's
 * tool finds anything wrong. The gateway should have stopped, or the files may change while they are read.
 */
export async function dumpDataDirectory(dataDir: string): Promise<DumpedDataDirectory> {
  const entries = await readdir(dataDir, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() && /-\d+$/.test(entry.name))
    .map(({ name }) => name);
  const topics = names.filter((name) => name !== METADATA_PARTITION);
  const files = topics.length === 0 ? [] : await dumpPartitions(dataDir, topics);
  const metadata = await dumpPartitions(dataDir, [METADATA_PARTITION], { clusterMetadata: true });
  return {
    partitions: new Map(topics.map((name) => [name, files.filter(({ partition }) => partition === name)])),
    metadataRecords: metadata
      .flatMap(({ records }) => records)
      .flatMap(({ payload }) => /"type":"(\w+)"/.exec(payload ?? "")?.[1] ?? []),
  };
}
