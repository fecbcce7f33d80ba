/** What a tab keeps where the origin has no store to share: in memory. */
import { MemoryStore } from "../../log/memory-store.ts";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import type { Device } from "./device.ts";
import type { ReadableStore } from "./directory-store.ts";
import { KnownCluster } from "./known-cluster.ts";
import { TabLocks } from "./locks.ts";

class ReadableMemoryStore extends MemoryStore implements ReadableStore {
  async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    return (await this.open(name)).read(position, length);
  }

  onLost(): () => void {
    return () => undefined;
  }

  async size(name: string): Promise<number> {
    return (await this.list(name)).includes(name) ? (await this.open(name)).size : 0;
  }
}

/** A device of one tab alone: nothing survives it. */
export class MemoryDevice extends KnownCluster implements Device {
  readonly storage = "memory";
  readonly storageReason: string;
  readonly name: string;
  readonly locks = new TabLocks();
  readonly outbox = new MemoryOutboxStore();
  private readonly read = new Map<string, Map<number, bigint>>();
  private readonly stores = new Map<string, ReadableMemoryStore>();

  /**
   * What this tab has is its own: what another tab of the same account says would be taken for it. So its name is drawn
   * with `random`, which answers [0, 1).
   */
  constructor(account: string, random: () => number, reason = "this device has no store") {
    super();
    this.storageReason = reason;
    const drawn = Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32));
    this.name = `${account}/${drawn.join("-")}`;
  }

  /** Nobody else is there to be kept out. */
  lead(): Promise<void> {
    return Promise.resolve();
  }

  follow(): void {
    // As above.
  }

  onLaterTerm(): void {
    // As above.
  }

  onEmptied(): void {
    // It is never thrown away before its tab.
  }

  enterCluster(clusterId: string): Promise<void> {
    if (clusterId !== this.cluster) {
      this.known = new Map();
      this.ranges = new Map();
    }
    this.cluster = clusterId;
    return Promise.resolve();
  }

  positions(name: string, topicId: string): Promise<ReadonlyMap<number, bigint>> {
    return Promise.resolve(new Map(this.read.get(`${topicId}/${name}`)));
  }

  notePositions(name: string, topicId: string, positions: ReadonlyMap<number, bigint>): Promise<void> {
    const key = `${topicId}/${name}`;
    this.read.set(key, new Map([...(this.read.get(key) ?? []), ...positions]));
    return Promise.resolve();
  }

  replicas(clusterId: string): Promise<ReadableStore> {
    const store = this.stores.get(clusterId) ?? new ReadableMemoryStore();
    this.stores.set(clusterId, store);
    return Promise.resolve(store);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
