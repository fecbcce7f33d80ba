/** A Kafka client over TCP as small as a bench can do with: requests in, answers in order. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Api } from "../wire/api.ts";
import { framePrefix, FrameReader } from "../wire/frame-reader.ts";
import { encodeRequest } from "../wire/request.ts";
import { decodeResponse } from "../wire/response.ts";
import type { Input } from "../wire/schema.ts";

export const CLIENT_ID = "rivulet-bench";
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface KafkaClient {
  request<Req, Res>(api: Api<Req, Res>, version: number, body: Input<Req>): Promise<Res>;
  /** Sends a whole request with its length prefix; the answer, without one, is a view that lasts until the next. */
  sendFramed(bytes: Uint8Array, onAnswer: (answer: Uint8Array) => void): void;
  close(): void;
}

export async function openKafkaClient(port: number, onLost: (reason: string) => void): Promise<KafkaClient> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const frames = new FrameReader({ frameBytesMax: ANSWER_BYTES_MAX });
  const waiting: ((answer: Uint8Array) => void)[] = [];
  let closed = false;
  await once(socket, "connect");
  socket.on("data", (chunk) => {
    for (const answer of frames.push(chunk)) waiting.shift()?.(answer);
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    if (!closed) onLost("the gateway closed a Kafka connection");
  });
  const sendFramed = (bytes: Uint8Array, onAnswer: (answer: Uint8Array) => void): void => {
    waiting.push(onAnswer);
    socket.write(bytes);
  };
  return {
    sendFramed,
    request: (api, version, body) =>
      new Promise((resolve, reject) => {
        const message = encodeRequest(api, version, { correlationId: 0, clientId: CLIENT_ID }, body);
        sendFramed(withLength(message), (answer) => {
          try {
            resolve(decodeResponse(api, version, answer).body);
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      }),
    close: () => {
      closed = true;
      socket.destroy();
    },
  };
}

/** A message as it goes over TCP. */
export function withLength(message: Uint8Array): Uint8Array {
  return Buffer.concat([framePrefix(message.length), message]);
}
