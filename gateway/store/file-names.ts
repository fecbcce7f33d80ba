/** Names in a store become paths under the data directory, and can become no others. */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";

/** What a file is called while it is written, before it takes the place of the old one. */
export const TEMPORARY_SUFFIX = ".tmp";

const NAME_CHARACTERS_MAX = 1024;
/** Control characters, and what Windows gives a meaning of its own: separators, drives and streams, wildcards. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f\u007f\\:*?"<>|]/;

/** The path of a store's file; throws KafkaError INVALID_REQUEST for a name that is not a plain relative one. */
export function pathOf(directory: string, name: string): string {
  const steps = name.split("/");
  const plain = steps.every((step) => step !== "" && step !== "." && step !== ".." && !FORBIDDEN.test(step));
  if (!plain || name.length > NAME_CHARACTERS_MAX || name.endsWith(TEMPORARY_SUFFIX)) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `${JSON.stringify(name.slice(0, 100))} cannot be the name of a stored file`,
    );
  }
  return within(directory, name);
}

/** The path of what has this name in a directory. */
export function within(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

/** The directory that a path lies in; that of the root is the root itself. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}
