/** Pushes of one partition between the socket and their reader: bounded, and in order. */
import { ErrorCode } from "../wire/errors.ts";
import type { PushFrame } from "../wire/push.ts";
import { concatRanges, joinFrame } from "./joined-range.ts";
import type { DataRange, GapRange } from "./joined-range.ts";
import { Bell } from "./wait.ts";

/** Small ranges that follow on each other are handed on together, up to this size: one write instead of many. */
export const JOIN_BYTES_MAX = 1024 * 1024;

/** Pushes that wait for the reader, at most so many bytes: what comes when it is full is left to the log. */
export class PushInbox {
  readonly changed = new Bell();
  private readonly frames: PushFrame[] = [];
  private readonly bytesMax: number;
  private bytes = 0;
  private full = false;
  /** Until Subscribe is answered: only frames that follow on this are of the new subscription. */
  private joining: bigint | undefined;
  /** The offset after all that has come; -1n while that is not known. */
  private end = -1n;
  /** Where others of this connection had the subscription begin, the furthest. */
  private movedTo = -1n;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Nothing more is taken. */
  get isFull(): boolean {
    return this.full;
  }

  expect(offset: bigint): void {
    this.joining = offset;
  }

  /** The subscription begins at `offset`: from now on everything is taken. */
  begin(offset: bigint): void {
    this.joining = undefined;
    if (offset > this.end) this.end = offset;
    this.changed.ring();
  }

  /** Somebody else has had the subscription begin at `offset`. */
  moved(offset: bigint): void {
    if (offset > this.movedTo) this.movedTo = offset;
    this.changed.ring();
  }

  /** What comes next here was before the place that the subscription was moved to: it must be asked for again. */
  get isLeftBehind(): boolean {
    return this.joining === undefined && this.movedTo > this.end;
  }

  take(frame: PushFrame): void {
    if (this.full) return;
    const isRange = frame.errorCode === ErrorCode.NONE || frame.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE;
    // What another one here has asked for once more.
    if (isRange && frame.to <= this.end) return;
    if (this.joining !== undefined && this.joining >= 0n) {
      if (!isRange || frame.from > this.joining || frame.to <= this.joining) return;
      this.joining = frame.to;
    }
    if (isRange) this.end = frame.to;
    this.frames.push(frame);
    this.bytes += frame.records.byteLength;
    this.full = this.bytes > this.bytesMax;
    this.changed.ring();
  }

  /** What follows on `expected`, small frames joined; undefined when nothing waits. */
  next(expected: bigint): DataRange | GapRange | undefined {
    const joined: DataRange[] = [];
    let bytes = 0;
    let at = expected;
    for (let frame = this.frames[0]; frame !== undefined; frame = this.frames[0]) {
      const isData = frame.errorCode === ErrorCode.NONE;
      if (joined.length > 0 && (!isData || bytes + frame.records.byteLength > JOIN_BYTES_MAX)) break;
      this.frames.shift();
      this.bytes -= frame.records.byteLength;
      const range = joinFrame(frame, at);
      if (range === undefined) continue;
      if (range.kind === "gap") return range;
      joined.push(range);
      bytes += range.records.byteLength;
      at = range.to;
    }
    const [first, ...rest] = joined;
    return first && concatRanges(first, rest);
  }
}
