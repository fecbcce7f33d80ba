/** What one reader has of one partition: every record is the one of its offset, they come in order, and none is left out unseen. */
import { equal, ok } from "node:assert/strict";
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import type { PartitionModel } from "./partition-model.ts";
import { TOMBSTONES_STAY_MS } from "./topics.ts";

const UNCOMPRESSED_BYTES_MAX = 2 ** 24;
const decoder = new TextDecoder();

export class Reading {
  readonly model: PartitionModel;
  /** The offset that it wants next. */
  next: number;
  records = 0;
  /** Ranges that it was told are gone. */
  gaps = 0;
  private readonly engine: Engine;
  private from: number;
  private readonly beganMs = performance.now();
  /** Of each key, by its text, the offset of the last record that was seen. */
  private readonly latest = new Map<string, number>();

  constructor(engine: Engine, model: PartitionModel, from: number) {
    this.engine = engine;
    this.model = model;
    this.from = from;
    this.next = from;
  }

  /** Takes batches that cover the log from `next` to `to`; the first may begin before, the last may not end after. */
  take(batches: Uint8Array, to: number): void {
    const nowMs = Date.now();
    let expected = this.next;
    for (let at = 0; at < batches.byteLength;) {
      const batch = batches.slice(at, at + new BatchHeader(batches, at).bytes);
      equal(this.engine.checkBatch(batch, true, UNCOMPRESSED_BYTES_MAX), batch.byteLength);
      for (const { offset, key, value } of this.engine.readBatch(batch, UNCOMPRESSED_BYTES_MAX)) {
        const number = Number(offset);
        if (number < expected) {
          ok(number < this.next, `${this.model.name}: ${number} comes where ${expected} is next`);
          continue;
        }
        this.model.checkMissing(expected, number, nowMs);
        this.model.check(number, key, value);
        this.latest.set(decoder.decode(key ?? undefined), number);
        this.records++;
        expected = number + 1;
      }
      at += batch.byteLength;
    }
    ok(to >= expected, `${this.model.name}: a range ends at ${to}, and records go on to ${expected}`);
    this.model.checkMissing(expected, to, nowMs);
    this.next = to;
  }

  /** It was told that the log begins at `start` by now. */
  skipTo(start: number): void {
    const { model, next } = this;
    ok(start > next, `${model.name} begins at ${start}, and ${next} is out of range`);
    model.begins(start);
    this.gaps++;
    this.latest.clear();
    this.from = start;
    this.next = start;
  }

  /** All that there was up to `next` was read: whatever stands there is the latest of its key. */
  checkLatest(): void {
    const wasQuick = performance.now() - this.beganMs < TOMBSTONES_STAY_MS;
    this.model.checkLatest(this.latest, this.from, this.next, wasQuick);
  }
}

/** Where whole batches end, which bytes that were cut off may follow: the bytes of them, and the offset after the last. */
export function wholeBatches(bytes: Uint8Array): { readonly batches: Uint8Array; readonly to: number } {
  let [at, to] = [0, 0];
  while (at + 12 <= bytes.byteLength) {
    const header = new BatchHeader(bytes, at);
    if (at + header.bytes > bytes.byteLength) break;
    at += header.bytes;
    to = Number(header.lastOffset) + 1;
  }
  return { batches: bytes.subarray(0, at), to };
}
