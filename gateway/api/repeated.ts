import { ErrorCode, KafkaError } from "../../wire/errors.ts";

/** What stands among `items` more than once: where each would be done, Kafka does none. */
export function repeatedAmong(items: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(items.filter((item) => seen.size === seen.add(item).size));
}

/** Kafka's error for it. */
export function standsTwice(what: string): KafkaError {
  return new KafkaError(
    ErrorCode.INVALID_REQUEST,
    `${what} stands in the request more than once; name it once`,
  );
}
