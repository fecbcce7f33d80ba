import { ApiKey, defineApi } from "../api.ts";
import { array, bool, bytes, int16, int32, string, struct } from "../schema.ts";

export const describeGroups = defineApi({
  name: "DescribeGroups",
  key: ApiKey.DescribeGroups,
  versions: [0, 6],
  flexibleFrom: 5,
  request: struct({
    groups: array(string()),
    includeAuthorizedOperations: bool({ from: 3 }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1 }),
    groups: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ from: 6, nullableFrom: 6, default: null }),
        groupId: string(),
        groupState: string(),
        protocolType: string(),
        protocolData: string(),
        members: array(
          struct({
            memberId: string(),
            groupInstanceId: string({ from: 4, nullableFrom: 4, default: null }),
            clientId: string(),
            clientHost: string(),
            memberMetadata: bytes(),
            memberAssignment: bytes(),
          }),
        ),
        authorizedOperations: int32({ from: 3, default: -2147483648 }),
      }),
    ),
  }),
});
