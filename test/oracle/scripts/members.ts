/** Members of classic groups, for scripts about groups. */
import { joinGroup } from "../../../wire/apis/join-group.ts";
import { syncGroup } from "../../../wire/apis/sync-group.ts";
import { Writer } from "../../../wire/writer.ts";
import type { Talk } from "../script.ts";

export interface Member {
  readonly memberId: string;
  readonly generationId: number;
}

export interface Joining {
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
  readonly protocolType?: string;
  readonly protocols?: readonly { name: string; metadata: Uint8Array }[];
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
}

const encoder = new TextEncoder();

export const protocol = (name: string, metadata = "m") => ({ name, metadata: encoder.encode(metadata) });

/** What a consumer of these topics tells its group, in version 0 of its own protocol. */
export function subscriptionTo(...topics: readonly string[]): Uint8Array {
  const writer = new Writer();
  writer.int16(0);
  writer.int32(topics.length);
  for (const topic of topics) writer.text(topic, (into, length) => into.int16(length));
  writer.int32(-1);
  return Buffer.concat(writer.finish());
}

export function joining(groupId: string, options: Joining = {}) {
  return {
    groupId,
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [protocol("range")],
    sessionTimeoutMs: 120_000,
    rebalanceTimeoutMs: 120_000,
    ...options,
  };
}

/** A member that has joined a group where nobody has to be waited for, on a connection of its own. */
export async function joined(
  talk: Talk,
  groupId: string,
  options: Joining = {},
  on = "member",
): Promise<Member> {
  const { memberId, generationId, errorCode } = await talk.request(
    joinGroup,
    3,
    joining(groupId, options),
    on,
  );
  if (errorCode !== 0) throw new Error(`a member could not join ${groupId}: ${errorCode}`);
  return { memberId, generationId };
}

/** The only member of a group, with its assignment: the group is stable. */
export async function stable(talk: Talk, groupId: string, options: Joining = {}): Promise<Member> {
  // Static members came with version 5 of JoinGroup.
  const asked = joining(groupId, options);
  const version = asked.groupInstanceId === null ? 3 : 5;
  const { memberId, generationId } = await talk.request(joinGroup, version, asked, "member");
  const assignments = [{ memberId, assignment: encoder.encode("assigned") }];
  await talk.request(
    syncGroup,
    3,
    { groupId, generationId, memberId, assignments, groupInstanceId: asked.groupInstanceId },
    "member",
  );
  return { memberId, generationId };
}
