/** One client: puts the parts together. What not every page needs is loaded when it is asked for. */
import type { Engine, RecordEngine } from "../../log/engine.ts";
import { Metadata } from "../../sync/metadata.ts";
import type { TopicMetadata } from "../../sync/metadata.ts";
import { Outbox } from "../../sync/outbox.ts";
import type { RunFate } from "../../sync/outbox.ts";
import type { RecordRun } from "../../sync/record-run.ts";
import type { Tokens } from "../../sync/sign-in.ts";
import { fullJitterMs } from "../../sync/back-off.ts";
import { linkedController, sleep } from "../../sync/wait.ts";
import { errorText } from "../../sync/error-text.ts";
import { HistoryError } from "../../sync/history.ts";
import type { BulkHistory, HistorySource } from "../../sync/history.ts";
import { StateEvent } from "./api.ts";
import type { Admin } from "./api-admin.ts";
import type { ConnectionState, ReplicateOptions, RivuletEvents, StorageStatus, TopicSummary } from "./api.ts";
import type { GroupClient } from "./group/group-client.ts";
import type { ClientHost } from "./client-host.ts";
import type { ClientParts } from "./client-parts.ts";
import type { Device } from "./device.ts";
import type { PresentTopic } from "./former-topics.ts";
import { LeaderSession } from "./leader-session.ts";
import { Leadership } from "./leadership.ts";
import type { LeadingGround } from "./leading.ts";
import type { OnDemand } from "./on-demand.ts";
import { OutboxClient } from "./outbox-client.ts";
import type { Codec } from "./received-record.ts";
import type { ReplicaClient, ReplicaKeeper } from "./replica-client.ts";
import { StoredPositions } from "./stored-positions.ts";
import { openTabChannel } from "./tab-channel.ts";
import type { TabMessage } from "./tab-channel.ts";
import { TabLink } from "./tab-link.ts";
import type { KeptReplica } from "./tab-link.ts";
import { TabUpstream } from "./tab-upstream.ts";
import { topicAddress } from "./topic-address.ts";
import { listTopics } from "./topic-listing.ts";
import { TopicReading } from "./topic-reading.ts";
import type { ReadingOptions } from "./topic-reading.ts";
import { typedEventTarget } from "./typed-events.ts";

export interface CoreClientOptions {
  host: ClientHost;
  device: Device;
  engine: RecordEngine;
  /** All of it, which only replicas need. */
  wholeEngine: () => Engine | Promise<Engine>;
  code: OnDemand;
  offline: boolean;
  /** What to sign in with, of the principal that the device is opened for. */
  tokens?: Tokens | undefined;
}

const CLIENT_ID = "rivulet-web";
/** Once connected: what the app has asked for first comes first. */
const FETCH_AHEAD_MS = 1000;
/** After it was asked for in vain. */
const FETCH_BACK_OFF = { baseMs: 10_000, capMs: 300_000 };

export class CoreClient extends typedEventTarget<RivuletEvents>() {
  readonly outbox: OutboxClient;
  /** Resolves when what the device holds has been counted. */
  readonly ready: Promise<void>;
  protected readonly parts: ClientParts;
  private readonly code: OnDemand;
  private readonly wholeEngine: CoreClientOptions["wholeEngine"];
  private readonly controller = new AbortController();
  /** Aborts when this tab is to lead no more: after all else has been said over the connection. */
  private readonly ending = new AbortController();
  private readonly link: TabLink;
  private readonly upstream: TabUpstream;
  private readonly leadership: Leadership;
  private readonly replicas = new Map<string, Promise<ReplicaKeeper>>();
  private closing: Promise<void> | undefined;
  /** How often the device's store was thrown away. */
  private losses = 0;
  /** What the browser has thrown away, and when. */
  private lost: string | undefined;

