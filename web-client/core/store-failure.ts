/** What an error of the device's store means for what is kept in it. */
import { errorText, isFull } from "../../sync/error-text.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";

/**
 * Whether another try may succeed: the store failed. What the gateway refuses for good, or is damaged, stays so, and what a newer
 * version of the page has written is not for this one.
 */
export function isPassing(error: unknown): boolean {
  if (error instanceof Error && error.name === "VersionError") return false;
  return !(error instanceof KafkaError) || error.code === ErrorCode.KAFKA_STORAGE_ERROR;
}

/** For people: what the store said first, whatever was made of it on the way. */
export function storeFailureText(error: unknown): string {
  let root = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  if (isFull(root)) return "this device has no room left for what this site keeps: free some of it";
  const what = errorText(root);
  return `the store on this device failed (${root instanceof Error && what === "" ? root.name : what})`;
}
