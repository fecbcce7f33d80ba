import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, struct, uuid } from "../schema.ts";

/** Ends subscriptions. Pushes that were on their way may still come after the answer was asked for, none after it came. */
export const unsubscribe = defineApi({
  name: "Unsubscribe",
  key: ApiKey.Unsubscribe,
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({
    subscriptions: array(
      struct({
        topicId: uuid(),
        partition: int32(),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    subscriptions: array(
      struct({
        topicId: uuid(),
        partition: int32(),
        errorCode: int16(),
      }),
    ),
  }),
});
