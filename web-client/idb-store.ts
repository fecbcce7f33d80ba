/**
 * A log's bytes in IndexedDB: a file is a row of `files` and its bytes are rows of `chunks`, by file and position. An
 * append adds one row; small rows at a file's end are merged as they gather, so that a row holds 256 KiB to 1 MiB.
 */
import type { DBSchema, IDBPDatabase, IDBPObjectStore, IDBPTransaction } from "idb";
import type { Store, StoreFile } from "../log/store.ts";
import { Superseded } from "../sync/outbox-rows.ts";
import { RowCache } from "./row-cache.ts";
import type { Row } from "./row-cache.ts";

export interface ChunkSchema extends DBSchema {
  files: { key: string; value: { readonly name: string; readonly size: number } };
  chunks: { key: [file: string, position: number]; value: Uint8Array };
  /** One row: the term of the tab that may write. */
  terms: { key: string; value: number };
}

/** Stores of the schema, to be made in an upgrade. */
export function createChunkStores(database: IDBPDatabase<ChunkSchema>): void {
  database.createObjectStore("files", { keyPath: "name" });
  database.createObjectStore("chunks");
}

/** As above. */
export function createTermStore(database: IDBPDatabase<ChunkSchema>): void {
  database.createObjectStore("terms");
}

type Database = IDBPDatabase<ChunkSchema>;
type Stores = ("files" | "chunks" | "terms")[];
type Transaction = IDBPTransaction<ChunkSchema, Stores, "readwrite">;

const STORES: Stores = ["files", "chunks", "terms"];
const TERM = "leader";
const CHUNK_BYTES_MIN = 256 * 1024;
const CHUNK_BYTES_MAX = 1024 * 1024;
/** So many rows at a file's end are merged into one, however small they are. */
const LOOSE_ROWS_MAX = 16;

/**
 * Under which term this tab leads now; undefined: it does not, and nothing is written. It is told of a `later` one that the store
 * knows of, and refuses this one for.
 */
export type LeaderTerm = (later?: number) => number | undefined;

/**
 * `durability` is that of appends; all else, and `sync`, is strict. What is written rejects with Superseded when a tab has
 * written under a later term. `close` closes the database.
 */
export class IdbStore implements Store {
  private readonly database: Database;
  private readonly durability: IDBTransactionDurability;
  private readonly term: LeaderTerm;
  private readonly cache = new RowCache();

  constructor(database: Database, durability: IDBTransactionDurability, term: LeaderTerm) {
    this.database = database;
    this.durability = durability;
    this.term = term;
  }

  /** This tab writes from now on: what it reads afterwards, nobody with an earlier term can change any more. */
  async lead(): Promise<void> {
    await change(this.database, "relaxed", this.term, () => []);
    // Another tab may have led since this one did.
    this.cache.clear();
  }

  /** IndexedDB orders strings by code unit; no name of a file holds the last of them. */
  list(prefix: string): Promise<string[]> {
    return this.database.getAllKeys("files", IDBKeyRange.bound(prefix, `${prefix}\uffff`));
  }

  async open(name: string): Promise<StoreFile> {
    const row = await this.database.get("files", name);
    if (row === undefined)
      await change(this.database, "strict", this.term, ({ files }) => [files.put({ name, size: 0 })]);
    const size = row?.size ?? 0;
    return new IdbFile(
      this.database,
      this.durability,
      this.term,
      this.cache,
      name,
      size,
      await looseChunks(this.database, name, size),
    );
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    const transaction = this.database.transaction(STORES);
    const [row, pieces] = await Promise.all([
      transaction.objectStore("files").get(name),
      transaction.objectStore("chunks").getAll(chunksOf(name)),
    ]);
    return row && concat(pieces);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const chunks = [...cut([bytes], 0)];
    this.cache.forget(name);
    await change(this.database, "strict", this.term, ({ files, rows }) => [
      rows.delete(chunksOf(name)),
      ...chunks.map((chunk) => rows.put(chunk.bytes, [name, chunk.position])),
      files.put({ name, size: bytes.byteLength }),
    ]);
  }

  async rename(from: string, to: string): Promise<void> {
    for (const name of [from, to]) this.cache.forget(name);
    const { transaction, checked } = begin(this.database, "strict", this.term);
    await checked;
    const [files, rows] = [transaction.objectStore("files"), transaction.objectStore("chunks")];
    const row = await files.get(from);
    if (row === undefined) throw new Error(`there is no file ${from}`);
    await Promise.all([
      files.delete(from),
      rows.delete(chunksOf(to)),
      files.put({ name: to, size: row.size }),
    ]);
    let cursor = await rows.openCursor(chunksOf(from));
    while (cursor !== null) {
      await rows.put(cursor.value, [to, cursor.key[1]]);
      cursor = await cursor.continue();
    }
    await rows.delete(chunksOf(from));
    await transaction.done;
  }

