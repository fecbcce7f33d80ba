import { ApiKey, defineApi } from "../api.ts";
import { array, bool, bytes, int16, int32, string, struct } from "../schema.ts";

/** From version 4 on a first join without a member id gets one with MEMBER_ID_REQUIRED (KIP-394); 5: static members (KIP-345). */
export const joinGroup = defineApi({
  name: "JoinGroup",
  key: ApiKey.JoinGroup,
  versions: [0, 9],
  flexibleFrom: 6,
  request: struct({
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ from: 1, default: -1 }),
    memberId: string(),
    groupInstanceId: string({ from: 5, nullableFrom: 5, default: null }),
    protocolType: string(),
    protocols: array(
      struct({
        name: string(),
        metadata: bytes(),
      }),
    ),
    reason: string({ from: 8, nullableFrom: 8, default: null }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 2 }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: string({ from: 7, nullableFrom: 7, default: null }),
    protocolName: string({ nullableFrom: 7 }),
    leader: string(),
    skipAssignment: bool({ from: 9 }),
    memberId: string(),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ from: 5, nullableFrom: 5, default: null }),
        metadata: bytes(),
      }),
    ),
  }),
});
