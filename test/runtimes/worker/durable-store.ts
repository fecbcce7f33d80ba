/**
 * A log's bytes in a Durable Object's own SQLite: a file is a row of `files`, its bytes are rows of `chunks` by file and
 * position. SQL runs at once and in order; what runs without an await in between is one transaction. Nothing that the
 * object sends leaves it before the writes made so far are durable, so an append that has resolved has survived whatever
 * anybody outside has seen; `sync` waits for that in the inside, too.
 */
import type { Store, StoreFile } from "../../../log/store.ts";

/** What a store needs of a Durable Object's `ctx.storage`. */
export interface DurableStorage {
  readonly sql: {
    exec(
      query: string,
      ...values: readonly (string | number | Uint8Array)[]
    ): Iterable<Record<string, unknown>>;
  };
  transactionSync<T>(change: () => T): T;
  sync(): Promise<void>;
}

/** A row holds at most 2 MB. */
const CHUNK_BYTES_MAX = 1024 * 1024;
/** A chunk at a file's end that is smaller is written anew with what is appended. */
const CHUNK_BYTES_MIN = 32 * 1024;

interface Chunk {
  readonly position: number;
  readonly bytes: Uint8Array;
}

export class DurableStore implements Store {
  private readonly storage: DurableStorage;

  constructor(storage: DurableStorage) {
    this.storage = storage;
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID",
    );
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS chunks (name TEXT, position INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (name, position))",
    );
  }

  /** SQLite compares text by its bytes in UTF-8, which is by code point. */
  async list(prefix: string): Promise<string[]> {
    const query = "SELECT name FROM files WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
    return Array.from(this.storage.sql.exec(query, prefix), (row) => String(row["name"]));
  }

  async open(name: string): Promise<StoreFile> {
    this.storage.sql.exec("INSERT OR IGNORE INTO files VALUES (?, 0)", name);
    return new DurableFile(this.storage, name, sizeOf(this.storage, name) ?? 0);
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    const size = sizeOf(this.storage, name);
    return size === undefined ? undefined : readRange(this.storage, name, 0, size);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    this.storage.transactionSync(() => {
      this.storage.sql.exec("DELETE FROM chunks WHERE name = ?", name);
      putChunks(this.storage, name, 0, bytes);
      setSize(this.storage, name, bytes.byteLength);
    });
    await this.storage.sync();
  }

  async rename(from: string, to: string): Promise<void> {
    if (sizeOf(this.storage, from) === undefined) throw new Error(`there is no file ${from}`);
    this.storage.transactionSync(() => {
      for (const table of ["chunks", "files"]) {
        this.storage.sql.exec(`DELETE FROM ${table} WHERE name = ?`, to);
        this.storage.sql.exec(`UPDATE ${table} SET name = ? WHERE name = ?`, to, from);
      }
    });
    await this.storage.sync();
  }

  async delete(names: readonly string[]): Promise<void> {
    this.storage.transactionSync(() => {
      for (const name of names) {
        this.storage.sql.exec("DELETE FROM chunks WHERE name = ?", name);
        this.storage.sql.exec("DELETE FROM files WHERE name = ?", name);
      }
    });
    await this.storage.sync();
  }

  async close(): Promise<void> {
    await this.storage.sync();
  }
}

class DurableFile implements StoreFile {
  readonly name: string;
  size: number;
  private readonly storage: DurableStorage;

  constructor(storage: DurableStorage, name: string, size: number) {
    this.storage = storage;
    this.name = name;
    this.size = size;
  }

  async append(pieces: readonly Uint8Array[]): Promise<void> {
    const added = concat(pieces);
    if (added.byteLength === 0) return;
    const position = this.size;
    this.storage.transactionSync(() => {
      const last = lastChunk(this.storage, this.name);
      if (last !== undefined && last.bytes.byteLength < CHUNK_BYTES_MIN)
        putChunks(this.storage, this.name, last.position, concat([last.bytes, added]));
      else putChunks(this.storage, this.name, position, added);
      setSize(this.storage, this.name, position + added.byteLength);
    });
    this.size = position + added.byteLength;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    return readRange(this.storage, this.name, position, Math.min(position + length, this.size));
  }

  async truncate(size: number): Promise<void> {
    if (size > this.size) throw new RangeError(`${this.name} has ${this.size} bytes, not ${size}`);
    this.storage.transactionSync(() => {
      this.storage.sql.exec("DELETE FROM chunks WHERE name = ? AND position >= ?", this.name, size);
      const last = lastChunk(this.storage, this.name);
      if (last !== undefined && last.position + last.bytes.byteLength > size)
        putChunks(this.storage, this.name, last.position, last.bytes.subarray(0, size - last.position));
      setSize(this.storage, this.name, size);
    });
    this.size = size;
  }

  sync(): Promise<void> {
    return this.storage.sync();
  }

  close(): Promise<void> {
    return this.storage.sync();
  }
}

function sizeOf({ sql }: DurableStorage, name: string): number | undefined {
  for (const row of sql.exec("SELECT size FROM files WHERE name = ?", name)) return Number(row["size"]);
  return undefined;
}

function setSize({ sql }: DurableStorage, name: string, size: number): void {
  sql.exec("INSERT OR REPLACE INTO files VALUES (?, ?)", name, size);
}

function chunkOf(row: Record<string, unknown>): Chunk {
  return { position: Number(row["position"]), bytes: new Uint8Array(row["bytes"] as ArrayBuffer) };
}

function lastChunk({ sql }: DurableStorage, name: string): Chunk | undefined {
  const query = "SELECT position, bytes FROM chunks WHERE name = ? ORDER BY position DESC LIMIT 1";
  for (const row of sql.exec(query, name)) return chunkOf(row);
  return undefined;
}

/** Cuts bytes into rows; one that is at the same position is replaced. */
function putChunks({ sql }: DurableStorage, name: string, position: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES_MAX) {
    // A copy: bindings take the whole of the buffer that a view is on.
    const chunk = bytes.slice(at, at + CHUNK_BYTES_MAX);
    sql.exec("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?)", name, position + at, chunk);
  }
}

/** Fresh bytes of [from, to). */
function readRange({ sql }: DurableStorage, name: string, from: number, to: number): Uint8Array {
  const result = new Uint8Array(Math.max(to - from, 0));
  const query =
    "SELECT position, bytes FROM chunks WHERE name = ?1 AND position < ?2 AND position >= " +
    "coalesce((SELECT max(position) FROM chunks WHERE name = ?1 AND position <= ?3), 0) ORDER BY position";
  for (const row of sql.exec(query, name, to, from)) {
    const { position, bytes } = chunkOf(row);
    const start = Math.max(from - position, 0);
    const end = Math.min(to - position, bytes.byteLength);
    if (start < end) result.set(bytes.subarray(start, end), position + start - from);
  }
  return result;
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    result.set(piece, at);
    at += piece.byteLength;
  }
  return result;
}
