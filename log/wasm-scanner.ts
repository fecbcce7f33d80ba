import {
  HEAP_AT,
  OFFSET_INDEX_ENTRY_BYTES,
  SCANNED_ATTRIBUTES_AT,
  SCANNED_BASE_OFFSET_AT,
  SCANNED_BASE_SEQUENCE_AT,
  SCANNED_BYTES,
  SCANNED_LAST_OFFSET_AT,
  SCANNED_LEADER_EPOCH_AT,
  SCANNED_MAX_TIMESTAMP_AT,
  SCANNED_POSITION_AT,
  SCANNED_PRODUCER_EPOCH_AT,
  SCANNED_PRODUCER_ID_AT,
  SCANNED_RECORDS_COUNT_AT,
  SCANNED_SIZE_AT,
  SCAN_BASE_OFFSET_AT,
  SCAN_BATCHES_AT,
  SCAN_BATCH_BYTES_MAX_AT,
  SCAN_CONSUMED_AT,
  SCAN_INTERVAL_AT,
  SCAN_MAX_TIMESTAMP_AT,
  SCAN_MAX_TIMESTAMP_OFFSET_AT,
  SCAN_NEXT_OFFSET_AT,
  SCAN_OFFSET_ENTRIES_AT,
  SCAN_POSITION_AT,
  SCAN_STATE_BYTES,
  SCAN_TIME_ENTRIES_AT,
  SCAN_TIME_ENTRY_AT,
  SCAN_WANTED_AT,
  TIME_INDEX_ENTRY_BYTES,
} from "../engine-as/format.ts";
import { BAD_LENGTH, OK, TORN } from "../engine-as/status.ts";
import { ByteSink } from "./byte-sink.ts";
import type { ScannedBatch, ScanOptions, SegmentScanner } from "./engine.ts";
import { after, ENGINE_BATCH_BYTES_MAX, type WasmArena } from "./wasm-arena.ts";
import type { EngineExports } from "./wasm-exports.ts";

/** Bytes handed to the engine at once, unless a batch is larger. */
const WINDOW_BYTES = 1 << 18;
/** Entries of the table of batches; the engine stops when it is full and goes on in the next call. */
const BATCHES_PER_CALL = 2048;

const STATE = HEAP_AT;
const BATCHES = after(STATE, SCAN_STATE_BYTES);
const OFFSET_INDEX = after(BATCHES, BATCHES_PER_CALL * SCANNED_BYTES);
const TIME_INDEX = after(OFFSET_INDEX, BATCHES_PER_CALL * OFFSET_INDEX_ENTRY_BYTES);
const BYTES = after(TIME_INDEX, BATCHES_PER_CALL * TIME_INDEX_ENTRY_BYTES);

/** Kafka's "no timestamp". */
const NO_TIMESTAMP = -1n;

/** `Engine.scanner`. The state stays here and visits WASM memory for each call, so any number may be in use. */
export class WasmScanner implements SegmentScanner {
  private readonly exports: EngineExports;
  private readonly arena: WasmArena;
  private readonly state = new Uint8Array(SCAN_STATE_BYTES);
  private readonly stateView = new DataView(this.state.buffer);
  private readonly offsetEntries = new ByteSink();
  private readonly timeEntries = new ByteSink();
  /** The table entries of the last feed, and the objects made of them when somebody asks. */
  private readonly scanned = new ByteSink();
  private scannedBatches: readonly ScannedBatch[] | undefined;
  /** The start of a batch that is not complete, and how many bytes of it are needed to go on. */
  private readonly pending = new ByteSink();
  private wanted = 0;
  private ended = OK;

  constructor(exports: EngineExports, arena: WasmArena, options: ScanOptions) {
    this.exports = exports;
    this.arena = arena;
    const state = this.stateView;
    state.setBigInt64(SCAN_BASE_OFFSET_AT, options.baseOffset, true);
    state.setBigInt64(SCAN_NEXT_OFFSET_AT, options.nextOffset, true);
    state.setBigInt64(SCAN_MAX_TIMESTAMP_AT, NO_TIMESTAMP, true);
    state.setBigInt64(SCAN_MAX_TIMESTAMP_OFFSET_AT, options.baseOffset, true);
    state.setBigInt64(SCAN_TIME_ENTRY_AT, NO_TIMESTAMP, true);
    state.setUint32(SCAN_POSITION_AT, options.position, true);
    state.setInt32(SCAN_INTERVAL_AT, options.indexIntervalBytes, true);
    state.setInt32(SCAN_BATCH_BYTES_MAX_AT, Math.min(options.batchBytesMax, ENGINE_BATCH_BYTES_MAX), true);
  }

  get validBytes(): number {
    return this.stateView.getUint32(SCAN_POSITION_AT, true);
  }

  get nextOffset(): bigint {
    return this.stateView.getBigInt64(SCAN_NEXT_OFFSET_AT, true);
  }

  get maxTimestamp(): bigint {
    return this.stateView.getBigInt64(SCAN_MAX_TIMESTAMP_AT, true);
  }

  get maxTimestampOffset(): bigint {
    return this.stateView.getBigInt64(SCAN_MAX_TIMESTAMP_OFFSET_AT, true);
  }

