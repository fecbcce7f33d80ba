/**
 * Closed segments over HTTP, each under a URL of its own that names its range and its contents, so that caches may keep it:
 *
 *     GET /log/<topic id>/<partition>/segments?from=<offset>      which there are, as JSON
 *     GET /log/<topic id>/<partition>/<from>-<to>/<digest>        one of them: its batches, nothing else
 */
import type { ClosedSegment } from "../../log/closed-segments.ts";
import type { Cluster } from "../../log/cluster.ts";
import type { Logger } from "../../log/logger.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { malformed, offsetFrom, partitionAt, type PartitionUrl } from "./partition-url.ts";

/** Segments that one list names. */
const LISTED_MAX = 64;
/** What the digests of one list may have to read; one segment is always listed. */
const LISTED_BYTES_MAX = 128 * 1024 ** 2;

/** Offsets are text: a JSON number does not hold them all. */
export interface SegmentList {
  readonly highWatermark: string;
  readonly segments: readonly {
    readonly from: string;
    readonly to: string;
    readonly bytes: number;
    readonly digest: string;
  }[];
}

/** Who asks for segments. */
export interface SegmentReader {
  /** Whether an answer still reaches it. */
  isThere(): boolean;
}

/**
 * The closed segments that begin at `from` or later, as many as may be told at once. One that cannot be read is left out: `?from=`
 * says what is wrong with it. Throws KafkaError: INVALID_REQUEST, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, and REQUEST_TIMED_OUT
 * when the reader has left.
 */
export async function listSegments(
  { cluster, log: logger }: { cluster: Cluster; log: Logger },
  url: PartitionUrl,
  from: string | undefined,
  reader: SegmentReader,
): Promise<SegmentList> {
  const offset = offsetFrom(from);
  const log = partitionAt(cluster, url);
  const { highWatermark } = log;
  const segments = [];
  let bytes = 0;
  for (const segment of log.closedSegments(offset).slice(0, LISTED_MAX)) {
    bytes += segment.bytes;
    if (segments.length > 0 && bytes > LISTED_BYTES_MAX) break;
    if (!reader.isThere()) throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "nobody waits for the list");
    try {
      const digest = await segment.digest(() => reader.isThere());
      segments.push({ from: String(segment.from), to: String(segment.to), bytes: segment.bytes, digest });
    } catch (error) {
      if (!(error instanceof KafkaError) || !LEFT_OUT.has(error.code)) throw error;
      logger.warn(`a closed segment is left out of a list: ${error.message}`, {
        topic: log.topic,
        partition: log.partition,
      });
    }
  }
  return { highWatermark: String(highWatermark), segments };
}

/** It is damaged, or in doubt, or the log has let go of it since. */
const LEFT_OUT: ReadonlySet<number> = new Set<number>([
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.OFFSET_OUT_OF_RANGE,
]);

/**
 * The segment of this range with this digest. Throws KafkaError: as `listSegments`, and RESOURCE_NOT_FOUND where there is none:
 * it was never cut so, or retention or compaction has taken it; then `?from=` has what there is.
 */
export async function findSegment(
  cluster: Cluster,
  url: PartitionUrl,
  range: string,
  digest: string,
  reader: SegmentReader,
): Promise<ClosedSegment> {
  const [, from, to] = /^(\d{1,19})-(\d{1,19})$/.exec(range) ?? [];
  if (from === undefined || to === undefined || !/^[0-9a-f]{8}$/.test(digest))
    throw malformed("a segment is named <from>-<to>/<digest>, as the list of segments gives it");
  const [segment] = partitionAt(cluster, url).closedSegments(BigInt(from));
  const isRange = segment?.from === BigInt(from) && segment.to === BigInt(to);
  if (isRange && (await segment.digest(() => reader.isThere())) === digest) return segment;
  throw new KafkaError(
    ErrorCode.RESOURCE_NOT_FOUND,
    `no closed segment has the offsets ${from} up to ${to} with this content: ask for the list again, or for ?from=${from}`,
  );
}

/** The bytes [first, end) of a body. */
export interface ByteRange {
  readonly first: number;
  readonly end: number;
}

/**
 * What a `Range` header asks for of a body of so many bytes (RFC 9110, 14.2): the whole body where it asks for several ranges or
 * for nothing that is understood, which a server may always send; undefined where nothing of what it asks for is there.
 */
export function rangeOf(header: string, bytes: number): ByteRange | undefined {
  const whole = { first: 0, end: bytes };
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? [];
  if (from === undefined || to === undefined || (from === "" && to === "")) return whole;
  if (from === "") return to === "0" ? undefined : { first: Math.max(bytes - Number(to), 0), end: bytes };
  if (to !== "" && Number(to) < Number(from)) return whole;
  const end = to === "" ? bytes : Math.min(Number(to) + 1, bytes);
  return Number(from) < end ? { first: Number(from), end } : undefined;
}
