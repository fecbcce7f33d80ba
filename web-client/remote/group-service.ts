/** A member of a group, as the page sees it. Runs beside the client. */
import type { LogRecord } from "../../log/record.ts";
import type { GroupSubscribeOptions, TopicPartition } from "../core/api-group.ts";
import type { GroupClient } from "../core/group/group-client.ts";
import { bytes } from "../core/serializer.ts";
import { copyOf } from "./record-frames.ts";
import { Exposed } from "./service.ts";
import type { FarOf, Tell } from "./service.ts";

type RawOptions = GroupSubscribeOptions<Uint8Array, Uint8Array>;

export type GroupOptions = Omit<RawOptions, "key" | "value" | "signal" | "onGap">;

export interface MemberRecord extends TopicPartition {
  readonly record: LogRecord;
}

export interface MemberEvents {
  partitions: {
    readonly type: "assigned" | "revoked" | "lost";
    readonly partitions: readonly TopicPartition[];
  };
  state: undefined;
  gap: Parameters<NonNullable<RawOptions["onGap"]>>[0];
}

const RAW = { key: bytes(), value: bytes() };

/**
 * Records come one at a time: a partition is given up between two of them, and the group waits while the app works on one, so
 * that the worker has to know which one it is.
 */
export function memberService(
  group: GroupClient,
  memberId: string,
  topics: readonly string[],
  options: GroupOptions,
) {
  let tellGap: RawOptions["onGap"];
  const member = group.member(memberId, topics, { ...options, onGap: (gap) => tellGap?.(gap) }, RAW);
  return new Exposed(
    {
      next: async (): Promise<MemberRecord | undefined> => {
        const step = await member.next();
        if (step.done === true) return undefined;
        const { topic, partition, offset, timestamp, keyBytes: key, valueBytes: value, headers } = step.value;
        return { topic, partition, record: copyOf({ offset, timestamp, key, value, headers }) };
      },
      commit: (record?: TopicPartition & { readonly offset: bigint }) => member.commit(record),
      close: () => member.close(),
    },
    {
      state: () => ({ state: member.state, partitions: member.partitions }),
      listen: (tell: Tell<MemberEvents>) => {
        const stop = new AbortController();
        const { signal } = stop;
        tellGap = (gap) => tell("gap", gap);
        for (const type of ["assigned", "revoked", "lost"] as const) {
          member.addEventListener(type, ({ partitions }) => tell("partitions", { type, partitions }), {
            signal,
          });
        }
        member.addEventListener("state", () => tell("state", undefined), { signal });
        return () => stop.abort();
      },
    },
  );
}

export type FarMember = FarOf<ReturnType<typeof memberService>>;