  constructor(options: CoreClientOptions) {
    super();
    const { host, device, engine, code, offline, tokens } = options;
    const { signal } = this.controller;
    this.code = code;
    this.wholeEngine = options.wholeEngine;
    const { clock, random, serverTime } = host;
    const channel = openTabChannel((hear) => host.openPort(device.name, hear));
    const link = new TabLink(!offline);
    const upstream = new TabUpstream({ link, clock, random, clientId: CLIENT_ID }, offline);
    const metadata = new Metadata(upstream);
    const outbox = new Outbox({
      store: device.outbox,
      engine,
      clock,
      random,
      serverTime,
      onChange: () => this.outbox.dispatchEvent(new Event("change")),
      onProblem: (reason) => this.leadership.tellProblem(reason),
      onUnable: () => this.leadership.giveWay(),
      onAdded: () => channel.tell({ kind: "outbox" }),
      onTakenOver: () => channel.tell({ kind: "outbox" }),
      onSettled: (settlement) => channel.tell({ kind: "settled", settlement }),
      onUndelivered: () => channel.tell({ kind: "outbox" }),
    });
    this.outbox = new OutboxClient(
      () => outbox,
      () => channel.tell({ kind: "outbox" }),
    );
    const learn = (from: Metadata): void =>
      void from.onLearned((clusterId, topics) => this.learn(clusterId, topics));
    this.link = link;
    this.upstream = upstream;
    link.onTold(() => this.outbox.tellProblem(link.problem));
    this.leadership = new Leadership({
      host,
      device,
      channel,
      link,
      signal: this.ending.signal,
      tab: Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(36)).join("-"),
      begin: (term, ending) =>
        new LeaderSession({
          host,
          term,
          tokens,
          signal: ending,
          clientId: CLIENT_ID,
          deliver: (stop, ground) => outbox.deliver(stop, ground, code.delivery),
          openReplica: (replica, ground) => this.openReplica(replica, ground),
          deleteHeld: async (replica) =>
            (await code.replicas()).deleteUnkept(replica, device, this.leadership.writers),
          onMetadata: learn,
        }),
    });
    this.parts = {
      host,
      upstream,
      metadata,
      engine,
      device,
      outbox,
      published: {
        rows: device.outbox,
        allAdded: () => outbox.allAdded(),
        onChange: (hear) => {
          this.outbox.addEventListener("change", hear);
          return () => this.outbox.removeEventListener("change", hear);
        },
        losses: () => this.losses,
        code: code.pending,
      },
      channel,
      groups: new Set(),
      positions: new StoredPositions(device, clock, (what, error) => host.report(what, error)),
      signal,
      history: bulkHistory(host.history, code),
      leading: this.leadership,
      replicate: (topic, codec, options) => this.replicate(topic, codec, options),
    };
    device.onEmptied((reason) => {
      this.losses += 1;
      this.lost = `${reason} at ${new Date(clock.now()).toISOString()}: what was queued and not delivered, and what replicas held`;
      outbox.forgetAll(reason);
      this.leadership.emptied();
      link.lack(this.lost);
    });
    upstream.onState((state) => this.dispatchEvent(new StateEvent(state)));
    learn(metadata);
    channel.hear((message) => this.hear(message));
    this.ready = outbox.refresh();
    void this.fetchAhead();
  }

  get state(): ConnectionState {
    return this.parts.upstream.state;
  }

  get storage(): "indexeddb" | "memory" {
    return this.parts.device.storage;
  }

  async storageStatus(): Promise<StorageStatus> {
    const { device, host } = this.parts;
    const [isPersisted, { usage, quota }] = await Promise.all([
      host.storage.persisted(),
      host.storage.estimate(),
    ]);
    const kind = device.storage;
    const { storageReason: reason } = device;
    const { lost } = this;
    return { kind, reason, isPersisted: kind === "indexeddb" && isPersisted === true, usage, quota, lost };
  }

  persist(): Promise<boolean> {
    const { device, host } = this.parts;
    return device.storage === "indexeddb" ? host.storage.persist() : Promise.resolve(false);
  }

  get clusterId(): string | undefined {
    return this.parts.device.clusterId();
  }

  /** Resolves with their ids in the outbox when all are queued, and rejects when none is: then `fate` hears nothing. */
  publishRun(topic: string, run: RecordRun, fate: RunFate): Promise<readonly number[]> {
    return this.parts.outbox.publishRun({ ...topicAddress(this.parts, topic), run }, fate);
  }

  /** Tells what becomes of records that a client before this one has queued. Answers their ids. */
  followPublished(ids: readonly number[], fate: RunFate): Promise<readonly number[]> {
    this.parts.outbox.follow(ids, fate);
    return Promise.resolve(ids);
  }

  /** A topic's `subscribe`, as bytes: it has to be told what was taken. */
  read(topic: string, options: ReadingOptions): TopicReading {
    return new TopicReading(topic, this.parts, options);
  }

  async loadedGroup(groupId: string): Promise<GroupClient> {
    const { GroupClient } = await this.code.groups();
    return new GroupClient(groupId, this.parts);
  }

  async loadedAdmin(): Promise<Admin> {
    return (await this.code.admin()).adminClient(this.parts);
  }

  topics(): Promise<TopicSummary[]> {
    return listTopics(this.parts);
  }

  goOffline(): void {
    this.upstream.goOffline();
  }

  goOnline(): void {
    this.upstream.goOnline();
  }

  close(): Promise<void> {
    return this.end("closed by the app");
  }

  /** The browser, or a newer version of the page, has taken the store away. */
  lose(reason: string): Promise<void> {
    return this.end(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private end(reason: string): Promise<void> {
    this.closing ??= this.endAll(reason);
    return this.closing;
  }

  private async endAll(reason: string): Promise<void> {
    this.controller.abort();
    const keepers = await Promise.allSettled(this.replicas.values());
    await Promise.all(Array.from(this.parts.groups, (group) => group.close()));
    await this.upstream.close(reason);
    for (const keeper of keepers) if (keeper.status === "fulfilled") await keeper.value.close();
    this.ending.abort();
    await this.leadership.ended;
    this.link.close(reason);
    const { outbox, channel, device, positions } = this.parts;
    await positions.flush();
    const fate =
      device.storage === "indexeddb"
        ? "what its outbox still holds stays on this device, and is delivered by the next visit"
        : "its outbox was in memory, and is gone with it";
    await outbox.close(`the client is closed (${reason}): ${fate}`);
    channel.close();
    await device.close();
  }

  /** Any tab may come to lead, when there is no network any more, or another build where its own was: it has what that takes. */
  private async fetchAhead(): Promise<void> {
    const { upstream, host, signal } = this.parts;
    for (let failures = 0; !signal.aborted; failures++) {
      const backOffMs = failures && fullJitterMs(failures, host.random, FETCH_BACK_OFF);
      try {
        await upstream.live(signal);
        await sleep(host.clock, FETCH_AHEAD_MS + backOffMs, signal);
        if (signal.aborted) return;
        await this.code.delivery();
        return this.leadership.tellAble(true);
      } catch {
        // What is wrong, whoever delivers says.
        if (!signal.aborted) this.leadership.tellAble(false);
      }
    }
  }

  private hear(message: TabMessage): void {
    const { outbox } = this.parts;
    if (message.kind === "settled") outbox.observe(message.settlement);
    if (message.kind !== "outbox") return;
    outbox.wake();
    void outbox.refresh();
  }

  private learn(
    clusterId: string,
    topics: readonly { name: string; id: string; partitions: number }[],
  ): void {
    const { device } = this.parts;
    void device
      .enterCluster(clusterId)
      .then(() => {
        for (const { name, id, partitions } of topics) {
          const known = device.topics().get(name);
          if (known?.id === id && known.partitions.length === partitions) continue;
          const before = known?.id === id ? known.partitions : [];
          if (known !== undefined && known.id !== id)
            this.removeFormer({ clusterId, name, id, isToldNow: true });
          const ranges = Array.from(
            { length: partitions },
            (_, at) => before[at] ?? { logStartOffset: 0n, highWatermark: 0n },
          );
          device.learn({ clusterId, name, id, partitions: ranges });
        }
      })
      .catch(() => undefined);
  }

  /** What cannot be removed now, by the tab that leads, goes when the topic is kept again. */
  private removeFormer(topic: PresentTopic): void {
    if (!this.leadership.isLeading) return;
    const remove = async (): Promise<void> =>
      (await this.code.replicas()).removeFormer(this.parts.device, this.leadership.writers, topic);
    remove().catch((error: unknown) =>
      this.parts.host.report(`what is left of the former ${topic.name} cannot be removed`, error),
    );
  }

  async replicate<V, K>(
    name: string,
    codec: Codec<V, K>,
    options: ReplicateOptions,
  ): Promise<ReplicaClient<V, K>> {
    const replica = await this.topicToKeep(name, options);
    const key = `${replica.clusterId}/${replica.topicId}/${options.partitions?.join(",") ?? "all"}`;
    let keeper = this.replicas.get(key);
    if (keeper === undefined) {
      keeper = this.openReplica(replica, this.parts);
      this.replicas.set(key, keeper);
      keeper.then(
        () => void this.tellKept(),
        () => this.replicas.delete(key),
      );
    } else if (options.keep !== undefined) {
      (await keeper).keep(options.keep);
      await this.tellKept();
    }
    const release = async (opened: ReplicaKeeper, isDeleted: boolean): Promise<void> => {
      this.replicas.delete(key);
      await opened.close();
      await this.tellKept();
      if (isDeleted) await opened.deleteHeld();
    };
    const { ReplicaClient } = await this.code.replicas();
    return new ReplicaClient(await keeper, codec, this.parts.published, release);
  }

  /** The tab that leads writes what is kept here. */
  private async tellKept(): Promise<void> {
    const keepers = await Promise.allSettled(this.replicas.values());
    this.link.keep(keepers.flatMap((each) => (each.status === "fulfilled" ? [each.value.kept] : [])));
  }

  /** A topic as the gateway tells now, else as this device knows it, else as soon as the gateway tells. */
  private async topicToKeep(name: string, options: ReplicateOptions): Promise<KeptReplica> {
    const { device, metadata, upstream } = this.parts;
    const { signal } = options;
    const told =
      upstream.connection === undefined ? undefined : await metadata.topic(name).catch(() => undefined);
    const clusterId = device.clusterId();
    const known = device.topics().get(name);
    if (told === undefined && known !== undefined && clusterId !== undefined) {
      return keptReplica(clusterId, { ...known, partitions: known.partitions.length }, options);
    }
    const controller = linkedController(this.parts.signal);
    const stop = (): void => controller.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true) stop();
    try {
      const found = told ?? (await metadata.topicWhenThere(name, controller.signal));
      await device.enterCluster(metadata.clusterId ?? "");
      return keptReplica(metadata.clusterId ?? "", found, options);
    } finally {
      signal?.removeEventListener("abort", stop);
      controller.abort();
    }
  }

  /** `metadata`: by which it hears of more partitions. */
  private async openReplica(
    replica: KeptReplica,
    { metadata }: Pick<LeadingGround, "metadata">,
  ): Promise<ReplicaKeeper> {
    const { host, device } = this.parts;
    // Asked for once there is something to lose; a browser that says no may still keep it.
    if (device.storage === "indexeddb") void host.storage.persist();
    const { clusterId, topic: name, topicId: id } = replica;
    this.removeFormer({ clusterId, name, id, isToldNow: false });
    const { directoryStore, ReplicaKeeper } = await this.code.replicas();
    return new ReplicaKeeper({
      ...this.parts,
      engine: await this.wholeEngine(),
      ...replica,
      metadata,
      clock: host.clock,
      random: host.random,
      serverTime: host.serverTime,
      store: directoryStore(await device.replicas(replica.clusterId), `${replica.topicId}/`),
    });
  }
}

/** Where its code cannot be had, either, the socket has all that history has. */
function bulkHistory(source: HistorySource, code: OnDemand): BulkHistory {
  return async function* (asked, from) {
    const load = async () => code.history();
    const { bulkHistory: read } = await load().catch((error: unknown) => {
      throw new HistoryError(`history cannot be read in bulk: ${errorText(error)}`);
    });
    yield* read({ ...asked, source }, from);
  };
}

function keptReplica(
  clusterId: string,
  { name: topic, id: topicId, partitions }: TopicMetadata,
  { partitions: chosen, keep = {} }: ReplicateOptions,
): KeptReplica {
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  return { clusterId, topic, topicId, partitions: chosen ?? all, isWhole: chosen === undefined, keep };
}
