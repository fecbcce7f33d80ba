/** Rivulet: records come in by Produce over TCP, one batch a tick, and go out as Push frames over WebSocket. */
import { CODEC_NONE } from "../../engine-as/format.ts";
import type { Engine } from "../../log/engine.ts";
import { produce } from "../../wire/apis/produce.ts";
import { subscribe } from "../../wire/apis/subscribe.ts";
import { ErrorCode, errorName } from "../../wire/errors.ts";
import { decodePush, isPush, PUSH_HEADER_BYTES } from "../../wire/push.ts";
import { encodeRequest } from "../../wire/request.ts";
import { decodeResponse } from "../../wire/response.ts";
import { BATCH_BYTES_MAX, valuesOf } from "../batches.ts";
import { CLIENT_ID, openKafkaClient, withLength } from "../kafka-client.ts";
import { openWebSocket } from "../websocket-client.ts";
import { BINARY } from "../websocket-frames.ts";
import type { Address, Protocol } from "./protocol.ts";

const PRODUCE_VERSION = 9;
const SUBSCRIBE_VERSION = 0;
const PUSH_BYTES_MAX = 4 * 1024 * 1024;
/** More than a Push's header and a Subscribe's answer are long. */
const PREFIX_BYTES = 256;
const LATEST = -1n;

export function createRivuletProtocol(engine: Engine): Protocol {
  return {
    subscribe: async (address, { onRecords, onValue, onLost }) => {
      let answered: (answer: Uint8Array) => void = () => {};
      const answer = new Promise<Uint8Array>((resolve) => (answered = resolve));
      const socket = await openWebSocket({
        port: address.port,
        path: "/ws",
        protocol: "rivulet.kafka.v1",
        prefixBytes: onValue === undefined ? PREFIX_BYTES : PUSH_BYTES_MAX,
        onLost,
        onFrame: (opcode, _length, prefix) => {
          if (opcode !== BINARY) return;
          // The prefix is only there during the call.
          if (!isPush(prefix)) return answered(Uint8Array.from(prefix));
          const { errorCode, count } = summaryOf(prefix);
          if (errorCode !== ErrorCode.NONE) return onLost(`a Push said ${errorName(errorCode)}`);
          if (onValue !== undefined) {
            for (const value of valuesOf(engine, decodePush(prefix).records)) onValue(value);
          }
          onRecords(count);
        },
      });
      const { topicId } = rivulet(address);
      const body = { subscriptions: [{ topicId, partition: 0, offset: LATEST, lastEpoch: -1 }] };
      socket.send(
        encodeRequest(subscribe, SUBSCRIBE_VERSION, { correlationId: 1, clientId: CLIENT_ID }, body),
      );
      const [subscribed] = decodeResponse(subscribe, SUBSCRIBE_VERSION, await answer).body.subscriptions;
      if (subscribed?.errorCode !== ErrorCode.NONE)
        throw new Error(`Subscribe failed: ${subscribed?.errorMessage}`);
      return socket;
    },

    openSource: async (address, ticks, onLost) => {
      const { kafkaPort, topic } = rivulet(address);
      const client = await openKafkaClient(kafkaPort, onLost);
      const requests = ticks.map((values) => {
        const records = engine.writeBatch(
          values.map((value) => ({ key: null, value, timestamp: Date.now() })),
          {
            codec: CODEC_NONE,
            producerId: -1n,
            producerEpoch: -1,
            baseSequence: -1,
            bytesMax: BATCH_BYTES_MAX,
          },
        );
        const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
        const body = { transactionalId: null, acks: 1, timeoutMs: 30_000, topicData };
        return withLength(
          encodeRequest(produce, PRODUCE_VERSION, { correlationId: 1, clientId: CLIENT_ID }, body),
        );
      });
      const onAnswer = (answer: Uint8Array): void => {
        const { responses } = decodeResponse(produce, PRODUCE_VERSION, answer).body;
        const errorCode = responses[0]?.partitionResponses[0]?.errorCode;
        if (errorCode !== ErrorCode.NONE) onLost(`Produce answered error ${errorCode}`);
      };
      return {
        publish: (index) =>
          client.sendFramed(requests[index % requests.length] ?? new Uint8Array(0), onAnswer),
        close: () => client.close(),
      };
    },
  };
}

/** What a receiver that only counts must know of a Push: a fraction of what decoding it all costs. */
function summaryOf(push: Uint8Array): { errorCode: number; count: number } {
  const view = new DataView(push.buffer, push.byteOffset, PUSH_HEADER_BYTES);
  // The error code follows correlation id and version; the header ends with [from, to), whose lower halves will do.
  const from = view.getUint32(PUSH_HEADER_BYTES - 12);
  const to = view.getUint32(PUSH_HEADER_BYTES - 4);
  return { errorCode: view.getInt16(5), count: (to - from) >>> 0 };
}

function rivulet({ kafkaPort, topic, topicId }: Address): {
  kafkaPort: number;
  topic: string;
  topicId: string;
} {
  if (kafkaPort === undefined || topic === undefined || topicId === undefined) {
    throw new Error("not the address of a gateway");
  }
  return { kafkaPort, topic, topicId };
}
