/** The client as the page sees it: what it can be asked for, and what is seen of it without asking. Runs beside the client. */
import type {
  ConnectionState,
  FollowOptions,
  LatestOptions,
  ReadOptions,
  ReplicateOptions,
} from "../core/api.ts";
import type { Admin } from "../core/api-admin.ts";
import type { SubscribeOptions } from "../core/api-subscribe.ts";
import type { CoreClient } from "../core/core-client.ts";
import type { EncodedRecord } from "../core/encode-record.ts";
import type { PendingEntry } from "../core/pending-tracker.ts";
import type { PartitionRecord } from "../core/record-batch.ts";
import type { ReplicaClient, ReplicaKeeper } from "../core/replica-client.ts";
import { bytes } from "../core/serializer.ts";
import type { TopicClient } from "../core/topic-client.ts";
import { memberService } from "./group-service.ts";
import type { GroupOptions } from "./group-service.ts";
import { outcomes } from "./publishing.ts";
import { copyOf, framed, framedLocal } from "./record-frames.ts";
import { Exposed } from "./service.ts";
import type { FarOf, Tell } from "./service.ts";

/** Keys and values are the page's business. */
const RAW = { key: bytes(), value: bytes() };

export interface ClientEvents {
  state: ConnectionState;
  /** The outbox has changed. */
  outbox: undefined;
}

export interface ReplicaServiceEvents {
  progress: undefined;
  gap: { readonly partition: number; readonly from: bigint; readonly to: bigint };
  rebuild: { readonly partition: number; readonly reason: string };
  closed: true;
}

type RawReplica = ReplicaClient<Uint8Array, Uint8Array>;

export function clientService(client: CoreClient) {
  let switches = 0;
  let published = 0;
  let told: { readonly clusterId: string | undefined; readonly published: number } | undefined;
  const replicas = new WeakMap<ReplicaKeeper, ReturnType<typeof replicaService>>();
  return new Exposed(
    {
      topics: () => client.topics(),
      storageStatus: () => client.storageStatus(),
      persist: () => client.persist(),
      goOffline: () => {
        switches += 1;
        client.goOffline();
      },
      goOnline: () => {
        switches += 1;
        client.goOnline();
      },
      publish: (_ended: AbortSignal, topic: string, records: readonly EncodedRecord[]) => {
        published += records.length;
        const raw = client.topic(topic, RAW);
        return outcomes(records.map((record) => raw.queue(record)));
      },
      fates: (_ended: AbortSignal, ids: readonly number[]) => outcomes(client.publishedBefore(ids)),
      subscribe: (topic: string, options: SubscribeOptions) =>
        readingService(client.topic(topic, RAW), options),
      joinGroup: async (
        groupId: string,
        memberId: string,
        topics: readonly string[],
        options: GroupOptions,
      ) => memberService(await client.loadedGroup(groupId), memberId, topics, options),
      replicate: async (topic: string, options: ReplicateOptions) => {
        const replica = await client.topic(topic, RAW).replicate(options);
        let service = replicas.get(replica.keeper);
        if (service === undefined) {
          service = replicaService(replica);
          replicas.set(replica.keeper, service);
        }
        return service;
      },
      admin: async (name: keyof Admin, ...args: unknown[]): Promise<unknown> => {
        const admin = await client.loadedAdmin();
        return (admin[name] as (...args: unknown[]) => Promise<unknown>)(...args);
      },
      listOutbox: () => client.outbox.list(),
      retry: (ids: readonly number[]) => client.outbox.retry(ids),
      discard: (ids: readonly number[]) => client.outbox.discard(ids),
      close: async () => {
        await client.close();
        // A turn later all that ended with it has been told.
        await new Promise((resolve) => setTimeout(resolve));
      },
    },
    {
      state: () => {
        const { state: connection, storage, clusterId, outbox } = client;
        const { pending, asking, problem } = outbox;
        told = { clusterId, published };
        return { connection, storage, clusterId, outbox: { pending, asking, problem }, switches, published };
      },
      hasMoved: () => client.clusterId !== told?.clusterId || published !== told?.published,
      listen: (tell: Tell<ClientEvents>) => {
        const stop = new AbortController();
        const { signal } = stop;
        client.addEventListener("state", ({ state }) => tell("state", state), { signal });
        client.outbox.addEventListener("change", () => tell("outbox", undefined), { signal });
        return () => stop.abort();
      },
    },
  );
}

