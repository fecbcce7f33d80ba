const FIRST_BYTES = 256;

/** Bytes gathered piece by piece, in one buffer that doubles. */
export class ByteSink {
  private buffer = new Uint8Array(0);
  private size = 0;

  /** Number of bytes gathered. */
  get length(): number {
    return this.size;
  }

  append(bytes: Uint8Array): void {
    const size = this.size + bytes.length;
    if (size > this.buffer.length) {
      const larger = new Uint8Array(Math.max(size, this.buffer.length * 2, FIRST_BYTES));
      larger.set(this.view());
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.size);
    this.size = size;
  }

  /** Forgets the bytes and keeps the buffer. */
  clear(): void {
    this.size = 0;
  }

  /** The bytes gathered, valid until the next change. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.size);
  }
}
