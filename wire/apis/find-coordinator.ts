import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int8, string, struct } from "../schema.ts";

/** `keyType` is 0 for a consumer group, 1 for a transaction, 2 for a share group. Version 4 asks for several (KIP-699). */
export const findCoordinator = defineApi({
  name: "FindCoordinator",
  key: ApiKey.FindCoordinator,
  versions: [0, 6],
  flexibleFrom: 3,
  request: struct({
    key: string({ to: 3 }),
    keyType: int8({ from: 1 }),
    coordinatorKeys: array(string(), { from: 4 }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1 }),
    errorCode: int16({ to: 3 }),
    errorMessage: string({ from: 1, to: 3, nullableFrom: 1, default: null }),
    nodeId: int32({ to: 3 }),
    host: string({ to: 3 }),
    port: int32({ to: 3 }),
    coordinators: array(
      struct({
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 4, default: null }),
      }),
      { from: 4 },
    ),
  }),
});
