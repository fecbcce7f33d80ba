/** History in bulk, over HTTP where the host has it: whole stretches of the log as framed pushes. */
import type { DataRange, GapRange } from "./joined-range.ts";

/**
 * `GET /log/<topic id>/<partition>?from=<offset>`: the body's bytes in pieces of any size. Rejects when it cannot be
 * had. `token`: where somebody is signed in, to be sent in a header and never in the URL.
 */
export interface HistorySource {
  read(
    topicId: string,
    partition: number,
    from: bigint,
    signal: AbortSignal,
    token?: string,
  ): AsyncIterable<Uint8Array>;
  /** Where closed segments have URLs of their own, which caches may keep. */
  readonly closed?: ClosedSegmentSource | undefined;
}

export interface PartitionName {
  readonly topicId: string;
  readonly partition: number;
}

/** A closed segment: whole batches that cover [from, to). */
export interface ListedSegment {
  readonly from: bigint;
  readonly to: bigint;
  readonly bytes: number;
  /** Of its bytes, as its URL names it. */
  readonly digest: string;
}

export interface SegmentListing {
  readonly highWatermark: bigint;
  readonly segments: readonly ListedSegment[];
}

export interface ClosedSegmentSource {
  /** Those that begin at `from` or later, in order; perhaps not all. Rejects when the list cannot be had. */
  list(partition: PartitionName, from: bigint, signal: AbortSignal, token?: string): Promise<SegmentListing>;
  /** The bytes of one from `position` on. Rejects when it cannot be had. */
  read(
    partition: PartitionName,
    segment: ListedSegment,
    position: number,
    signal: AbortSignal,
    token?: string,
  ): AsyncIterable<Uint8Array>;
}

/** What is asked for in bulk. */
export interface BulkRange {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
  readonly onState?: (state: "history", reason: string | undefined) => void;
}

/** What there is from `from` on, up to about the high watermark. Throws HistoryError where none of it can be had. */
export type BulkHistory = (asked: BulkRange, from: bigint) => AsyncIterable<DataRange | GapRange>;

/** History could not be had over HTTP: the socket has it too. */
export class HistoryError extends Error {}

/** Body type: a sequence of (int32 length, Push frame). */
export const HISTORY_CONTENT_TYPE = "application/vnd.rivulet.push";
