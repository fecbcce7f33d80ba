/**
 * A store on a database that the browser may close or throw away under the tab: whoever uses it then is told, and the next use
 * opens it anew, empty perhaps. A database that is gone is not tried again: its connection never comes back.
 */
import type { StoreFile } from "../log/store.ts";
import { isConnectionGone } from "./databases.ts";
import type { ReadableStore } from "./core/directory-store.ts";

/** The store as it is opened once. */
export type OpenStore = (onLost: (reason: string) => void) => Promise<ReadableStore>;

export class HealingStore implements ReadableStore {
  private readonly openOnce: OpenStore;
  private readonly listeners = new Set<(reason: string) => void>();
  private current: Promise<ReadableStore> | undefined;
  private isClosed = false;

  constructor(open: OpenStore) {
    this.openOnce = open;
  }

  onLost(listener: (reason: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  list(prefix: string): Promise<string[]> {
    return this.use((store) => store.list(prefix));
  }

  /** A file that was opened before its database was lost is lost with it. */
  open(name: string): Promise<StoreFile> {
    return this.use((store) => store.open(name));
  }

  readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    return this.use((store) => store.readAt(name, position, length));
  }

  size(name: string): Promise<number> {
    return this.use((store) => store.size(name));
  }

  read(name: string): Promise<Uint8Array | undefined> {
    return this.use((store) => store.read(name));
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    return this.use((store) => store.write(name, bytes));
  }

  rename(from: string, to: string): Promise<void> {
    return this.use((store) => store.rename(from, to));
  }

  delete(names: readonly string[]): Promise<void> {
    return this.use((store) => store.delete(names));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const store = await this.current?.catch(() => undefined);
    await store?.close();
  }

  private async use<T>(work: (store: ReadableStore) => Promise<T>): Promise<T> {
    const opening = (this.current ??= this.openNow());
    try {
      return await work(await opening);
    } catch (error) {
      if (isConnectionGone(error)) this.lose(opening, error.message);
      throw error;
    }
  }

  private openNow(): Promise<ReadableStore> {
    if (this.isClosed) return Promise.reject(new Error("the store is closed"));
    const opening: Promise<ReadableStore> = this.openOnce((reason) => this.lose(opening, reason));
    // What cannot be opened now is tried anew by the next use.
    opening.catch(() => this.forget(opening));
    return opening;
  }

  private lose(opening: Promise<ReadableStore>, reason: string): void {
    if (!this.forget(opening) || this.isClosed) return;
    // A connection that is gone in all but name keeps others from deleting the database.
    opening.then((store) => store.close()).catch(() => undefined);
    for (const listener of this.listeners) listener(reason);
  }

  private forget(opening: Promise<ReadableStore>): boolean {
    if (this.current !== opening) return false;
    this.current = undefined;
    return true;
  }
}
