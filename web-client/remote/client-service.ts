/** The client as the page sees it: what it can be asked for, and what is seen of it without asking. Runs beside the client. */
import { countOf } from "../../sync/record-run.ts";
import type { RecordRun } from "../../sync/record-run.ts";
import type { ConnectionState, ReplicateOptions } from "../core/api.ts";
import type { Admin } from "../core/api-admin.ts";
import type { CoreClient } from "../core/core-client.ts";
import type { ReplicaKeeper } from "../core/replica-client.ts";
import type { ReadingOptions } from "../core/topic-reading.ts";
import type { GroupOptions } from "./group-service.ts";
import type * as groups from "./groups.ts";
import type { LastingFar } from "./lasting-far.ts";
import { outcomes } from "./publishing.ts";
import { framed, framedLocal } from "./record-frames.ts";
import type { ReplicaService } from "./replica-service.ts";
import type * as replicas from "./replicas.ts";
import { Exposed } from "./service.ts";
import type { Far, FarOf, Tell } from "./service.ts";

/** What of it is loaded on demand, with the code of the client that it belongs to. */
export interface ServiceCode {
  readonly groups: () => Promise<typeof groups>;
  readonly replicas: () => Promise<typeof replicas>;
}

export interface ClientEvents {
  state: ConnectionState;
  /** The outbox has changed. */
  outbox: undefined;
}

export function clientService(client: CoreClient, code: ServiceCode) {
  let switches = 0;
  let published = 0;
  let told: { readonly clusterId: string | undefined; readonly published: number } | undefined;
  const replicas = new WeakMap<ReplicaKeeper, ReplicaService>();
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
      publish: (_ended: AbortSignal, topic: string, run: RecordRun) => {
        published += countOf(run);
        return outcomes(countOf(run), (fate) => client.publishRun(topic, run, fate));
      },
      fates: (_ended: AbortSignal, ids: readonly number[]) =>
        outcomes(ids.length, (fate) => client.followPublished(ids, fate)),
      subscribe: (topic: string, options: ReadingOptions) => readingService(client, topic, options),
      joinGroup: async (
        groupId: string,
        memberId: string,
        topics: readonly string[],
        options: GroupOptions,
        _leaving: AbortSignal,
      ) => {
        const { memberService } = await code.groups();
        return memberService(await client.loadedGroup(groupId), memberId, topics, options);
      },
      replicate: async (topic: string, options: ReplicateOptions) => {
        const { RAW, replicaService } = await code.replicas();
        const replica = await client.replicate(topic, RAW, options);
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

/** What the page is told besides the records, in order with them. */
export type ReadingEars = Required<Pick<ReadingOptions, "onGap" | "onBegin">>;

function readingService(client: CoreClient, topic: string, options: ReadingOptions) {
  let ears: ReadingEars | undefined;
  const reading = client.read(topic, {
    ...options,
    onGap: (gap) => ears?.onGap(gap),
    onBegin: (place) => ears?.onBegin(place),
  });
  // One that was left before it had begun would hear of the client's end for ever.
  const mirror = { state: () => undefined, listen: () => () => reading.stop() };
  return new Exposed(
    {
      records: (signal: AbortSignal, hearing: ReadingEars) => {
        ears = hearing;
        signal.addEventListener("abort", () => reading.stop(), { once: true });
        return framed(reading.batches());
      },
      localRecords: (signal: AbortSignal, hearing: ReadingEars) => {
        ears = hearing;
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
/** The client in the worker that there is now. */
export type LastingClient =
  FarClient extends Far<infer S, infer State, infer Events> ? LastingFar<S, State, Events> : never;
export type FarReading = FarOf<ReturnType<typeof readingService>>;
