/**
 * What the members of a classic consumer group tell each other through the broker, which takes it for mere bytes: Kafka's
 * ConsumerProtocolAssignment. It begins with its version, and each version with what the one before has.
 */
import { codecFor } from "./codec.ts";
import { RESPONSE_ELEMENTS_MAX } from "./limits.ts";
import { Malformed } from "./malformed.ts";
import { Reader } from "./reader.ts";
import { array, int16, int32, string, struct } from "./schema.ts";
import type { Decoded } from "./schema.ts";

const assignment = struct({
  version: int16(),
  topics: array(struct({ topic: string(), partitions: array(int32()) })),
});

/** What a member has; undefined when it is no such assignment: other kinds of groups put there what they like. */
export function readAssignment(bytes: Uint8Array): Decoded<typeof assignment>["topics"] | undefined {
  // Of nobody's: the group has no assignment yet, or its leader did not know the member.
  if (bytes.byteLength === 0) return [];
  try {
    const reader = new Reader(bytes, 0, RESPONSE_ELEMENTS_MAX);
    return (codecFor(assignment, 0, false).decode(reader) as Decoded<typeof assignment>).topics;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
