/** A replica, as the page sees it. Runs beside the client. */
import type { FollowOptions, LatestOptions, ReadOptions } from "../core/api.ts";
import type { PendingEntry } from "../core/pending-tracker.ts";
import type { PartitionRecord } from "../core/record-batch.ts";
import type { ReplicaClient } from "../core/replica-client.ts";
import { bytes } from "../core/serializer.ts";
import { copyOf, framed, framedLocal, ownBytes } from "./record-frames.ts";
import { Exposed } from "./service.ts";
import type { FarOf, Tell } from "./service.ts";

/** Keys and values are the page's business. */
export const RAW = { key: bytes(), value: bytes() };

export interface ReplicaServiceEvents {
  progress: undefined;
  gap: { readonly partition: number; readonly from: bigint; readonly to: bigint };
  rebuild: { readonly partition: number; readonly reason: string };
  closed: true;
}

type RawReplica = ReplicaClient<Uint8Array, Uint8Array>;

export type ReplicaService = ReturnType<typeof replicaService>;

export function replicaService(replica: RawReplica) {
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
        if (found === undefined) return undefined;
        return "record" in found
          ? { ...found, record: copyOf(found.record) }
          : { ...found, ...ownBytes(found) };
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

export type FarReplica = FarOf<ReplicaService>;
