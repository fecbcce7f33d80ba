/** The offset of the last record of each key, in bounded memory. */

/** What an entry takes besides its key's bytes, about. */
const ENTRY_BYTES = 96;
/** Most entries that a JavaScript Map takes; one more throws. */
const KEYS_MAX = 2 ** 24;

export class OffsetMap {
  private readonly offsets = new Map<string, bigint>();
  private readonly decoder = new TextDecoder("latin1");
  private readonly bytesMax: number;
  private readonly keysMax: number;
  private bytes = 0;
  /** The offset after the last record that was put. */
  private end: bigint;

  /** Whatever memory there is, it holds at most `keysMax` keys. */
  constructor(from: bigint, bytesMax: number, keysMax = KEYS_MAX) {
    this.end = from;
    this.bytesMax = bytesMax;
    this.keysMax = keysMax;
  }

  /** Records from here on are not known: whatever their keys, they stay. */
  get endOffset(): bigint {
    return this.end;
  }
  get size(): number {
    return this.offsets.size;
  }

  /** Offsets rise from call to call. Answers false, and takes nothing, when there is no room for a key that is new. */
  put(key: Uint8Array, offset: bigint): boolean {
    const name = this.nameOf(key);
    if (!this.offsets.has(name)) {
      if (this.bytes >= this.bytesMax || this.offsets.size >= this.keysMax) return false;
      this.bytes += key.length + ENTRY_BYTES;
    }
    this.offsets.set(name, offset);
    return true;
  }

  /** Everything before `offset` was put. */
  reached(offset: bigint): void {
    this.end = offset;
  }

  /** Whether a record with the same key comes after this one. */
  isSuperseded(key: Uint8Array, offset: bigint): boolean {
    const last = this.offsets.get(this.nameOf(key));
    return last !== undefined && last > offset;
  }

  /** Each byte is one character: no two keys have one name. */
  private nameOf(key: Uint8Array): string {
    return this.decoder.decode(key);
  }
}
