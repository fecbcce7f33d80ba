import type { Group, GroupSubscribeOptions, GroupSubscription } from "../api-group.ts";
import type { ClientParts } from "../client-parts.ts";
import type { Codec } from "../received-record.ts";
import { GroupSubscriptionClient } from "./group-subscription.ts";
import { groupCodec, newMemberId, someOf } from "./group-options.ts";

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
    const memberId = newMemberId(() => this.parts.host.random());
    return this.member(memberId, someOf(topics), options, groupCodec(options));
  }

  /** A member of this name, which nobody else has. */
  member<V, K>(
    memberId: string,
    topics: readonly string[],
    options: GroupSubscribeOptions<V, K>,
    codec: Codec<V, K>,
  ): GroupSubscriptionClient<V, K> {
    return new GroupSubscriptionClient(
      { groupId: this.groupId, memberId, topics, options, codec },
      this.parts,
    );
  }
}