  async delete(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    for (const name of names) this.cache.forget(name);
    await change(this.database, "strict", this.term, ({ files, rows }) =>
      names.flatMap((name) => [files.delete(name), rows.delete(chunksOf(name))]),
    );
  }

  /** As a file's `read`, without opening it: makes no file, and sees what another tab has appended. */
  readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    return readRows(this.database, name, position, position + length).then((rows) =>
      cutOut(rows, position, position + length),
    );
  }

  /** It is the database's owner who hears of that. */
  onLost(): () => void {
    return () => undefined;
  }

  async size(name: string): Promise<number> {
    return (await this.database.get("files", name))?.size ?? 0;
  }

  close(): Promise<void> {
    this.database.close();
    return Promise.resolve();
  }
}

class IdbFile implements StoreFile {
  readonly name: string;
  size: number;
  private readonly database: Database;
  private readonly durability: IDBTransactionDurability;
  private readonly term: LeaderTerm;
  /** Only this tab writes the file: what was read of it stays true until this object changes it. */
  private readonly cache: RowCache;
  /** Rows at the end that are smaller than a chunk should be; what merging them needs is in memory. */
  private loose: Row[];
  /** An append that failed leaves a hole: nothing may follow on it. */
  private broken: Error | undefined;

  constructor(
    database: Database,
    durability: IDBTransactionDurability,
    term: LeaderTerm,
    cache: RowCache,
    name: string,
    size: number,
    loose: Row[],
  ) {
    this.database = database;
    this.durability = durability;
    this.term = term;
    this.cache = cache;
    this.name = name;
    this.size = size;
    this.loose = loose;
  }

