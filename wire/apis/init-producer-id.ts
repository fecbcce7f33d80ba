import { ApiKey, defineApi } from "../api.ts";
import { int16, int32, int64, string, struct } from "../schema.ts";

/** From version 3 on a producer can ask to go on with its id in a higher epoch (KIP-360). */
export const initProducerId = defineApi({
  name: "InitProducerId",
  key: ApiKey.InitProducerId,
  versions: [0, 5],
  flexibleFrom: 2,
  request: struct({
    transactionalId: string({ nullableFrom: 0 }),
    transactionTimeoutMs: int32(),
    producerId: int64({ from: 3, default: -1n }),
    producerEpoch: int16({ from: 3, default: -1 }),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    producerId: int64({ default: -1n }),
    producerEpoch: int16(),
  }),
});
