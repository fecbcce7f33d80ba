/** Kafka's `partition.metadata`: which topic a directory belongs to. A topic made again under the same name is another one. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { identityFile } from "./partition-files.ts";
import type { Store } from "./store.ts";

/** Kafka's text form of a uuid. */
const TOPIC_ID = /^[A-Za-z0-9_-]{22}$/;

/** The topic id that a directory belongs to; undefined when it says none. Throws KAFKA_STORAGE_ERROR when unreadable. */
export async function readIdentity(store: Store, directory: string): Promise<string | undefined> {
  const bytes = await store.read(identityFile(directory));
  if (bytes === undefined) return undefined;
  const parts = /^version: 0\ntopic_id: (\S+)\s*$/.exec(new TextDecoder().decode(bytes));
  if (parts?.[1] === undefined || !TOPIC_ID.test(parts[1])) {
    throw new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `${identityFile(directory)} is not readable, so it is not known which topic the files beside it belong to; ` +
        `restore it, or move the directory away`,
    );
  }
  return parts[1];
}

export function writeIdentity(store: Store, directory: string, topicId: string): Promise<void> {
  return store.write(identityFile(directory), new TextEncoder().encode(`version: 0\ntopic_id: ${topicId}`));
}