  async append(pieces: readonly Uint8Array[]): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    const position = this.size;
    const addedBytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    if (addedBytes === 0) return;
    this.size += addedBytes;
    const { size, name, loose } = this;
    const looseBytes = loose.reduce((sum, chunk) => sum + chunk.bytes.byteLength, 0);
    const isMerged = loose.length >= LOOSE_ROWS_MAX || looseBytes + addedBytes >= CHUNK_BYTES_MIN;
    const chunks = isMerged
      ? [...cut([...loose.map((chunk) => chunk.bytes), ...pieces], loose[0]?.position ?? position)]
      : [{ position, bytes: concat(pieces) }];
    const gone = isMerged ? loose.slice(1) : [];
    const rest = isMerged ? chunks.slice(-1) : [...loose, ...chunks];
    this.loose = rest.filter((chunk) => chunk.bytes.byteLength < CHUNK_BYTES_MIN);
    try {
      await change(this.database, this.durability, this.term, ({ files, rows }) => [
        ...gone.map((chunk) => rows.delete([name, chunk.position])),
        ...chunks.map((chunk) => rows.put(chunk.bytes, [name, chunk.position])),
        files.put({ name, size }),
      ]);
      // Who reads along, and who publishes and reads, want what has just come.
      for (const chunk of chunks) this.cache.add(name, chunk);
    } catch (error) {
      this.broken = error instanceof Error ? error : new Error(String(error));
      throw this.broken;
    }
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const end = Math.min(position + length, this.size);
    const rows: Row[] = [];
    let at = position;
    for (let row = this.cache.find(this.name, at); row !== undefined && at < end;) {
      rows.push(row);
      at = row.position + row.bytes.byteLength;
      row = this.cache.find(this.name, at);
    }
    if (at < end) {
      const { age } = this.cache;
      const read = await readRows(this.database, this.name, at, end);
      if (age === this.cache.age) for (const row of read) this.cache.add(this.name, row);
      rows.push(...read);
    }
    return cutOut(rows, position, end);
  }

  async truncate(size: number): Promise<void> {
    if (size > this.size) throw new RangeError(`${this.name} has ${this.size} bytes, not ${size}`);
    const { name } = this;
    this.size = size;
    this.loose = [];
    this.cache.forget(name);
    const { transaction, checked } = begin(this.database, "strict", this.term);
    await checked;
    const rows = transaction.objectStore("chunks");
    const cursor = await rows.openCursor(IDBKeyRange.bound([name, -1], [name, size], false, true), "prev");
    const changes: Promise<unknown>[] = [];
    if (cursor !== null) {
      const [, start] = cursor.key;
      const isCut = start + cursor.value.byteLength > size;
      if (isCut) changes.push(cursor.update(cursor.value.slice(0, size - start)));
    }
    changes.push(rows.delete(IDBKeyRange.bound([name, size], [name, Infinity])));
    changes.push(transaction.objectStore("files").put({ name, size }));
    await Promise.all([...changes, transaction.done]);
  }

  /** A strict transaction makes all earlier ones durable with it: browsers keep one journal. */
  async sync(): Promise<void> {
    const { name, size } = this;
    await change(this.database, "strict", this.term, ({ files }) => [files.put({ name, size })]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The rows that bytes [position, end) of a file lie in, as far as there are any. */
async function readRows(database: Database, name: string, position: number, end: number): Promise<Row[]> {
  if (end <= position) return [];
  const rows = database.transaction("chunks").store;
  // The row that `position` lies in may begin before it. Asked each time: another tab may have merged rows.
  const first = await rows.openKeyCursor(IDBKeyRange.bound([name, 0], [name, position]), "prev");
  if (first === null) return [];
  let [, next] = first.key;
  const pieces = await rows.getAll(IDBKeyRange.bound([name, next], [name, end], false, true));
  return pieces.map((bytes) => {
    const row = { position: next, bytes };
    next += bytes.byteLength;
    return row;
  });
}

/** Bytes [position, end), as far as the rows have them, in memory of their own. */
function cutOut(rows: readonly Row[], position: number, end: number): Uint8Array {
  let at = position;
  const pieces: Uint8Array[] = [];
  for (const row of rows) {
    const piece = row.bytes.subarray(Math.max(at - row.position, 0), Math.max(end - row.position, 0));
    pieces.push(piece);
    at += piece.byteLength;
  }
  return concat(pieces);
}

/** One readwrite transaction whose requests are all made at once. Resolves when it is complete. */
async function change(
  database: Database,
  durability: IDBTransactionDurability,
  term: LeaderTerm,
  requests: (stores: {
    files: IDBPObjectStore<ChunkSchema, Stores, "files", "readwrite">;
    rows: IDBPObjectStore<ChunkSchema, Stores, "chunks", "readwrite">;
  }) => Promise<unknown>[],
): Promise<void> {
  const { transaction, checked } = begin(database, durability, term);
  const stores = { files: transaction.objectStore("files"), rows: transaction.objectStore("chunks") };
  await Promise.all([checked, ...requests(stores), transaction.done]);
}

/** Whatever writes begins here. `checked` rejects with Superseded when the term is over: then nothing is written. */
function begin(
  database: Database,
  durability: IDBTransactionDurability,
  term: LeaderTerm,
): { transaction: Transaction; checked: Promise<void> } {
  const mine = term();
  if (mine === undefined) throw new Superseded();
  const transaction = database.transaction(STORES, "readwrite", { durability });
  return { transaction, checked: checkTerm(transaction, mine, term) };
}

async function checkTerm(transaction: Transaction, mine: number, term: LeaderTerm): Promise<void> {
  const terms = transaction.objectStore("terms");
  const stored = (await terms.get(TERM)) ?? 0;
  if (stored > mine) {
    transaction.abort();
    term(stored);
    throw new Superseded();
  }
  if (stored < mine) await terms.put(mine, TERM);
}

/** The small rows at the end of a file, as an earlier visit has left them. */
async function looseChunks(database: Database, name: string, size: number): Promise<Row[]> {
  const loose: Row[] = [];
  let end = size;
  let cursor = await database.transaction("chunks").store.openCursor(chunksOf(name), "prev");
  while (cursor !== null && loose.length < LOOSE_ROWS_MAX) {
    const [, position] = cursor.key;
    if (end - position >= CHUNK_BYTES_MIN) break;
    loose.unshift({ position, bytes: cursor.value });
    end = position;
    cursor = await cursor.continue();
  }
  return loose;
}

function chunksOf(name: string): IDBKeyRange {
  return IDBKeyRange.bound([name, 0], [name, Infinity]);
}

/** What stands at `position` as rows of the largest size, the last one of the rest, each in memory of its own. */
function* cut(pieces: readonly Uint8Array[], position: number): Generator<Row, void, void> {
  let left = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  let row = new Uint8Array(Math.min(left, CHUNK_BYTES_MAX));
  let [filled, at] = [0, position];
  for (const piece of pieces) {
    for (let taken = 0; taken < piece.byteLength;) {
      const part = piece.subarray(taken, taken + row.byteLength - filled);
      row.set(part, filled);
      taken += part.byteLength;
      filled += part.byteLength;
      if (filled < row.byteLength) continue;
      yield { position: at, bytes: row };
      at += filled;
      left -= filled;
      row = new Uint8Array(Math.min(left, CHUNK_BYTES_MAX));
      filled = 0;
    }
  }
}

/** Fresh bytes: whatever the pieces are views on stays with its owner. */
function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
