import {
  type ByteRange,
  findSegment,
  listSegments,
  type SegmentList,
  type SegmentReader,
} from "../api/closed-segments.ts";
import type { Services } from "../api/context.ts";
import { failureOf } from "../api/failure.ts";
import { Lifetime } from "../api/lifetime.ts";
import { Ending } from "../api/endings.ts";
import { historyPieces, historyRequest, type HistoryRequest } from "../api/history.ts";
import type { PartitionUrl } from "../api/partition-url.ts";
import type { Grant } from "../api/sign-in.ts";
import type { Clock } from "../../log/clock.ts";
import type { ClosedSegment } from "../../log/closed-segments.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { HISTORIES_MAX } from "./limits.ts";
import { sendSegment, type SizedResponse } from "./segment-stream.ts";

/** What is asked of an HTTP response; uWebSockets' own fits. Nothing may be called after it was aborted. */
export interface StreamedResponse {
  onAborted(aborted: () => void): unknown;
  onWritable(writable: () => boolean): unknown;
  cork(write: () => void): unknown;
  /** False: what the kernel has not taken is buffered, and `onWritable` follows. */
  write(bytes: Uint8Array): boolean;
  end(): unknown;
  close(): unknown;
}

/**
 * Bytes that are written at once. Together with a chunk's header they fit the library's cork buffer (16 KiB): with larger
 * writes, on a connection that has answered before and whose reader is slow, stray bytes as long as a chunk's header
 * were seen in the middle of a chunk. Why is not known for certain; with these they were not seen again.
 */
export const WRITE_BYTES = 12 * 1024;

/** Why a history is not sent: a status of HTTP, and Kafka's code and words. */
export interface HistoryRefusal {
  status: number;
  errorCode: number;
  errorMessage: string;
}

const STATUS: ReadonlyMap<number, number> = new Map<number, number>([
  [ErrorCode.INVALID_REQUEST, 400],
  [ErrorCode.UNKNOWN_TOPIC_ID, 404],
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 404],
  [ErrorCode.RESOURCE_NOT_FOUND, 404],
  [ErrorCode.OFFSET_OUT_OF_RANGE, 416],
  [ErrorCode.THROTTLING_QUOTA_EXCEEDED, 503],
]);

/** All that is being read of the log for HTTP, which is not much at once. */
export class Histories {
  private readonly services: Services;
  private readonly reading = new Set<Promise<void>>();

  constructor(services: Services) {
    this.services = services;
  }

  /** What the parts of the URL ask for. */
  ask(url: PartitionUrl, from: string | undefined): HistoryRequest | HistoryRefusal {
    try {
      this.checkRoom();
      return historyRequest(this.services.cluster, url, from);
    } catch (error) {
      return this.refusal(error);
    }
  }

  /** The closed segments from an offset on. Never rejects. */
  list(
    url: PartitionUrl,
    from: string | undefined,
    reader: SegmentReader,
  ): Promise<SegmentList | HistoryRefusal> {
    return this.counted(() => listSegments(this.services, url, from, reader));
  }

  /** The segment that the URL names. Never rejects. */
  find(
    url: PartitionUrl,
    range: string,
    digest: string,
    reader: SegmentReader,
  ): Promise<ClosedSegment | HistoryRefusal> {
    return this.counted(() => findSegment(this.services.cluster, url, range, digest, reader));
  }

  /** Sends the body; the status has been sent. It is cut off when what it was given for, `grant`, has run out. */
  send(res: StreamedResponse, request: HistoryRequest, grant?: Grant): void {
    this.run(grant, (stop) => sendHistory(res, request, this.services.clock, stop));
  }

  /** The same for a part of a closed segment. */
  sendSegment(res: SizedResponse, segment: ClosedSegment, range: ByteRange, grant?: Grant): void {
    this.run(grant, (stop) => sendSegment(res, segment, range, this.services.clock, stop));
  }

  /** Resolves when what is being read is over. */
  async finish(): Promise<void> {
    await Promise.all(this.reading);
  }

  private run(grant: Grant | undefined, send: (stop: Lifetime) => Promise<void>): void {
    const stop = new Lifetime();
    const ending = new Ending(() => stop.end());
    const { signIn } = this.services;
    if (grant !== undefined) signIn?.endings.set(ending, grant.endsAtMs);
    const sent = send(stop).catch((error: unknown) => void failureOf(error, this.services));
    this.note(sent);
    void sent.finally(() => signIn?.endings.cancel(ending));
  }

  private async counted<T>(read: () => Promise<T>): Promise<T | HistoryRefusal> {
    try {
      this.checkRoom();
      const reading = read();
      this.note(
        reading.then(
          () => undefined,
          () => undefined,
        ),
      );
      return await reading;
    } catch (error) {
      return this.refusal(error);
    }
  }

  private note(reading: Promise<void>): void {
    this.reading.add(reading);
    void reading.finally(() => this.reading.delete(reading));
  }

  private checkRoom(): void {
    if (this.reading.size < HISTORIES_MAX) return;
    throw new KafkaError(
      ErrorCode.THROTTLING_QUOTA_EXCEEDED,
      "too many histories are being read; try again soon",
    );
  }

  private refusal(error: unknown): HistoryRefusal {
    const failure = failureOf(error, this.services);
    return { status: STATUS.get(failure.errorCode) ?? 500, ...failure };
  }
}

/** Streams one part after the other, each when the socket has taken the one before; cuts the answer off at `stop`. */
export async function sendHistory(
  res: StreamedResponse,
  request: HistoryRequest,
  clock: Clock,
  stop?: Lifetime,
): Promise<void> {
  let isOver = false;
  let resume: (() => void) | undefined;
  const wake = (): void => clock.defer(() => resume?.());
  res.onAborted(() => {
    isOver = true;
    wake();
  });
  res.onWritable(() => {
    wake();
    return true;
  });
  stop?.onEnd(() => {
    clock.defer(() => {
      if (isOver) return;
      isOver = true;
      res.close();
      resume?.();
    });
  });
  try {
    // Not in the handler's own cork, which all that is read at once would share: see WRITE_BYTES.
    await new Promise<void>((resolve) => clock.defer(resolve));
    for await (const pieces of historyPieces(request)) {
      for (const part of parts(pieces)) {
        if (isOver) return;
        let taken = true;
        res.cork(() => void (taken = res.write(part)));
        if (taken) continue;
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
        resume = undefined;
      }
    }
    if (isOver) return;
    isOver = true;
    res.cork(() => void res.end());
  } catch (error) {
    // The status has been sent: only an answer that ends too soon can tell the client.
    clock.defer(() => void (isOver || res.close()));
    throw error;
  }
}

function* parts(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; at += WRITE_BYTES) yield piece.subarray(at, at + WRITE_BYTES);
  }
}
