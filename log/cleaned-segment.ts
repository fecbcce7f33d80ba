/** A segment that is made of others by compaction, from its first batch until it has taken their place. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { BatchHeader } from "./batch.ts";
import type { Engine } from "./engine.ts";
import { type Covered, fillerBatch } from "./filler-batch.ts";
import { SEGMENT_BYTES_MAX } from "./limits.ts";
import { cleanedFile, segmentFile, swapFile } from "./partition-files.ts";
import { writeIndexFiles } from "./segment-index-files.ts";
import { SegmentIndex } from "./segment-index.ts";
import { UnreadableFile } from "./unreadable-file.ts";
import { Segment, walkHeaders } from "./segment.ts";
import type { Store, StoreFile } from "./store.ts";

interface Files {
  readonly store: Store;
  readonly engine: Engine;
  readonly directory: string;
}

/**
 * Synced whenever it has grown by so much. All at the end would be up to a whole segment at once, and who appends meanwhile
 * would wait for it: a file system's journal takes what others have written along.
 */
const SYNC_BYTES = 1024 * 1024;
const LAST_OFFSET_DELTA_MAX = 2n ** 31n - 1n;

export class CleanedSegment {
  private readonly files: Files;
  private readonly group: readonly Segment[];
  private readonly base: bigint;
  /** As the store that it was opened in is asked for it: the file's own may be longer. */
  private readonly name: string;
  private readonly file: StoreFile;
  private readonly index: SegmentIndex;
  private pieces: Uint8Array[] = [];
  /** Offsets that nothing is left of, not written yet. */
  private covered: Covered | undefined;
  private size = 0;
  private syncedSize = 0;
  private isOther: boolean;

  static async begin(
    files: Files,
    group: readonly Segment[],
    indexIntervalBytes: number,
  ): Promise<CleanedSegment> {
    const base = group[0]?.baseOffset ?? 0n;
    const name = cleanedFile(files.directory, base);
    await files.store.delete([name]);
    return new CleanedSegment(files, group, name, await files.store.open(name), indexIntervalBytes);
  }

  private constructor(
    files: Files,
    group: readonly Segment[],
    name: string,
    file: StoreFile,
    indexIntervalBytes: number,
  ) {
    this.files = files;
    this.name = name;
    this.group = group;
    this.base = group[0]?.baseOffset ?? 0n;
    this.file = file;
    this.index = new SegmentIndex(files.engine, this.base, indexIntervalBytes);
    this.isOther = group.length > 1;
  }

  get bytes(): number {
    return this.size;
  }
  /** Whether it differs from what it was made of. */
  get hasChanged(): boolean {
    return this.isOther || this.size !== this.group.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The next batch, and what is left of it: undefined for nothing but its offsets. */
  add(batch: Uint8Array, left: Uint8Array | undefined): void {
    this.isOther ||= left !== undefined && left !== batch;
    if (left !== undefined) {
      this.put(left);
      return;
    }
    const { baseOffset, lastOffset, leaderEpoch, recordsCount } = new BatchHeader(batch);
    this.isOther ||= recordsCount > 0;
    const first = this.covered;
    const joins =
      first?.leaderEpoch === leaderEpoch && lastOffset - first.baseOffset <= LAST_OFFSET_DELTA_MAX;
    if (!joins) this.cover();
    this.covered = { baseOffset: joins ? first.baseOffset : baseOffset, lastOffset, leaderEpoch };
  }

  /** Writes what was added. Answers how many bytes that was. */
  async write(): Promise<number> {
    const { pieces } = this;
    this.pieces = [];
    if (pieces.length === 0) return 0;
    await this.file.append(pieces);
    if (this.size - this.syncedSize >= SYNC_BYTES) {
      this.syncedSize = this.size;
      await this.file.sync();
    }
    return pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** All was added. Durable when resolved. */
  async finish(): Promise<void> {
    this.cover();
    await this.write();
    await this.file.sync();
    await this.file.close();
  }

  async discard(): Promise<void> {
    await this.file.close();
    await this.files.store.delete([this.name]);
  }

  /** Counts from here on, also after a stop. When this fails, what it was made of is still as it was. */
  async beginSwap(): Promise<void> {
    await this.files.store.rename(this.name, swapFile(this.files.directory, this.base));
  }

  /** Takes the place of what it was made of, which nobody reads any more. When this fails, the next start ends it. */
  async endSwap(): Promise<Segment> {
    const { store, directory } = this.files;
    const { base, group } = this;
    for (const { file } of group) await file?.close();
    await replaceBySwap(
      store,
      directory,
      base,
      group.map(({ baseOffset }) => baseOffset),
    );
    this.index.seal();
    await writeIndexFiles(store, directory, this.index);
    return this.segmentOn(await store.open(segmentFile(directory, base, "log")));
  }

  /**
   * In its place when its swap has been cut short: which of its files are there nobody knows, nor whether that is on the disk,
   * so they are not read before the next start has looked.
   */
  unreadable(cause: unknown): Segment {
    const { base, group } = this;
    const end = group.at(-1)?.endOffset ?? base;
    const name = segmentFile(this.files.directory, base, "log");
    const why = new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `offsets ${base} to ${end - 1n} of ${this.files.directory} cannot be read: exchanging ${name} for its compacted form ` +
        `has failed (${String(cause)}). Nothing is lost: free or repair the disk, then restart the node, which ends the exchange`,
      { cause },
    );
    this.index.seal();
    return this.segmentOn(new UnreadableFile(name, this.size, why));
  }

  private tooLarge(): KafkaError {
    return new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `${segmentFile(this.files.directory, this.base, "log")} is not compacted: it would have more than ${SEGMENT_BYTES_MAX} ` +
        `bytes, which no index can tell the places of. Set a smaller segment.bytes: later segments keep clear of that`,
    );
  }

