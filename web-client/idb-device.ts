import type { IDBPObjectStore } from "idb";
import type { OutboxStore } from "../sync/outbox-store.ts";
import type { ClientCode } from "./client-code.ts";
import type { Device, HeldRange, KnownTopic } from "./core/device.ts";
import type { ReadableStore } from "./core/directory-store.ts";
import { KnownCluster } from "./core/known-cluster.ts";
import type { Locks } from "./core/locks.ts";
import { accountName, replicaName } from "./databases.ts";
import type { AccountSchema } from "./databases.ts";
import type { HealingAccount } from "./healing-account.ts";
import { IdbOutboxStore, LEADER_TERM } from "./idb-outbox-store.ts";
import type { IdbStore } from "./idb-store.ts";

export interface IdbDeviceOptions {
  /** A name of the app's, or the gateway's address. */
  account: string;
  principal: string;
  /** The origin's `indexedDB`. */
  databases: IDBFactory;
  code: Pick<ClientCode, "replicaDatabase">;
  /** Of all tabs that share `databases`. */
  locks: Locks;
  /** Is told why when a newer version of this code takes a database over. */
  onLost: (reason: string) => void;
}

type NotingStores = ("facts" | "topics")[];

const CLUSTER = "cluster id";

/** What all tabs of an account share: a database for the account, and one for each cluster's partitions. */
export class IdbDevice extends KnownCluster implements Device {
  readonly storage = "indexeddb";
  readonly storageReason = undefined;
  readonly name: string;
  readonly locks: Locks;
  readonly outbox: OutboxStore;
  private readonly options: IdbDeviceOptions;
  private readonly account: HealingAccount;
  /** The account's database was thrown away while it was open here: whoever leads next notes in the new one what it knows. */
  private isEmptied = false;
  private readonly later = new Set<(term: number) => void>();
  private readonly stores = new Map<string, ReadableStore>();
  /** The same, as they were opened last. */
  private readonly opened = new Map<string, IdbStore>();
  /** Of the tab that leads, as far as this one knows. */
  private term: number | undefined;
  private isLeading = false;
  private entering: { readonly clusterId: string; readonly done: Promise<void> } | undefined;
  /** Notes under way: what fails here is only known less well next time. */
  private readonly noting = new Set<Promise<unknown>>();

  /** Of an account that is open; `load` comes before all else. */
  constructor(account: HealingAccount, options: IdbDeviceOptions) {
    super();
    this.name = accountName(options.account, options.principal);
    this.locks = options.locks;
    this.options = options;
    this.account = account;
    this.outbox = new IdbOutboxStore(account);
    account.onEmptied(() => {
      this.isEmptied = true;
    });
  }

  async load(): Promise<void> {
    const clusterId = await (await this.facts("readonly")).get(CLUSTER);
    if (typeof clusterId === "string") await this.readCluster(clusterId);
  }

  async lead(term: number): Promise<void> {
    this.term = term;
    this.isLeading = true;
    for (const [clusterId, store] of this.opened) {
      try {
        await store.lead();
      } catch (error) {
        // The browser has taken it away: whoever uses it opens another one, under this term.
        if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
        this.opened.delete(clusterId);
      }
    }
    // Another tab, which has led since, may have done so, and may know more by now.
    if (this.isEmptied && (await (await this.facts("readonly")).get(CLUSTER)) === undefined) this.noteAnew();
    this.isEmptied = false;
  }

  onEmptied(listener: (reason: string) => void): void {
    this.account.onEmptied(listener);
  }

  onLaterTerm(listener: (term: number) => void): void {
    this.later.add(listener);
  }

  follow(term: number | undefined): void {
    this.term = term;
    this.isLeading = false;
  }

  enterCluster(clusterId: string): Promise<void> {
    if (clusterId === this.cluster && this.entering === undefined) return Promise.resolve();
    if (this.entering?.clusterId === clusterId) return this.entering.done;
    // One after the other: what was learned once a cluster was entered is not to be read over.
    const done = (this.entering?.done ?? Promise.resolve())
      .catch(() => undefined)
      .then(async () => {
        await this.write(({ facts }) => facts.put(clusterId, CLUSTER));
        await this.readCluster(clusterId);
      })
      .finally(() => {
        if (this.entering?.done === done) this.entering = undefined;
      });
    this.entering = { clusterId, done };
    return done;
  }

  override learn(topic: KnownTopic): void {
    super.learn(topic);
    const merged = this.known.get(topic.name) ?? topic;
    this.note(({ topics }) => topics.put(merged));
  }

  override noteHeld(topicId: string, partition: number, range: HeldRange | undefined): void {
    super.noteHeld(topicId, partition, range);
    const key = `${this.heldPrefix(this.cluster)}${topicId}/${partition}`;
    if (range === undefined) this.note(({ facts }) => facts.delete(key));
    else this.note(({ facts }) => facts.put(`${range.from},${range.to},${range.bytes}`, key));
  }

