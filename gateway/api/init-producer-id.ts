import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** What a producer says that has no id yet. */
const NO_ID = -1n;
const NO_EPOCH = -1;

/**
 * InitProducerId without a transactional id: a new id, epoch 0, whatever the producer had before. With one it is refused,
 * since transactions are not served yet: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, the one error that no client tries again.
 * An empty one is none that a producer can have, and an id without an epoch, or an epoch without an id, is no id (KIP-360):
 * INVALID_REQUEST, as in Kafka.
 */
export const initProducerIdApi: ServedApi = serveApi(
  initProducerId,
  async ({ transactionalId, producerId, producerEpoch }, { services }) => {
    // Who it was a producer says in both, or not at all; and an empty transactional id nobody can have.
    const isHalf = (producerId === NO_ID) !== (producerEpoch === NO_EPOCH);
    if (isHalf || transactionalId === "") return refused(ErrorCode.INVALID_REQUEST);
    if (transactionalId !== null) return refused(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    try {
      return {
        errorCode: ErrorCode.NONE,
        producerId: await services.cluster.nextProducerId(),
        producerEpoch: 0,
      };
    } catch (error) {
      return refused(failureOf(error, services).errorCode);
    }
  },
);

function refused(errorCode: number) {
  return { errorCode, producerId: -1n, producerEpoch: -1 };
}
