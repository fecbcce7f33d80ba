/**
 * Where the last record of each key is, as far as it was looked for: built by reading from the end towards the start, no further
 * than the key that was asked for, and kept up by what has come since. It is in memory and begins anew with each visit.
 *
 * What a look-up costs: of a key that was passed before, one batch read; of another, what lies between the start of what was read
 * so far and its last record, once; of a key that is not held at all, the whole partition, once. Memory is bounded: beyond it what
 * lies before is read each time.
 */
import type { LogRecord } from "../../log/record.ts";

/** Reads one partition. */
export interface KeyIndexSource {
  /** Where what is held begins and ends now. */
  held(): Promise<{ readonly from: bigint; readonly to: bigint }>;
  /** Records from `offset` to the end that is held; answers where that is. */
  read(offset: bigint): AsyncGenerator<LogRecord[], bigint, void>;
  /** Records below `offset`, newest first, down to where what is held begins. */
  readBackward(offset: bigint): AsyncGenerator<LogRecord[], bigint, void>;
  recordAt(offset: bigint): Promise<LogRecord | undefined>;
  /** Counts up when records that were held are others now. */
  readonly changes: number;
}

/** What an entry takes besides its key's bytes, about. */
const ENTRY_BYTES = 96;
const BYTES_MAX = 16 * 1024 * 1024;

export class KeyIndex {
  private readonly source: KeyIndexSource;
  private readonly bytesMax: number;
  private readonly decoder = new TextDecoder("latin1");
  private offsets = new Map<string, bigint>();
  private bytes = 0;
  /** All keys of the records in [from, to) are known. */
  private range: { from: bigint; to: bigint } | undefined;
  private changes = 0;
  /** Look-ups share what they read: one after the other. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(source: KeyIndexSource, bytesMax = BYTES_MAX) {
    this.source = source;
    this.bytesMax = bytesMax;
  }

  /** The last record that is held with this key, a tombstone too; undefined: there is none. */
  latest(key: Uint8Array): Promise<LogRecord | undefined> {
    const found = this.last.then(() => this.find(key));
    this.last = found.catch(() => undefined);
    return found;
  }

  private async find(key: Uint8Array): Promise<LogRecord | undefined> {
    const name = this.nameOf(key);
    for (;;) {
      const { changes } = this.source;
      if (changes !== this.changes) this.clear();
      this.changes = changes;
      const { from, to } = await this.source.held();
      this.range ??= { from: to, to };
      await this.readOn();
      const offset = this.offsets.get(name) ?? (await this.lookFurther(name, from));
      const record = offset === undefined || offset < from ? undefined : await this.source.recordAt(offset);
      // Cut back and written anew meanwhile.
      if (this.source.changes !== changes) continue;
      // What is no longer there was a tombstone, or is more than is kept here.
      return record !== undefined && record.key !== null && this.nameOf(record.key) === name
        ? record
        : undefined;
    }
  }

  /** What has come since the last time. */
  private async readOn(): Promise<void> {
    const { range, source } = this;
    if (range === undefined) return;
    const reading = source.read(range.to);
    for (;;) {
      const step = await reading.next();
      if (step.done === true) {
        if (step.value > range.to) range.to = step.value;
        return;
      }
      for (const { key, offset } of step.value) {
        if (key !== null && !this.put(this.nameOf(key), offset)) {
          // Too much for the memory there is: what is newest is asked for most.
          this.forgetAll();
          range.from = offset;
          this.put(this.nameOf(key), offset);
        }
        range.to = offset + 1n;
      }
    }
  }

  /** Reads what lies before, as far as the key, or as what is held. */
  private async lookFurther(name: string, from: bigint): Promise<bigint | undefined> {
    const { range } = this;
    if (range === undefined || range.from <= from) return undefined;
    let isFull = false;
    for await (const records of this.source.readBackward(range.from)) {
      let found: bigint | undefined;
      for (const { key, offset } of records) {
        const each = key === null ? undefined : this.nameOf(key);
        if (each !== undefined && !isFull && !this.offsets.has(each)) isFull = !this.put(each, offset);
        if (!isFull) range.from = offset;
        if (each === name && found === undefined) found = offset;
        if (found !== undefined) return found;
      }
    }
    if (!isFull) range.from = from;
    return undefined;
  }

  /** Answers false when there is no room for another key. */
  private put(name: string, offset: bigint): boolean {
    if (!this.offsets.has(name)) {
      if (this.bytes >= this.bytesMax) return false;
      this.bytes += name.length + ENTRY_BYTES;
    }
    this.offsets.set(name, offset);
    return true;
  }

  private clear(): void {
    this.forgetAll();
    this.range = undefined;
  }

  private forgetAll(): void {
    this.offsets = new Map();
    this.bytes = 0;
  }

  /** Each byte is one character: no two keys have one name. */
  private nameOf(key: Uint8Array): string {
    return this.decoder.decode(key);
  }
}
