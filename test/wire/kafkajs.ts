/** kafkajs's own protocol code, for every version that it has. */
import { createRequire } from "node:module";

interface KafkaJsRequest {
  apiKey: number;
  apiVersion: number;
  encode(): Promise<{ buffer: Uint8Array }>;
}

const load: (name: string) => unknown = createRequire(import.meta.url);

/** A request as kafkajs writes it, without its length: correlation id 77, client id `walker`. */
export async function theirRequest(folder: string, version: number, options: object) {
  const create = load(`kafkajs/src/protocol/requests/${folder}/v${version}/request`);
  const request = (create as (options: object) => KafkaJsRequest)(options);
  const whole = load("kafkajs/src/protocol/request") as (of: object) => Promise<{ buffer: Buffer }>;
  const { buffer } = await whole({ correlationId: 77, clientId: "walker", request });
  return new Uint8Array(buffer).subarray(4);
}

/** What kafkajs reads in the body of an answer. */
export function theirAnswer(folder: string, version: number, body: Uint8Array): Promise<unknown> {
  const { decode } = load(`kafkajs/src/protocol/requests/${folder}/v${version}/response`) as {
    readonly decode: (body: Buffer) => Promise<unknown>;
  };
  return decode(Buffer.from(body));
}

/** Options of a Produce with one batch of two records, `first` and `second`, for partition 3 of `orders`. */
export function produceOptions() {
  const messages = [
    { key: "k", value: "first", timestamp: 1000, headers: {} },
    { key: "k", value: "second", timestamp: 1001, headers: {} },
  ];
  return {
    acks: -1,
    timeout: 1500,
    topicData: [{ topic: "orders", partitions: [{ partition: 3, firstSequence: 0, messages }] }],
  };
}
