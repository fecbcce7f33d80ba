/** A part of a store, by a prefix that all its names have: topics of one name and different ids are kept apart by it. */
import type { Store } from "../../log/store.ts";

/** A store that can also be read by those who must not make files in it. */
export interface ReadableStore extends Store {
  /** Bytes of a file as it is in the store now, as far as there are any, in memory of their own. */
  readAt(name: string, position: number, length: number): Promise<Uint8Array>;
  /** Calls `listener` with the reason when all that is open in the store is lost; it can be opened anew. Answers how to stop. */
  onLost(listener: (reason: string) => void): () => void;
  /** Bytes of a file now; 0 when it is not there. */
  size(name: string): Promise<number>;
}

export function directoryStore(store: ReadableStore, prefix: string): ReadableStore {
  return {
    list: async (name) => (await store.list(prefix + name)).map((each) => each.slice(prefix.length)),
    open: (name) => store.open(prefix + name),
    readAt: (name, position, length) => store.readAt(prefix + name, position, length),
    onLost: (listener) => store.onLost(listener),
    size: (name) => store.size(prefix + name),
    read: (name) => store.read(prefix + name),
    write: (name, bytes) => store.write(prefix + name, bytes),
    rename: (from, to) => store.rename(prefix + from, prefix + to),
    delete: (names) => store.delete(names.map((name) => prefix + name)),
    // The whole is not this part's to close.
    close: () => Promise.resolve(),
  };
}
