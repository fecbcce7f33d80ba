/**
 * A sparse index in memory: entries of one size in pages of at most 512, so that it grows without being copied and that a
 * look-up hands the engine one small page, not megabytes.
 */
const PAGE_ENTRIES = 512;

export class IndexPages {
  private readonly entryBytes: number;
  /** All full but the last, none empty. */
  private readonly pages: Uint8Array[] = [];
  private inLastPage = PAGE_ENTRIES;

  /** Starts with the whole entries of `bytes`. */
  constructor(entryBytes: number, bytes: Uint8Array = new Uint8Array(0)) {
    this.entryBytes = entryBytes;
    const pageBytes = entryBytes * PAGE_ENTRIES;
    const whole = bytes.length - (bytes.length % entryBytes);
    for (let at = 0; at < whole; at += pageBytes) {
      const page = new Uint8Array(pageBytes);
      page.set(bytes.subarray(at, Math.min(at + pageBytes, whole)));
      this.pages.push(page);
      this.inLastPage = Math.min(PAGE_ENTRIES, (whole - at) / entryBytes);
    }
  }

  get entries(): number {
    return this.pages.length === 0 ? 0 : (this.pages.length - 1) * PAGE_ENTRIES + this.inLastPage;
  }

  /** A new entry at the end, to be filled at once. */
  push(): DataView {
    let page = this.pages.at(-1);
    if (page === undefined || this.inLastPage === PAGE_ENTRIES) {
      page = new Uint8Array(this.entryBytes * PAGE_ENTRIES);
      this.pages.push(page);
      this.inLastPage = 0;
    }
    return new DataView(page.buffer, this.inLastPage++ * this.entryBytes, this.entryBytes);
  }

  /** The last entry, or undefined when there is none. */
  last(): DataView | undefined {
    const page = this.pages.at(-1);
    if (page === undefined) return undefined;
    return new DataView(page.buffer, (this.inLastPage - 1) * this.entryBytes, this.entryBytes);
  }

  /** The page with the last entry that `wanted` holds for, which it does for none after the first that it fails for. */
  pageOfLast(wanted: (entry: DataView) => boolean): Uint8Array | undefined {
    let low = 0;
    let high = this.pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const page = this.pages[middle];
      if (page !== undefined && wanted(new DataView(page.buffer, 0, this.entryBytes))) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.filled(low - 1);
  }

  /** All entries, as a file holds them. */
  bytes(): Uint8Array {
    const whole = new Uint8Array(this.entries * this.entryBytes);
    for (const index of this.pages.keys())
      whole.set(this.filled(index), index * PAGE_ENTRIES * this.entryBytes);
    return whole;
  }

  private filled(index: number): Uint8Array {
    const page = this.pages[index] ?? new Uint8Array(0);
    return index === this.pages.length - 1 ? page.subarray(0, this.inLastPage * this.entryBytes) : page;
  }
}
