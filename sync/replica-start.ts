/**
 * From where on a replica wants its leader's log, when it keeps less than all of it: what is fetched to be let go at once is
 * fetched in vain. Both ways are Kafka's own questions, about one partition: ListOffsets by time, and DescribeLogDirs for the
 * bytes that the log takes.
 */
import { describeLogDirs } from "../wire/apis/describe-log-dirs.ts";
import type { Connection } from "./connection.ts";
import { EARLIEST, LATEST, logOffset } from "./log-offsets.ts";

/** What one partition of a replica keeps; undefined: no bound. */
export interface PartitionKeep {
  readonly bytes: number | undefined;
  /** Age in milliseconds. */
  readonly ms: number | undefined;
}

/** Records are not all of one size: so much more is fetched than the bytes that are kept. */
const MARGIN = 1.25;

/** The least offset that is worth fetching at `nowMs`; undefined: all are, or it cannot be told. */
export async function leastOffsetToKeep(
  connection: Pick<Connection, "request" | "version">,
  topic: string,
  partition: number,
  keep: PartitionKeep,
  nowMs: number,
): Promise<bigint | undefined> {
  const byAge =
    keep.ms === undefined ? undefined : await offsetAt(connection, topic, partition, nowMs - keep.ms);
  const bySize =
    keep.bytes === undefined ? undefined : await offsetOfLast(connection, topic, partition, keep.bytes);
  if (byAge === undefined || bySize === undefined) return byAge ?? bySize;
  return byAge > bySize ? byAge : bySize;
}

/** The first record that is not older than `timestampMs`, or the end. */
async function offsetAt(
  connection: Pick<Connection, "request">,
  topic: string,
  partition: number,
  timestampMs: number,
): Promise<bigint> {
  const place = BigInt(Math.max(0, Math.floor(timestampMs)));
  const found = await logOffset(connection, topic, partition, place);
  return found >= 0n ? found : logOffset(connection, topic, partition, LATEST);
}

/** From where on the log has about `bytes` bytes, as if its records were all of one size. */
async function offsetOfLast(
  connection: Pick<Connection, "request" | "version">,
  topic: string,
  partition: number,
  bytes: number,
): Promise<bigint | undefined> {
  if (connection.version(describeLogDirs) === undefined) return undefined;
  const { results } = await connection.request(describeLogDirs, {
    topics: [{ topic, partitions: [partition] }],
  });
  const sizes = results.flatMap(({ topics }) =>
    topics.filter(({ name }) => name === topic).flatMap(({ partitions }) => partitions),
  );
  const size = Number(sizes.find(({ partitionIndex }) => partitionIndex === partition)?.partitionSize ?? 0);
  const wanted = bytes * MARGIN;
  if (size <= wanted) return undefined;
  const [start, end] = await Promise.all([
    logOffset(connection, topic, partition, EARLIEST),
    logOffset(connection, topic, partition, LATEST),
  ]);
  const share = BigInt(Math.ceil((wanted / size) * 1e6));
  return end - ((end - start) * share) / 1_000_000n;
}
