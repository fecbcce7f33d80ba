/** What consumers of a group tell each other through the gateway: Kafka's ConsumerProtocol, version 0. */
import { codecFor } from "../../../wire/codec.ts";
import { Reader } from "../../../wire/reader.ts";
import { array, bytes, int16, int32, string, struct } from "../../../wire/schema.ts";
import { Writer } from "../../../wire/writer.ts";
import type { TopicPartition } from "../history.ts";

const subscription = struct({
  version: int16(),
  topics: array(string()),
  userData: bytes({ nullableFrom: 0, default: null }),
});
const assignment = struct({
  version: int16(),
  topics: array(struct({ topic: string(), partitions: array(int32()) })),
  userData: bytes({ nullableFrom: 0, default: null }),
});
const ELEMENTS_MAX = 10_000;

export function subscriptionTo(topics: readonly string[]): Uint8Array {
  return encode(subscription, { version: 0, topics, userData: null });
}

export function assignmentOf(partitions: readonly TopicPartition[]): Uint8Array {
  const topics = [...new Set(partitions.map(({ topic }) => topic))].map((topic) => ({
    topic,
    partitions: partitions.filter((each) => each.topic === topic).map(({ partition }) => partition),
  }));
  return encode(assignment, { version: 0, topics, userData: null });
}

/** No bytes: the leader did not know the member. */
export function partitionsOf(bytesOfAssignment: Uint8Array): TopicPartition[] {
  if (bytesOfAssignment.byteLength === 0) return [];
  const { topics } = codecFor(assignment, 0, false).decode(
    new Reader(bytesOfAssignment, 0, ELEMENTS_MAX),
  ) as { topics: { topic: string; partitions: number[] }[] };
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}

function encode(schema: typeof subscription | typeof assignment, value: unknown): Uint8Array {
  const writer = new Writer();
  codecFor(schema, 0, false).encode(writer, value);
  return Uint8Array.from(writer.finish().flatMap((piece) => [...piece]));
}

/** One to each in turn, as Kafka's RoundRobinAssignor does; members stand in the order in which they are given. */
export function inTurn(
  partitions: readonly TopicPartition[],
  members: readonly string[],
): Map<string, TopicPartition[]> {
  const shares = new Map<string, TopicPartition[]>(members.map((member) => [member, []]));
  for (const [at, partition] of partitions.entries())
    shares.get(members[at % members.length] ?? "")?.push(partition);
  return shares;
}
