/** What this device keeps for one address and one principal; in memory where the origin has no store to share. */
import { MemoryStore } from "../log/memory-store.ts";
import { MemoryOutboxStore } from "../sync/memory-outbox-store.ts";
import type { OutboxStore } from "../sync/outbox-store.ts";
import { accountName, ANONYMOUS, openAccount, openReplicas, replicaName } from "./databases.ts";
import type { AccountDatabase, KnownTopic } from "./databases.ts";
import type { ReadableStore } from "./directory-store.ts";
import { IdbOutboxStore } from "./idb-outbox-store.ts";
import { IdbStore } from "./idb-store.ts";
import { canShareStore } from "./locks.ts";

const CLUSTER = "cluster id";

/** The range of a partition that is held here. */
export interface HeldRange {
  readonly from: bigint;
  readonly to: bigint;
  readonly bytes: number;
}

export interface Device {
  readonly storage: "indexeddb" | "memory";
  /** Names locks and channels that all tabs with this store share. */
  readonly name: string;
  readonly outbox: OutboxStore;
  /** The cluster that was last behind the address. */
  clusterId(): string | undefined;
  /** Notes the cluster, and reads what is known of its topics. */
  enterCluster(clusterId: string): Promise<void>;
  /** What is known of the present cluster's topics, by name. */
  topics(): ReadonlyMap<string, KnownTopic>;
  /** Notes what was learned of a topic of the present cluster. */
  learn(topic: KnownTopic): void;
  /** Forgets topics of the present cluster that are no more, except those of which something is held. */
  keepOnly(names: ReadonlySet<string>): void;
  held(topicId: string, partition: number): HeldRange | undefined;
  /** What this tab has just come to hold; another visit is told by `noteHeld`. */
  seeHeld(topicId: string, partition: number, range: HeldRange): void;
  /** Also for the next visit; undefined: nothing is held any more. */
  noteHeld(topicId: string, partition: number, range: HeldRange | undefined): void;
  /** Where the partitions of a cluster are kept. */
  replicas(clusterId: string): Promise<ReadableStore>;
  close(): Promise<void>;
}

/** Opens what is kept under `account` (a name of the app's, or the address). `onLost` is told when the browser takes it away. */
export async function openDevice(account: string, onLost: (reason: string) => void): Promise<Device> {
  const name = accountName(account, ANONYMOUS);
  if (!canShareStore()) return new MemoryDevice(name);
  let database: AccountDatabase;
  try {
    database = await openAccount(name, onLost);
  } catch (error) {
    // Another version of this page owns the store: in memory beside it, records would be published out of its sight.
    if (error instanceof DOMException && error.name === "VersionError") throw error;
    return new MemoryDevice(name);
  }
  const device = new IdbDevice(name, account, database, onLost);
  await device.load();
  return device;
}

/** What both kinds have: the present cluster's topics and held ranges, in memory. */
abstract class KnownCluster {
  protected cluster: string | undefined;
  protected known = new Map<string, KnownTopic>();
  protected ranges = new Map<string, HeldRange>();

  clusterId(): string | undefined {
    return this.cluster;
  }

  topics(): ReadonlyMap<string, KnownTopic> {
    return this.known;
  }

  learn(topic: KnownTopic): void {
    this.known.set(topic.name, topic);
  }

  keepOnly(names: ReadonlySet<string>): void {
    for (const topic of this.known.values()) {
      const isHeld = topic.partitions.some((_, partition) => this.held(topic.id, partition) !== undefined);
      if (!names.has(topic.name) && !isHeld) this.forget(topic);
    }
  }

  held(topicId: string, partition: number): HeldRange | undefined {
    return this.ranges.get(`${topicId}/${partition}`);
  }

  seeHeld(topicId: string, partition: number, range: HeldRange): void {
    this.ranges.set(`${topicId}/${partition}`, range);
  }

  noteHeld(topicId: string, partition: number, range: HeldRange | undefined): void {
    if (range === undefined) this.ranges.delete(`${topicId}/${partition}`);
    else this.ranges.set(`${topicId}/${partition}`, range);
  }

  protected forget(topic: KnownTopic): void {
    this.known.delete(topic.name);
  }
}

