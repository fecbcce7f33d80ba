import type { MemoryDevice } from "../../web-client/core/memory-device.ts";
import * as pending from "../../web-client/core/pending.ts";
import type { PublishedHere } from "../../web-client/core/local-reading.ts";

/** For a replica without a client: what lies in the device's outbox. */
export function publishedHere({ outbox: rows }: MemoryDevice): PublishedHere {
  return {
    rows,
    allAdded: () => Promise.resolve(),
    onChange: () => () => undefined,
    losses: () => 0,
    code: () => pending,
  };
}
