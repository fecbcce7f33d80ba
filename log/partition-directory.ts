/** Whose a partition's directory is: claimed when it is new, checked when it is not, and given up last when it is removed. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { identityFile } from "./partition-files.ts";
import { readIdentity, writeIdentity } from "./partition-identity.ts";
import type { Store } from "./store.ts";

/**
 * Makes sure that the directory belongs to this topic, and makes it so when it is new. Throws KafkaError KAFKA_STORAGE_ERROR
 * when it is another's.
 */
export async function claimDirectory(store: Store, directory: string, topicId: string): Promise<void> {
  const found = await readIdentity(store, directory);
  const hasSegments = (await store.list(`${directory}/`)).some((name) => name.endsWith(".log"));
  if (found === topicId && hasSegments) return;
  const what =
    found === undefined ? "has segments and no partition.metadata" : `belongs to topic id ${found}`;
  if ((found ?? topicId) !== topicId || hasSegments) {
    throw new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `the directory ${directory} ${what}, not to the topic with id ${topicId}: move it away, or restore the one that belongs here`,
    );
  }
  // Also when it is there already, for without a segment it may be what a failed write has left, and not be on the disk.
  await writeIdentity(store, directory, topicId);
}

/** Removes all files of a partition, the one that says whose they are last: what a crash leaves can still be told apart. */
export async function deletePartitionFiles(store: Store, directory: string): Promise<void> {
  const identity = identityFile(directory);
  const names = await store.list(`${directory}/`);
  await store.delete(names.filter((name) => name !== identity));
  await store.delete([identity]);
}
