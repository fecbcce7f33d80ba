/** A segment's indexes in its `.index` and `.timeindex` files: written when it is rolled or closed, read when it is needed. */
import { OFFSET_INDEX_ENTRY_BYTES, TIME_INDEX_ENTRY_BYTES } from "../engine-as/format.ts";
import type { Engine } from "./engine.ts";
import { segmentFile } from "./partition-files.ts";
import { SegmentIndex } from "./segment-index.ts";
import type { Segment } from "./segment.ts";
import type { Store } from "./store.ts";
import { sideBySide } from "./turns.ts";

/** Writes what differs from the files; both are durable when resolved. */
export async function writeIndexFiles(store: Store, directory: string, index: SegmentIndex): Promise<void> {
  await sideBySide([
    () => writeWhenOther(store, segmentFile(directory, index.baseOffset, "index"), index.offsetBytes()),
    () => writeWhenOther(store, segmentFile(directory, index.baseOffset, "timeindex"), index.timeBytes()),
  ]);
}

async function writeWhenOther(store: Store, name: string, bytes: Uint8Array): Promise<void> {
  const stored = await store.read(name);
  if (stored?.length === bytes.length && stored.every((value, at) => value === bytes[at])) return;
  await store.write(name, bytes);
}

/** The index of a sealed segment, or undefined when its files are not there or cannot be right. */
export async function readIndexFiles(
  store: Store,
  engine: Engine,
  directory: string,
  segment: Segment,
  intervalBytes: number,
): Promise<SegmentIndex | undefined> {
  const offsets = await store.read(segmentFile(directory, segment.baseOffset, "index"));
  const times = await store.read(segmentFile(directory, segment.baseOffset, "timeindex"));
  if (offsets === undefined || times === undefined) return undefined;
  return decodeIndexFiles(engine, segment, intervalBytes, { offsets, times });
}

/** The same of what is in these files. */
export function decodeIndexFiles(
  engine: Engine,
  segment: Segment,
  intervalBytes: number,
  { offsets, times }: { offsets: Uint8Array; times: Uint8Array },
): SegmentIndex | undefined {
  if (!isOffsetIndex(offsets, segment.bytes) || !isTimeIndex(times)) return undefined;
  // A sealed time index is empty only where no record has a timestamp; it is not worth believing one.
  if (times.length === 0 && segment.bytes > 0) return undefined;
  const last = viewOf(times.subarray(-TIME_INDEX_ENTRY_BYTES));
  const maxTimestamp = times.length === 0 ? -1n : last.getBigInt64(0);
  const maxTimestampOffset = times.length === 0 ? -1n : segment.baseOffset + BigInt(last.getInt32(8));
  const stored = { offsets, times, segmentBytes: segment.bytes, maxTimestamp, maxTimestampOffset };
  return new SegmentIndex(engine, segment.baseOffset, intervalBytes, stored);
}

/** Whole entries, offsets and positions rising, all within the segment. */
function isOffsetIndex(bytes: Uint8Array, segmentBytes: number): boolean {
  if (bytes.length % OFFSET_INDEX_ENTRY_BYTES !== 0) return false;
  const view = viewOf(bytes);
  let [offset, position] = [-1, 0];
  for (let at = 0; at < bytes.length; at += OFFSET_INDEX_ENTRY_BYTES) {
    if (view.getInt32(at) <= offset || view.getInt32(at + 4) <= position) return false;
    offset = view.getInt32(at);
    position = view.getInt32(at + 4);
  }
  return position === 0 || position < segmentBytes;
}

/** Whole entries, timestamps rising, offsets not falling. */
function isTimeIndex(bytes: Uint8Array): boolean {
  if (bytes.length % TIME_INDEX_ENTRY_BYTES !== 0) return false;
  const view = viewOf(bytes);
  let [timestamp, offset] = [-1n, 0];
  for (let at = 0; at < bytes.length; at += TIME_INDEX_ENTRY_BYTES) {
    if (view.getBigInt64(at) <= timestamp || view.getInt32(at + 8) < offset) return false;
    timestamp = view.getBigInt64(at);
    offset = view.getInt32(at + 8);
  }
  return true;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
