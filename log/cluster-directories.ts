/** The partitions' directories of a node, as they are found on its store, against what the metadata log says. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { OPENING_MAX } from "./limits.ts";
import type { Logger } from "./logger.ts";
import type { MetadataImage, TopicImage } from "./metadata-image.ts";
import { METADATA_TOPIC } from "./metadata-log.ts";
import { deletePartitionFiles } from "./partition-directory.ts";
import { parsePartitionDirectory, partitionDirectory } from "./partition-files.ts";
import { readIdentity } from "./partition-identity.ts";
import type { Store } from "./store.ts";
import { forEachAtMost } from "./turns.ts";

const METADATA_DIRECTORY = partitionDirectory(METADATA_TOPIC, 0);

/** Names of the directories that a partition could have. */
export async function partitionDirectories(store: Store): Promise<string[]> {
  const found = new Set<string>();
  for (const name of await store.list("")) {
    const directory = name.slice(0, Math.max(0, name.indexOf("/")));
    if (parsePartitionDirectory(directory) !== undefined) found.add(directory);
  }
  return [...found];
}

/** Partitions whose owner, or whose list of topics, is gone are never guessed at. Throws KafkaError KAFKA_STORAGE_ERROR. */
export function refuseOrphans(isKnown: boolean, directories: readonly string[]): void {
  if (directories.length === 0 || (isKnown && directories.includes(METADATA_DIRECTORY))) return;
  const missing = isKnown ? METADATA_DIRECTORY : "meta.properties";
  throw new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `the data directory has partitions, but ${missing} is not there: restore it, or start on an empty directory`,
  );
}

/** Directories of topics that were removed go; those that nobody knows are left alone, and told of. */
export async function removeLeftovers(
  { store, image, log }: { store: Store; image: MetadataImage; log: Logger },
  directories: readonly string[],
): Promise<void> {
  await forEachAtMost(OPENING_MAX, directories, async (directory) => {
    if (directory === METADATA_DIRECTORY) return;
    try {
      const id = await readIdentity(store, directory);
      if (id !== undefined && image.wasRemoved(id)) return await deletePartitionFiles(store, directory);
      const parsed = parsePartitionDirectory(directory);
      const owner = id === undefined ? undefined : image.topicById(id);
      if (owner?.name === parsed?.topic && (parsed?.partition ?? 0) < (owner?.partitions.length ?? 0)) return;
      log.warn(`the directory ${directory} belongs to no topic of this node and is left alone`, {
        directory,
      });
    } catch (error) {
      log.warn(`the directory ${directory} is left as it is: ${String(error)}`, { directory });
    }
  });
}

/**
 * What a removed topic has left where new partitions go is removed now. Throws KafkaError INVALID_TOPIC_EXCEPTION when a
 * directory is somebody else's: on a file system that takes `Orders` for `orders`, the second of them would find the first
 * one's files.
 */
export async function makeWay(
  { store, image }: { store: Store; image: MetadataImage },
  topic: string,
  from: number,
  to: number,
): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, at) => from + at);
  await forEachAtMost(OPENING_MAX, numbers, async (partition) => {
    const directory = partitionDirectory(topic, partition);
    const id = await readIdentity(store, directory);
    if (id === undefined) return;
    if (image.wasRemoved(id)) return await deletePartitionFiles(store, directory);
    throw new KafkaError(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `the directory ${directory} belongs to another topic; take another name, or have the directory moved away`,
    );
  });
}

/** New partitions hold nothing yet: what could be made of them goes, so that they can be made when they are asked for again. */
export async function removeHalfMade(store: Store, image: TopicImage, from: number): Promise<void> {
  for (let partition = from; partition < image.partitions.length; partition++) {
    const directory = partitionDirectory(image.name, partition);
    // A directory that is somebody else's may be why it failed.
    if ((await readIdentity(store, directory)) === image.id) await deletePartitionFiles(store, directory);
  }
}
