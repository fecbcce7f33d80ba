/** All topics with their ranges: asked of the gateway, else as last known. */
import { EARLIEST, LATEST, knownOffsets } from "../../sync/log-offsets.ts";
import type { Metadata } from "../../sync/metadata.ts";
import type { LiveConnection } from "../../sync/live-connection.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { TopicSummary } from "./api.ts";
import type { Device } from "./device.ts";

export async function listTopics({
  upstream,
  metadata,
  device,
}: {
  upstream: LiveConnection;
  metadata: Metadata;
  device: Device;
}): Promise<TopicSummary[]> {
  try {
    if (upstream.connection !== undefined) await learnTopics(upstream, metadata, device);
  } catch (error) {
    // The connection went away meanwhile: what was known is still an answer.
    if (!(error instanceof KafkaError) || error.code !== ErrorCode.NETWORK_EXCEPTION) throw error;
  }
  return [...device.topics().values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, id, partitions }) => ({
      name,
      id,
      partitions: partitions.map((range, partition) => ({
        partition,
        ...range,
        held: device.held(id, partition),
      })),
    }));
}

async function learnTopics(upstream: LiveConnection, metadata: Metadata, device: Device): Promise<void> {
  const topics = await metadata.all();
  const clusterId = metadata.clusterId ?? "";
  await device.enterCluster(clusterId);
  const named = topics.map(({ name, partitions }) => ({ name, partitions: [...Array(partitions).keys()] }));
  const [starts, ends] = await Promise.all([
    knownOffsets(upstream, named, EARLIEST),
    knownOffsets(upstream, named, LATEST),
  ]);
  for (const { name, id, partitions } of topics) {
    const known = device.topics().get(name);
    const before = known?.id === id ? known.partitions : [];
    const ranges = Array.from({ length: partitions }, (_, partition) => ({
      logStartOffset: starts.get(`${name}/${partition}`) ?? before[partition]?.logStartOffset ?? 0n,
      highWatermark: ends.get(`${name}/${partition}`) ?? before[partition]?.highWatermark ?? 0n,
    }));
    device.learn({ clusterId, name, id, partitions: ranges });
  }
  device.keepOnly(new Set(topics.map((topic) => topic.name)));
}
