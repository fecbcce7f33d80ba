/** What an app asks of a group, made ready. */
import type { GroupSubscribeOptions } from "../api-group.ts";
import { codecOf } from "../received-record.ts";
import type { Codec } from "../received-record.ts";

/** 128 bits of `random`, which answers [0, 1). */
export function newMemberId(random: () => number): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0"),
  ).join("-");
}

/** Throws TypeError when there are none. */
export function someOf(topics: readonly string[]): readonly string[] {
  if (topics.length === 0) throw new TypeError("subscribe(): give the group at least one topic");
  return topics;
}

export function groupCodec<V, K>({ key, value }: GroupSubscribeOptions<V, K>): Codec<V, K> {
  return codecOf({ key, value });
}
