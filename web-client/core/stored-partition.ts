/**
 * A partition as its files are in the store now, while another tab writes it: reading only, by offset, backwards and by time. What
 * that tab does meanwhile may pull a file from under a read, which then fails with KAFKA_STORAGE_ERROR: look again.
 */
import { READ_BYTES_MAX } from "../../log/limits.ts";
import type { Engine } from "../../log/engine.ts";
import type { ReadResult } from "../../log/partition-types.ts";
import { parseSegmentFile } from "../../log/partition-files.ts";
import { readLogStart } from "../../log/log-start.ts";
import { SegmentIndex } from "../../log/segment-index.ts";
import { type FoundRecord, type ReadView, SegmentReader } from "../../log/segment-reader.ts";
import { Segment } from "../../log/segment.ts";
import type { Store, StoreFile } from "../../log/store.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { ReadableStore } from "./directory-store.ts";
import type { WalkedTail } from "./walked-tail.ts";

/** What can be asked of a partition, whoever writes it. */
export interface ReadablePartition {
  readonly logStartOffset: bigint;
  readonly highWatermark: bigint;
  read(offset: bigint, bytesMax: number): Promise<ReadResult>;
  readBefore(offset: bigint, bytesMax: number): Promise<ReadResult>;
  offsetForTimestamp(timestamp: bigint): Promise<FoundRecord | undefined>;
}

export interface StoredPartitionOptions {
  readonly store: ReadableStore;
  readonly engine: Engine;
  /** `<topic>-<partition>`. */
  readonly directory: string;
  readonly uncompressedBytesMax: number;
  /** Of this partition, from one look to the next. */
  readonly tail: WalkedTail;
}

/** As Kafka's `index.interval.bytes` is left out. */
export const INDEX_INTERVAL_BYTES = 4096;
const WINDOW_BYTES = 256 * 1024;

export class StoredPartition implements ReadablePartition {
  private readonly view: ReadView;
  private readonly reader: SegmentReader;

  /** Of the files that there are now. Rejects with KAFKA_STORAGE_ERROR while they are being exchanged. */
  static async open(options: StoredPartitionOptions): Promise<StoredPartition> {
    const { store, engine, directory, tail } = options;
    const names = await store.list(`${directory}/`);
    checkSettled(directory, names);
    const segments: Segment[] = [];
    for (const name of names) {
      const found = parseSegmentFile(directory, name);
      if (found?.kind === "log") segments.push(await openSegment(store, name, found.offset));
    }
    const last = segments.at(-1);
    // Its index is with the tab that writes it, and nothing is in it of an empty one.
    if (last !== undefined) last.index = new SegmentIndex(engine, last.baseOffset, INDEX_INTERVAL_BYTES);
    const recorded = await readLogStart(store, engine, directory);
    const first = segments[0]?.baseOffset ?? recorded;
    const start = recorded > first ? recorded : first;
    const written = segments.findLast(({ bytes }) => bytes > 0);
    const end = written === undefined ? first : await tail.walk(written);
    return new StoredPartition(options, {
      segments,
      start,
      end: end > start ? end : start,
      epoch: undefined,
    });
  }

  private constructor({ store, ...options }: StoredPartitionOptions, view: ReadView) {
    this.view = view;
    const indexIntervalBytes = INDEX_INTERVAL_BYTES;
    this.reader = new SegmentReader({ ...options, store: readingOnly(store), indexIntervalBytes });
  }

  get logStartOffset(): bigint {
    return this.view.start;
  }

  get highWatermark(): bigint {
    return this.view.end;
  }

  read(offset: bigint, bytesMax: number): Promise<ReadResult> {
    return this.reader.read(this.view, offset, Math.min(bytesMax, READ_BYTES_MAX));
  }

  readBefore(offset: bigint, bytesMax: number): Promise<ReadResult> {
    return this.reader.readBefore(this.view, offset, Math.min(bytesMax, READ_BYTES_MAX));
  }

  offsetForTimestamp(timestamp: bigint): Promise<FoundRecord | undefined> {
    return this.reader.findTimestamp(this.view, timestamp);
  }
}

/** Throws KafkaError KAFKA_STORAGE_ERROR while the tab that writes exchanges files. */
export function checkSettled(directory: string, names: readonly string[]): void {
  if (names.some((name) => name.endsWith(".swap")))
    throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${directory} is being compacted by another tab`);
}

async function openSegment(store: ReadableStore, name: string, baseOffset: bigint): Promise<Segment> {
  const segment = new Segment(baseOffset, name);
  segment.bytes = await store.size(name);
  segment.readableBytes = segment.bytes;
  segment.file = fileOf(store, name, segment.bytes);
  return segment;
}

/** A row of the store comes as a whole, however little of it is asked for: so more is taken at once than headers need. */
function fileOf(store: ReadableStore, name: string, size: number): StoreFile {
  const refuse = (): Promise<never> => Promise.reject(new Error(`${name} is another tab's to write`));
  let window: { readonly position: number; readonly bytes: Uint8Array } | undefined;
  const read = async (position: number, length: number): Promise<Uint8Array> => {
    const end = Math.min(position + length, size);
    const isIn = window !== undefined && position >= window.position;
    if (window === undefined || !isIn || end > window.position + window.bytes.byteLength) {
      const wanted = Math.min(Math.max(length, WINDOW_BYTES), size - position);
      window = { position, bytes: await store.readAt(name, position, wanted) };
    }
    return window.bytes.slice(position - window.position, end - window.position);
  };
  return { name, size, read, append: refuse, truncate: refuse, sync: refuse, close: () => Promise.resolve() };
}

function readingOnly(store: ReadableStore): Store {
  const refuse = (): Promise<never> => Promise.reject(new Error("the files are another tab's to write"));
  return {
    list: (prefix) => store.list(prefix),
    read: (name) => store.read(name),
    // An index that has to be built again: it is used, and not kept.
    write: () => Promise.resolve(),
    open: refuse,
    rename: refuse,
    delete: refuse,
    close: () => Promise.resolve(),
  };
}
