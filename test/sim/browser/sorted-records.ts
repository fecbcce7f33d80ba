/**
 * The records of one object store or index, sorted, in place of fake-indexeddb's: its trees keep what was deleted and walk
 * through it again and again, which took most of the time of a run.
 */

export type Key = number | string | readonly Key[];

export interface Stored {
  readonly key: Key;
  /** Of an index: the key of the record in its store. */
  readonly value: unknown;
}

export interface Range {
  readonly lower: Key | undefined;
  readonly upper: Key | undefined;
  readonly lowerOpen: boolean;
  readonly upperOpen: boolean;
}

/** Answers as the package's `RecordStore` does, for keys of numbers, strings and arrays of them. */
export class SortedRecords {
  private readonly keysAreUnique: boolean;
  private records: Stored[] = [];

  constructor(keysAreUnique: boolean) {
    this.keysAreUnique = keysAreUnique;
  }

  /** The first one. */
  get(key: Key | Range): Stored | undefined {
    const [from, to] = this.within(key);
    return from < to ? this.records[from] : undefined;
  }

  /** Answers the record that it takes the place of. */
  put(record: Stored, noOverwrite = false): Stored | undefined {
    const at = this.placeOf(record);
    const there = this.records[at];
    if (there === undefined || this.order(there, record) !== 0) {
      this.records.splice(at, 0, record);
      return undefined;
    }
    if (noOverwrite) throw new DOMException("there is such a record", "ConstraintError");
    this.records[at] = record;
    return there;
  }

  delete(key: Key | Range): Stored[] {
    const [from, to] = this.within(key);
    return from < to ? this.records.splice(from, to - from) : [];
  }

  deleteByKeyAndValue(key: Key, value: Key): void {
    const at = this.placeOf({ key, value });
    const there = this.records[at];
    if (there === undefined || compare(there.key, key) !== 0) return;
    if (compare(there.value as Key, value) === 0) this.records.splice(at, 1);
  }

  clear(): Stored[] {
    const { records } = this;
    this.records = [];
    return records;
  }

  *values(range?: Range, direction = "next"): Generator<Stored, void, void> {
    const [from, to] = range === undefined ? [0, this.records.length] : this.within(range);
    if (direction === "next") for (let at = from; at < to; at++) yield this.records[at] as Stored;
    else if (direction === "prev") for (let at = to - 1; at >= from; at--) yield this.records[at] as Stored;
    else throw new Error(`the simulated IndexedDB knows no direction ${direction} here`);
  }

  size(): number {
    return this.records.length;
  }

  private order(a: Stored, b: Stored): number {
    const byKey = compare(a.key, b.key);
    return byKey !== 0 || this.keysAreUnique ? byKey : compare(a.value as Key, b.value as Key);
  }

  private placeOf(record: Stored): number {
    return this.first((there) => this.order(there, record) >= 0);
  }

  /** From the first to behind the last. */
  private within(of: Key | Range): readonly [number, number] {
    const range = isRange(of) ? of : { lower: of, upper: of, lowerOpen: false, upperOpen: false };
    const { lower, upper, lowerOpen, upperOpen } = range;
    const from =
      lower === undefined ? 0 : this.first(({ key }) => compare(key, lower) >= (lowerOpen ? 1 : 0));
    const to =
      upper === undefined
        ? this.records.length
        : this.first(({ key }) => compare(key, upper) >= (upperOpen ? 0 : 1));
    return [from, to];
  }

  /** The first place whose record is far enough; all behind it are. */
  private first(isThere: (record: Stored) => boolean): number {
    let from = 0;
    let to = this.records.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (isThere(this.records[middle] as Stored)) to = middle;
      else from = middle + 1;
    }
    return from;
  }
}

function isRange(of: Key | Range): of is Range {
  return typeof of === "object" && !Array.isArray(of);
}

/** -1, 0 or 1. Numbers are before strings, strings before arrays. */
function compare(a: Key, b: Key): number {
  if (typeof a === "object" && typeof b === "object") {
    const length = Math.min(a.length, b.length);
    for (let at = 0; at < length; at++) {
      const order = compare(a[at] as Key, b[at] as Key);
      if (order !== 0) return order;
    }
    return Math.sign(a.length - b.length);
  }
  if (typeof a !== typeof b) return rank(a) < rank(b) ? -1 : 1;
  return a === b ? 0 : a > b ? 1 : -1;
}

function rank(key: Key): number {
  return typeof key === "number" ? 0 : typeof key === "string" ? 1 : 2;
}
