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

  admitAll(): void {
    this.joining = undefined;
  }

  take(frame: PushFrame): void {
    if (this.full) return;
    if (this.joining !== undefined && this.joining >= 0n) {
      const isRange = frame.errorCode === ErrorCode.NONE || frame.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE;
      if (!isRange || frame.from > this.joining || frame.to <= this.joining) return;
      this.joining = frame.to;
    }
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
