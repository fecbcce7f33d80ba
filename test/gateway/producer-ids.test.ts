/** Producer ids as clients ask for them, and what a producer hears that sends a batch again. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.stop());

const transports = {
  TCP: () => ProtocolClient.tcp(gateway.kafkaPort),
  WebSocket: () => ProtocolClient.webSocket(gateway.httpPort),
};

describe.each(Object.entries(transports))("over %s", (transport, open) => {
  let client: ProtocolClient;
  beforeAll(async () => {
    client = await open();
  });
  afterAll(() => client.close());

  it("InitProducerId never gives an id twice, and refuses a transactional one", async () => {
    const ask = (transactionalId: string | null) =>
      client.request(initProducerId, 4, { transactionalId, transactionTimeoutMs: 1000 });
    const ids = await Promise.all(Array.from({ length: 20 }, () => ask(null)));
    expect(new Set(ids.map(({ producerId }) => producerId)).size).toBe(20);
    expect(await ask("t")).toMatchObject({
      errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      producerId: -1n,
    });
  });

  it.each<[string, string | null, bigint, number, number]>([
    ["neither an id nor an epoch", null, -1n, -1, ErrorCode.NONE],
    ["an id that it has had", null, 3n, 7, ErrorCode.NONE],
    ["an id that nobody has had, at its last epoch", null, 2n ** 62n, 32767, ErrorCode.NONE],
    ["an id without an epoch", null, 3n, -1, ErrorCode.INVALID_REQUEST],
    ["an epoch without an id", null, -1n, 0, ErrorCode.INVALID_REQUEST],
    ["an empty transactional id", "", -1n, -1, ErrorCode.INVALID_REQUEST],
    ["a transactional id and half an id", "t", -1n, 5, ErrorCode.INVALID_REQUEST],
    ["a transactional id and an id", "t", 3n, 5, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
  ])(
    "InitProducerId of a producer with %s",
    async (_what, transactionalId, producerId, producerEpoch, errorCode) => {
      const asked = { transactionalId, transactionTimeoutMs: 1000, producerId, producerEpoch };
      for (const version of [3, 4, 5]) {
        const answer = await client.request(initProducerId, version, asked);
        const isNew = errorCode === ErrorCode.NONE;
        expect(answer).toMatchObject({ errorCode, producerEpoch: isNew ? 0 : -1 });
        if (isNew) expect(answer.producerId).not.toBe(producerId);
        else expect(answer.producerId).toBe(-1n);
      }
    },
  );

  it.each(["CreateTime", "LogAppendTime"])(
    "a batch that is sent again is answered as it was, with %s",
    async (type) => {
      const name = `again-${type}-${transport}`;
      const configs = [{ name: "message.timestamp.type", value: type }];
      const topic = { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs };
      await client.request(createTopics, 7, { topics: [topic], timeoutMs: 1000, validateOnly: false });
      const asked = { transactionalId: null, transactionTimeoutMs: 0 };
      const { producerId: id, producerEpoch: epoch } = await client.request(initProducerId, 5, asked);
      const send = (sequence: number) =>
        produceTo(client, name, batchOf(["a", "b"], { id, epoch, sequence }));
      const answers: unknown[] = [];
      for (let n = 0; n < 6; n++) answers.push(await send(2 * n));
      expect(answers.map((answer) => (answer as { errorCode: number }).errorCode)).toEqual(Array(6).fill(0));
      for (let n = 1; n < 6; n++) expect(await send(2 * n)).toEqual(answers[n]);
      const isLogged = type === "LogAppendTime";
      const { logAppendTimeMs } = answers[5] as { logAppendTimeMs: bigint };
      expect(logAppendTimeMs > 0n).toBe(isLogged);
      // The sixth last is not known any more.
      expect(await send(0)).toMatchObject({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
    },
  );
});
