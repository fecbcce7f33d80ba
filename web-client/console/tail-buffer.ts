/** The rows of the tail: bounded in count and in bytes, so that a page left open for a week weighs what it weighed. */
import type { RecordHeader } from "../index.ts";

/** One record as the console shows it. Its bytes are its own: no row keeps a whole batch alive. */
export interface TailRow {
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since the epoch; -1 when the producer gave none. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** What a row costs beside its key and value: the objects around them. */
const ROW_BYTES = 200;

export class TailBuffer {
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  #rows: TailRow[] = [];
  #bytes = 0;
  #received = 0;

  constructor(limits: { rowsMax: number; bytesMax: number }) {
    this.#rowsMax = limits.rowsMax;
    this.#bytesMax = limits.bytesMax;
  }

  /** How many rows were ever added. */
  get received(): number {
    return this.#received;
  }

  /** No more can be added without the oldest going. */
  get isFull(): boolean {
    return this.#rows.length >= this.#rowsMax || this.#bytes >= this.#bytesMax;
  }

  /** Adds at the newest end. The oldest go when there are too many; the newest always stays, however large it is. */
  push(row: TailRow): void {
    this.#rows.push(row);
    this.#bytes += rowBytes(row);
    this.#received += 1;
    // Cut a tenth below the limit at once: moving thousands of rows by one for every record would cost more.
    if (this.#rows.length > this.#rowsMax * 1.1 || this.#bytes > this.#bytesMax * 1.1) this.#trim();
  }

  /** The newest rows, oldest first, at most as many as the limit says; a copy that later pushes leave alone. */
  rows(): readonly TailRow[] {
    return this.#rows.slice(-this.#rowsMax);
  }

  clear(): void {
    this.#rows = [];
    this.#bytes = 0;
  }

  #trim(): void {
    let dropped = 0;
    while (
      dropped < this.#rows.length - 1 &&
      (this.#rows.length - dropped > this.#rowsMax || this.#bytes > this.#bytesMax)
    ) {
      const oldest = this.#rows[dropped];
      if (oldest !== undefined) this.#bytes -= rowBytes(oldest);
      dropped += 1;
    }
    this.#rows.splice(0, dropped);
  }
}

function rowBytes(row: TailRow): number {
  let bytes = ROW_BYTES + (row.key?.length ?? 0) + (row.value?.length ?? 0);
  for (const header of row.headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}