  private segmentOn(file: StoreFile): Segment {
    const { base, group } = this;
    const segment = new Segment(base, segmentFile(this.files.directory, base, "log"));
    segment.file = file;
    segment.bytes = this.size;
    segment.readableBytes = this.size;
    segment.endOffset = group.at(-1)?.endOffset ?? base;
    segment.maxTimestamp = this.index.maxTimestamp;
    segment.touchedMs = group.at(-1)?.touchedMs ?? 0;
    return segment;
  }

  private cover(): void {
    const { covered } = this;
    this.covered = undefined;
    if (covered !== undefined) this.put(fillerBatch(this.files.engine, covered));
  }

  private put(batch: Uint8Array): void {
    this.cover();
    // Tombstones that get a time to go take more bytes than before.
    if (batch.length > SEGMENT_BYTES_MAX - this.size) throw this.tooLarge();
    const { lastOffset, recordsMaxTimestamp: maxTimestamp } = new BatchHeader(batch);
    this.index.add({ position: this.size, bytes: batch.length, lastOffset, maxTimestamp });
    this.size += batch.length;
    this.pieces.push(batch);
  }
}

/**
 * After a stop: ends what a swap has begun, of the compacted segment at `base` among those at `bases`. Throws KafkaError
 * KAFKA_STORAGE_ERROR for damage.
 */
export async function finishSwap(
  store: Store,
  directory: string,
  base: bigint,
  bases: readonly bigint[],
): Promise<void> {
  const swap = new Segment(base, swapFile(directory, base));
  swap.file = await store.open(swap.name);
  swap.bytes = swap.file.size;
  let end = base;
  try {
    for await (const { header } of walkHeaders(swap, 0, swap.bytes)) end = header.lastOffset + 1n;
    // The stop may have come before its name was on the disk: then what it replaces could be gone, and it as well.
    await swap.file.sync();
  } finally {
    await swap.file.close();
  }
  const replaced = bases.filter((each) => each >= base && each < end);
  await replaceBySwap(store, directory, base, replaced);
}

async function replaceBySwap(
  store: Store,
  directory: string,
  base: bigint,
  replaced: readonly bigint[],
): Promise<void> {
  // The snapshot at its start is the same as before.
  await store.delete(
    [...new Set([base, ...replaced])].flatMap((each) => [
      ...(each === base
        ? []
        : [segmentFile(directory, each, "log"), segmentFile(directory, each, "snapshot")]),
      segmentFile(directory, each, "index"),
      segmentFile(directory, each, "timeindex"),
    ]),
  );
  await store.rename(swapFile(directory, base), segmentFile(directory, base, "log"));
}
