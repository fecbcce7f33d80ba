import { Reader } from "../../wire/reader.ts";
import { array, string, struct } from "../../wire/schema.ts";
import { codecFor } from "../../wire/codec.ts";
import { REQUEST_ELEMENTS_MAX } from "../../wire/limits.ts";

/** What every version of `ConsumerProtocolSubscription` begins with, after its version. */
const subscription = struct({ topics: array(string()) });

/** The topics that a consumer of the classic protocol subscribes to; undefined when its metadata says something else. */
export function subscribedTopicsOf(metadata: Uint8Array): string[] | undefined {
  try {
    const reader = new Reader(metadata, 0, REQUEST_ELEMENTS_MAX);
    reader.int16();
    const { topics } = codecFor(subscription, 0, false).decode(reader) as { topics: string[] };
    return topics;
  } catch {
    return undefined;
  }
}
