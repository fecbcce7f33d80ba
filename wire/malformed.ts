/**
 * A message that is not what its schema says, on the way in or out. It is thrown deep inside and gains its path while it
 * passes the structs and arrays around it; whoever knows the message's name makes a KafkaError of it (`asKafkaError`).
 */
import { KafkaError } from "./errors.ts";

export class Malformed extends Error {
  /** Where in the message, in bytes from its start. */
  readonly at: number;
  /** The field, such as `topics[2].partitions[0].records`. */
  path = "";

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Puts `step` (a field's name, or `[3]` for an element) in front of the error's path. */
export function within(step: string, error: unknown): unknown {
  if (error instanceof Malformed) {
    error.path =
      error.path === "" || error.path.startsWith("[") ? step + error.path : `${step}.${error.path}`;
  }
  return error;
}

/** What the caller throws: a KafkaError that names the message, the field and the byte; other errors as they are. */
export function asKafkaError(error: unknown, code: number, what: string): unknown {
  if (!(error instanceof Malformed)) return error;
  const where = error.path === "" ? `byte ${error.at}` : `${error.path}, byte ${error.at}`;
  return new KafkaError(code, `${what}: ${error.message} (at ${where})`);
}
