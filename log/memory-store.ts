/** A store that forgets: for tests, and for tabs that have no IndexedDB. */
import type { Store, StoreFile } from "./store.ts";

export class MemoryStore implements Store {
  private readonly files = new Map<string, MemoryFile>();

  list(prefix: string): Promise<string[]> {
    return Promise.resolve([...this.files.keys()].filter((name) => name.startsWith(prefix)).sort());
  }

  open(name: string): Promise<StoreFile> {
    const file = this.files.get(name) ?? new MemoryFile(name);
    this.files.set(name, file);
    return Promise.resolve(file);
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    const file = this.files.get(name);
    return file?.read(0, file.size);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const file = new MemoryFile(name);
    await file.append([bytes]);
    this.files.set(name, file);
  }

  rename(from: string, to: string): Promise<void> {
    const file = this.files.get(from);
    if (file === undefined) return Promise.reject(new Error(`there is no file ${from}`));
    this.files.delete(from);
    this.files.set(to, file.named(to));
    return Promise.resolve();
  }

  delete(names: readonly string[]): Promise<void> {
    for (const name of names) this.files.delete(name);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Grows by doubling, so that a long run of small appends stays linear. */
class MemoryFile implements StoreFile {
  readonly name: string;
  size = 0;
  private bytes = new Uint8Array(0);

  constructor(name: string) {
    this.name = name;
  }

  /** Another handle on the same bytes, which nobody else writes to any more. */
  named(name: string): MemoryFile {
    const file = new MemoryFile(name);
    file.bytes = this.bytes;
    file.size = this.size;
    return file;
  }

  append(pieces: readonly Uint8Array[]): Promise<void> {
    const added = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.reserve(this.size + added);
    for (const piece of pieces) {
      this.bytes.set(piece, this.size);
      this.size += piece.length;
    }
    return Promise.resolve();
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.bytes.slice(position, Math.min(position + length, this.size)));
  }

  truncate(size: number): Promise<void> {
    if (size > this.size)
      return Promise.reject(new RangeError(`${this.name} has ${this.size} bytes, not ${size}`));
    this.size = size;
    return Promise.resolve();
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private reserve(size: number): void {
    if (size <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(size, this.bytes.length * 2, 256));
    larger.set(this.bytes.subarray(0, this.size));
    this.bytes = larger;
  }
}
