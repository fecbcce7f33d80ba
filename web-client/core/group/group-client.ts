import type { Group, GroupSubscribeOptions, GroupSubscription } from "../api-group.ts";
import type { ClientParts } from "../client-parts.ts";
import { bytes, text } from "../serializer.ts";
import type { Serializer } from "../serializer.ts";
import { GroupSubscriptionClient } from "./group-subscription.ts";

export class GroupClient implements Group {
  readonly groupId: string;
  private readonly parts: ClientParts;

  constructor(groupId: string, parts: ClientParts) {
    this.groupId = groupId;
    this.parts = parts;
  }

  subscribe<V = Uint8Array, K = string>(
    topics: readonly string[],
    options: GroupSubscribeOptions<V, K> = {},
  ): GroupSubscription<V, K> {
    if (topics.length === 0) throw new TypeError("subscribe(): give the group at least one topic");
    // Without serializers V and K are what the signature says, and so are these.
    const value = options.value ?? (bytes() as unknown as Serializer<V>);
    const key = options.key ?? (text() as unknown as Serializer<K>);
    return new GroupSubscriptionClient(this.groupId, topics, options, this.parts, { key, value });
  }
}