  async positions(name: string, topicId: string): Promise<ReadonlyMap<number, bigint>> {
    const prefix = `${positionsOf(topicId)}${encodeURIComponent(name)}/`;
    const range = startingWith(prefix);
    const facts = await this.facts("readonly");
    const [keys, values] = await Promise.all([facts.getAllKeys(range), facts.getAll(range)]);
    return new Map(keys.map((key, at) => [Number(key.slice(prefix.length)), BigInt(values[at] ?? 0)]));
  }

  async notePositions(name: string, topicId: string, positions: ReadonlyMap<number, bigint>): Promise<void> {
    const prefix = `${positionsOf(topicId)}${encodeURIComponent(name)}/`;
    const facts = await this.facts("readwrite");
    for (const [partition, offset] of positions)
      void facts.put?.(String(offset), `${prefix}${partition}`).catch(() => undefined);
    await facts.transaction.done;
  }

  async replicas(clusterId: string): Promise<ReadableStore> {
    const { databases, code, account, principal, onLost } = this.options;
    const { HealingStore, IdbStore, openReplicas } = await code.replicaDatabase();
    let store = this.stores.get(clusterId);
    if (store === undefined) {
      const name = replicaName(account, principal, clusterId);
      store = new HealingStore(async (lost) => {
        // What is kept of a cluster can be fetched anew; newer code must not be kept from it.
        const database = await openReplicas(databases, name, (reason, kind) =>
          kind === "upgrade" ? onLost(reason) : lost("the browser has thrown away what this device held"),
        );
        const opened = new IdbStore(database, "relaxed", (later) => {
          if (later !== undefined) for (const listener of this.later) listener(later);
          return this.isLeading ? this.term : undefined;
        });
        this.opened.set(clusterId, opened);
        if (this.isLeading) await opened.lead();
        return opened;
      });
      this.stores.set(clusterId, store);
    }
    return store;
  }

  async close(): Promise<void> {
    await Promise.all(this.noting);
    for (const store of this.stores.values()) await store.close();
    await this.account.close();
  }

  protected override forget(topic: KnownTopic): void {
    super.forget(topic);
    this.note(({ topics }) => topics.delete([topic.clusterId, topic.name]));
    this.note(({ facts }) => facts.delete(startingWith(positionsOf(topic.id))));
  }

  private async readCluster(clusterId: string): Promise<void> {
    const inCluster = IDBKeyRange.bound([clusterId, ""], [clusterId, []]);
    const transaction = await this.account.begin(["facts", "topics"] as NotingStores, "readonly");
    const facts = transaction.objectStore("facts");
    const prefix = this.heldPrefix(clusterId);
    const range = startingWith(prefix);
    const [topics, keys, values] = await Promise.all([
      transaction.objectStore("topics").getAll(inCluster),
      facts.getAllKeys(range),
      facts.getAll(range),
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

  private async facts<Mode extends "readonly" | "readwrite">(mode: Mode) {
    return (await this.account.begin(["facts"], mode)).objectStore("facts");
  }

  /** What this tab knows of the cluster, though its notes are gone. */
  private noteAnew(): void {
    const { cluster } = this;
    if (cluster === undefined) return;
    this.note(({ facts }) => facts.put(cluster, CLUSTER));
    for (const topic of this.known.values()) this.learn(topic);
    for (const [place, { from, to, bytes }] of this.ranges)
      this.note(({ facts }) => facts.put(`${from},${to},${bytes}`, this.heldPrefix(cluster) + place));
  }

  private note(write: Parameters<IdbDevice["write"]>[0]): void {
    const done: Promise<unknown> = this.write(write)
      .catch(() => undefined)
      .finally(() => this.noting.delete(done));
    this.noting.add(done);
  }

  /** Under the term of the tab that leads: one that has slept through its end, this one or that, notes nothing any more. */
  private async write(
    request: (stores: {
      facts: IDBPObjectStore<AccountSchema, NotingStores, "facts", "readwrite">;
      topics: IDBPObjectStore<AccountSchema, NotingStores, "topics", "readwrite">;
    }) => Promise<unknown>,
  ): Promise<void> {
    const { term } = this;
    if (term === undefined) return;
    const transaction = await this.account.begin(["facts", "topics"] as NotingStores, "readwrite");
    const facts = transaction.objectStore("facts");
    const stored = Number((await facts.get(LEADER_TERM)) ?? 0);
    if (stored <= term) await request({ facts, topics: transaction.objectStore("topics") });
    await transaction.done;
  }
}

/** Where readers left off: by topic, then by the app's names for them. */
function positionsOf(topicId: string): string {
  return `position/${topicId}/`;
}

function startingWith(prefix: string): IDBKeyRange {
  return IDBKeyRange.bound(prefix, `${prefix}\uffff`);
}