function replicaService(replica: RawReplica) {
  const { topic, topicId } = replica;
  return new Exposed(
    {
      read: (signal: AbortSignal, options: ReadOptions) =>
        framed(replica.readBatches({ ...options, signal })),
      follow: (signal: AbortSignal, options: FollowOptions) =>
        framed(replica.followBatches({ ...options, signal })),
      readLocal: (signal: AbortSignal, options: ReadOptions) =>
        framedLocal(replica.readLocal({ ...options, signal })),
      followLocal: (signal: AbortSignal, options: FollowOptions) =>
        framedLocal(replica.followLocal({ ...options, signal })),
      latestLocal: async (
        key: Uint8Array,
        options: LatestOptions,
      ): Promise<PartitionRecord | PendingEntry | undefined> => {
        const found = await replica.latestLocal(key, options);
        return found !== undefined && "record" in found ? { ...found, record: copyOf(found.record) } : found;
      },
      latest: async (key: Uint8Array, options: LatestOptions): Promise<PartitionRecord | undefined> => {
        const found = await replica.latestRecord(key, options);
        return found && { partition: found.partition, record: copyOf(found.record) };
      },
      caughtUp: (signal?: AbortSignal) => replica.caughtUp({ signal }),
      close: () => replica.close(),
      delete: () => replica.delete(),
    },
    {
      state: () => ({ topic, topicId, partitions: replica.partitions }),
      listen: (tell: Tell<ReplicaServiceEvents>) => {
        const stop = new AbortController();
        const { signal } = stop;
        replica.addEventListener("progress", () => tell("progress", undefined), { signal });
        replica.addEventListener("gap", ({ partition, from, to }) => tell("gap", { partition, from, to }), {
          signal,
        });
        replica.addEventListener(
          "rebuild",
          ({ partition, reason }) => tell("rebuild", { partition, reason }),
          { signal },
        );
        replica.keeper.signal.addEventListener("abort", () => tell("closed", true), { signal });
        return () => stop.abort();
      },
    },
  );
}

function readingService(topic: TopicClient<Uint8Array, Uint8Array>, options: SubscribeOptions) {
  let tellGap: SubscribeOptions["onGap"];
  const reading = topic.read({ ...options, onGap: (gap) => tellGap?.(gap) });
  // One that was left before it had begun would hear of the client's end for ever.
  const mirror = { state: () => undefined, listen: () => () => reading.stop() };
  return new Exposed(
    {
      records: (signal: AbortSignal, onGap: SubscribeOptions["onGap"]) => {
        tellGap = onGap;
        signal.addEventListener("abort", () => reading.stop(), { once: true });
        return framed(reading.batches());
      },
      localRecords: (signal: AbortSignal, onGap: SubscribeOptions["onGap"]) => {
        tellGap = onGap;
        signal.addEventListener("abort", () => reading.stop(), { once: true });
        return framedLocal(reading.local());
      },
      moveTo: (next: ReadonlyMap<number, bigint>) => {
        for (const [partition, offset] of next) reading.moveTo(partition, offset);
      },
      noted: () => reading.noted(),
    },
    mirror,
  );
}

export type FarClient = FarOf<ReturnType<typeof clientService>>;
export type FarReading = FarOf<ReturnType<typeof readingService>>;
export type FarReplica = FarOf<ReturnType<typeof replicaService>>;