class ReadableMemoryStore extends MemoryStore implements ReadableStore {
  async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    return (await this.open(name)).read(position, length);
  }
}

class MemoryDevice extends KnownCluster implements Device {
  readonly storage = "memory";
  readonly name: string;
  readonly outbox = new MemoryOutboxStore();
  private readonly stores = new Map<string, ReadableMemoryStore>();

  /** What this tab has is its own: what another tab of the same account says would be taken for it. */
  constructor(account: string) {
    super();
    this.name = `${account}/${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
  }

  enterCluster(clusterId: string): Promise<void> {
    if (clusterId !== this.cluster) {
      this.known = new Map();
      this.ranges = new Map();
    }
    this.cluster = clusterId;
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

class IdbDevice extends KnownCluster implements Device {
  readonly storage = "indexeddb";
  readonly name: string;
  readonly outbox: OutboxStore;
  private readonly account: string;
  private readonly database: AccountDatabase;
  private readonly onLost: (reason: string) => void;
  private readonly stores = new Map<string, Promise<ReadableStore>>();
  /** Notes under way: what fails here is only known less well next time. */
  private readonly noting = new Set<Promise<unknown>>();

  constructor(name: string, account: string, database: AccountDatabase, onLost: (reason: string) => void) {
    super();
    this.name = name;
    this.account = account;
    this.database = database;
    this.onLost = onLost;
    this.outbox = new IdbOutboxStore(database);
  }

  async load(): Promise<void> {
    const clusterId = await this.database.get("facts", CLUSTER);
    if (typeof clusterId === "string") await this.readCluster(clusterId);
  }

  async enterCluster(clusterId: string): Promise<void> {
    if (clusterId === this.cluster) return;
    await this.database.put("facts", clusterId, CLUSTER);
    await this.readCluster(clusterId);
  }

  override learn(topic: KnownTopic): void {
    super.learn(topic);
    this.note(this.database.put("topics", topic));
  }

  override noteHeld(topicId: string, partition: number, range: HeldRange | undefined): void {
    super.noteHeld(topicId, partition, range);
    const key = `${this.heldPrefix(this.cluster)}${topicId}/${partition}`;
    if (range === undefined) this.note(this.database.delete("facts", key));
    else this.note(this.database.put("facts", `${range.from},${range.to},${range.bytes}`, key));
  }

  replicas(clusterId: string): Promise<ReadableStore> {
    let store = this.stores.get(clusterId);
    if (store === undefined) {
      const name = replicaName(this.account, ANONYMOUS, clusterId);
      store = openReplicas(name, this.onLost).then((database) => new IdbStore(database, "relaxed"));
      this.stores.set(clusterId, store);
      store.catch(() => this.stores.delete(clusterId));
    }
    return store;
  }

  async close(): Promise<void> {
    await Promise.all(this.noting);
    for (const store of await Promise.all(this.stores.values())) await store.close();
    await this.outbox.close();
    this.database.close();
  }

  protected override forget(topic: KnownTopic): void {
    super.forget(topic);
    this.note(this.database.delete("topics", [topic.clusterId, topic.name]));
  }

  private async readCluster(clusterId: string): Promise<void> {
    const inCluster = IDBKeyRange.bound([clusterId, ""], [clusterId, []]);
    const topics = await this.database.getAll("topics", inCluster);
    const prefix = this.heldPrefix(clusterId);
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    const [keys, values] = await Promise.all([
      this.database.getAllKeys("facts", range),
      this.database.getAll("facts", range),
    ]);
    this.cluster = clusterId;
    this.known = new Map(topics.map((topic) => [topic.name, topic]));
    this.ranges = new Map();
    for (const [index, key] of keys.entries()) {
      const [from, to, bytes] = String(values[index]).split(",");
      if (from === undefined || to === undefined) continue;
      this.ranges.set(key.slice(prefix.length), { from: BigInt(from), to: BigInt(to), bytes: Number(bytes) });
    }
  }

  private heldPrefix(clusterId: string | undefined): string {
    return `held/${clusterId ?? ""}/`;
  }

  private note(write: Promise<unknown>): void {
    const done = write.catch(() => undefined).finally(() => this.noting.delete(done));
    this.noting.add(done);
  }
}
