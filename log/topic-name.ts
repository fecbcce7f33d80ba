/** Which names a topic may have: Kafka's rules. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";

export const TOPIC_NAME_LENGTH_MAX = 249;
const LEGAL = new RegExp(`^[a-zA-Z0-9._-]{1,${TOPIC_NAME_LENGTH_MAX}}$`);

/** Names that the log keeps for itself. */
export function isInternal(name: string): boolean {
  return name.startsWith("__");
}

/** Whether a topic may have this name, be it an internal one. */
export function isTopicName(name: string): boolean {
  return LEGAL.test(name) && name !== "." && name !== "..";
}

/**
 * Throws KafkaError INVALID_TOPIC_EXCEPTION for a name that no topic may have, or none beside those of `others`. Internal names
 * are for the node's own topics.
 */
export function checkTopicName(name: string, others: Iterable<string>, mayBeInternal = false): void {
  if (!LEGAL.test(name)) {
    throw invalid(
      `"${shown(name)}" is not a topic name: 1 to 249 letters, digits, dots, underscores and dashes`,
    );
  }
  if (name === "." || name === "..") throw invalid(`a topic cannot be called "${name}"`);
  if (isInternal(name) && !mayBeInternal)
    throw invalid(`topic names that begin with __ are internal: "${name}" must be called otherwise`);
  for (const other of others) {
    if (other !== name && metricName(other) === metricName(name)) {
      throw invalid(
        `"${name}" and the topic "${other}" differ only in dots and underscores, which metrics cannot tell apart`,
      );
    }
  }
}

function metricName(name: string): string {
  return name.replaceAll(".", "_");
}

function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 100);
}

function invalid(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, message);
}