  get batches(): readonly ScannedBatch[] {
    this.scannedBatches ??= scannedBatches(this.scanned.view());
    return this.scannedBatches;
  }

  feed(piece: Uint8Array): number {
    this.scanned.clear();
    this.scannedBatches = undefined;
    if (this.ended !== OK) return this.ended;
    const at = this.completePending(piece);
    const status = at < 0 ? at : this.scanPiece(piece, at);
    if (status !== OK && status !== TORN) this.ended = status;
    return status;
  }

  offsetIndex(): Uint8Array {
    return this.offsetEntries.view().slice();
  }

  timeIndex(): Uint8Array {
    const index = new ByteSink();
    index.append(this.timeEntries.view());
    if (this.maxTimestamp > this.stateView.getBigInt64(SCAN_TIME_ENTRY_AT, true)) {
      const entry = new DataView(new ArrayBuffer(TIME_INDEX_ENTRY_BYTES));
      const base = this.stateView.getBigInt64(SCAN_BASE_OFFSET_AT, true);
      entry.setBigInt64(0, this.maxTimestamp);
      entry.setInt32(8, Number(this.maxTimestampOffset - base));
      index.append(new Uint8Array(entry.buffer));
    }
    return index.view().slice();
  }

  /** Completes the batch that earlier pieces began; answers how much of `piece` that took, or a status. */
  private completePending(piece: Uint8Array): number {
    let at = 0;
    while (this.pending.length > 0) {
      const take = Math.min(this.wanted - this.pending.length, piece.length - at);
      this.pending.append(piece.subarray(at, at + take));
      at += take;
      if (this.pending.length < this.wanted) return TORN;
      const status = this.scan(this.pending.view());
      // Torn again: its size is known now.
      if (status === TORN) continue;
      if (status !== OK) return status;
      this.pending.clear();
    }
    return at;
  }

  /** Scans `piece` from `at` on, window by window; keeps the unfinished batch at its end. */
  private scanPiece(piece: Uint8Array, at: number): number {
    this.wanted = 0;
    while (at < piece.length) {
      const status = this.scan(piece.subarray(at, at + Math.max(WINDOW_BYTES, this.wanted)));
      at += this.stateView.getUint32(SCAN_CONSUMED_AT, true);
      if (status === TORN && at + this.wanted > piece.length) {
        this.pending.append(piece.subarray(at));
        return TORN;
      }
      if (status !== OK && status !== TORN) return status;
    }
    return OK;
  }

  /** One call of the engine: takes its answers into this object. */
  private scan(bytes: Uint8Array): number {
    const arena = this.arena;
    if (!arena.ensure(BYTES + bytes.length)) return BAD_LENGTH;
    arena.bytes.set(this.state, STATE);
    arena.bytes.set(bytes, BYTES);
    const status = this.exports.scanSegment(
      STATE,
      BYTES,
      bytes.length,
      BATCHES,
      BATCHES_PER_CALL,
      OFFSET_INDEX,
      TIME_INDEX,
    );
    this.state.set(arena.bytes.subarray(STATE, STATE + SCAN_STATE_BYTES));
    this.wanted = this.stateView.getUint32(SCAN_WANTED_AT, true);
    this.take(this.scanned, BATCHES, SCAN_BATCHES_AT, SCANNED_BYTES);
    this.take(this.offsetEntries, OFFSET_INDEX, SCAN_OFFSET_ENTRIES_AT, OFFSET_INDEX_ENTRY_BYTES);
    this.take(this.timeEntries, TIME_INDEX, SCAN_TIME_ENTRIES_AT, TIME_INDEX_ENTRY_BYTES);
    return status;
  }

  private take(sink: ByteSink, at: number, countAt: number, entryBytes: number): void {
    const count = this.stateView.getInt32(countAt, true);
    if (count > 0) sink.append(this.arena.bytes.subarray(at, at + count * entryBytes));
  }
}

function scannedBatches(table: Uint8Array): ScannedBatch[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const batches: ScannedBatch[] = [];
  for (let at = 0; at < table.length; at += SCANNED_BYTES) {
    batches.push({
      position: view.getUint32(at + SCANNED_POSITION_AT, true),
      bytes: view.getInt32(at + SCANNED_SIZE_AT, true),
      baseOffset: view.getBigInt64(at + SCANNED_BASE_OFFSET_AT, true),
      lastOffset: view.getBigInt64(at + SCANNED_LAST_OFFSET_AT, true),
      leaderEpoch: view.getInt32(at + SCANNED_LEADER_EPOCH_AT, true),
      maxTimestamp: view.getBigInt64(at + SCANNED_MAX_TIMESTAMP_AT, true),
      producerId: view.getBigInt64(at + SCANNED_PRODUCER_ID_AT, true),
      producerEpoch: view.getInt32(at + SCANNED_PRODUCER_EPOCH_AT, true),
      baseSequence: view.getInt32(at + SCANNED_BASE_SEQUENCE_AT, true),
      attributes: view.getInt32(at + SCANNED_ATTRIBUTES_AT, true),
      recordsCount: view.getInt32(at + SCANNED_RECORDS_COUNT_AT, true),
    });
  }
  return batches;
}
