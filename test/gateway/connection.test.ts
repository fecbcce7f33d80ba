import { describe, expect, it } from "vitest";
import type { RequestContext, Services } from "../../gateway/api/context.ts";
import type { RequestHeader, ServedApi } from "../../gateway/api/served-api.ts";
import { Lifetime } from "../../gateway/api/lifetime.ts";
import type { ApiTable } from "../../gateway/api/table.ts";
import { Connection, type ConnectionOptions } from "../../gateway/clients/connection.ts";
import { silent } from "../../log/logger.ts";
import { ApiKey } from "../../wire/api.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";

/** A request that the test answers by hand. */
interface Held {
  name: string;
  correlationId: number;
  context: RequestContext;
  answer(): void;
  fail(error: unknown): void;
}

const encoder = new TextEncoder();

/** A request header without a body: API key, version 0, correlation id, no client id. */
function message(apiKey: number, correlationId: number, bytes = 10): Uint8Array {
  const whole = new Uint8Array(Math.max(10, bytes));
  const view = new DataView(whole.buffer);
  view.setInt16(0, apiKey);
  view.setInt32(4, correlationId);
  view.setInt16(8, -1);
  return whole;
}

function rig(options: Partial<Pick<ConnectionOptions, "ordered" | "limits">> & { pausable?: boolean } = {}) {
  const started: Held[] = [];
  const sent: number[] = [];
  const calls: string[] = [];
  let accepts = true;
  const held = (name: string, overlap: { startsEarly: boolean; mayBePassed: boolean }): ServedApi => ({
    key: 0,
    name,
    minVersion: 0,
    maxVersion: 0,
    ...overlap,
    serve: (_message, { correlationId }: RequestHeader, context) =>
      new Promise((resolve, reject) => {
        const answer = (): void => resolve([new Uint8Array([correlationId])]);
        started.push({ name, correlationId, context, answer, fail: reject });
      }),
  });
  const table = new Map<number, ServedApi>([
    [ApiKey.Produce, held("produce", { startsEarly: true, mayBePassed: true })],
    [ApiKey.Fetch, held("fetch", { startsEarly: false, mayBePassed: true })],
    [ApiKey.Metadata, held("metadata", { startsEarly: false, mayBePassed: false })],
  ]);
  const services = { log: silent, running: new Lifetime() } as unknown as Services;
  const connection = new Connection({
    services,
    listener: { name: "kafka", advertised: { host: "h", port: 1 }, fetchBytesMax: 1 },
    apis: { find: ({ apiKey }: RequestHeader) => table.get(apiKey) } as unknown as ApiTable,
    remote: "test",
    ordered: options.ordered ?? true,
    limits: options.limits ?? { requestsMax: 100, requestBytesMax: 1000, runningMax: 2 },
    host: {
      send: (pieces) => {
        sent.push(pieces[0]?.[0] ?? -1);
        return accepts;
      },
      flow:
        options.pausable === false
          ? undefined
          : { pause: () => void calls.push("pause"), resume: () => void calls.push("resume") },
      close: (reason) => void calls.push(`close: ${reason}`),
    },
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    connection,
    started,
    sent,
    calls,
    names: () => started.map(({ name, correlationId }) => `${name} ${correlationId}`),
    /** The socket takes no more, or takes again. */
    accept: (value: boolean) => (accepts = value),
    answer: async (correlationId: number): Promise<void> => {
      started.find((held) => held.correlationId === correlationId)?.answer();
      await settle();
    },
    settle,
  };
}

describe("a connection that keeps the order of answers", () => {
  it("starts pipelined Produce requests at once, and answers them in order however they finish", async () => {
    const { connection, names, answer, sent } = rig();
    for (const id of [1, 2, 3]) connection.received(message(ApiKey.Produce, id));
    expect(names()).toEqual(["produce 1", "produce 2", "produce 3"]);
    await answer(3);
    await answer(2);
    expect(sent).toEqual([]);
    await answer(1);
    expect(sent).toEqual([1, 2, 3]);
  });

  it("does not let anything pass a request that may change what later ones mean", async () => {
    const { connection, names, answer } = rig();
    connection.received(message(ApiKey.Produce, 1));
    connection.received(message(ApiKey.Metadata, 2));
    connection.received(message(ApiKey.Produce, 3));
    expect(names()).toEqual(["produce 1"]);
    await answer(1);
    expect(names()).toEqual(["produce 1", "metadata 2"]);
    await answer(2);
    expect(names()).toEqual(["produce 1", "metadata 2", "produce 3"]);
  });

  it("lets Produce pass a Fetch that waits, which may be what wakes it", async () => {
    const { connection, names, answer, sent } = rig();
    connection.received(message(ApiKey.Fetch, 1));
    connection.received(message(ApiKey.Produce, 2));
    connection.received(message(ApiKey.Fetch, 3));
    expect(names()).toEqual(["fetch 1", "produce 2"]);
    await answer(2);
    expect(sent).toEqual([]);
    await answer(1);
    expect(sent).toEqual([1, 2]);
    expect(names()).toContain("fetch 3");
  });

  it("stops reading while too much is unanswered, and reads again after", async () => {
    const { connection, calls, answer } = rig({
      limits: { requestsMax: 2, requestBytesMax: 1000, runningMax: 2 },
    });
    for (const id of [1, 2, 3]) connection.received(message(ApiKey.Produce, id));
    expect(calls).toEqual(["pause"]);
    await answer(1);
    expect(calls).toEqual(["pause", "resume"]);
  });

  it("counts the bytes of what is unanswered, and takes one request that is larger than all that", async () => {
    const { connection, calls, answer } = rig({
      limits: { requestsMax: 100, requestBytesMax: 50, runningMax: 2 },
    });
    connection.received(message(ApiKey.Produce, 1, 500));
    expect(calls).toEqual([]);
    connection.received(message(ApiKey.Produce, 2));
    expect(calls).toEqual(["pause"]);
    await answer(1);
    expect(calls).toEqual(["pause", "resume"]);
  });

  it("starts nothing while the client does not read its answers", async () => {
    const { connection, accept, names, answer, calls } = rig();
    accept(false);
    connection.received(message(ApiKey.Produce, 1));
    await answer(1);
    connection.received(message(ApiKey.Produce, 2));
    expect(names()).toEqual(["produce 1"]);
    expect(calls).toEqual(["pause"]);
    accept(true);
    connection.drained();
    expect(names()).toEqual(["produce 1", "produce 2"]);
    expect(calls).toEqual(["pause", "resume"]);
  });
});

describe("a connection whose answers may overtake", () => {
  it("answers whatever is done", async () => {
    const { connection, sent, answer } = rig({ ordered: false });
    connection.received(message(ApiKey.Fetch, 1));
    connection.received(message(ApiKey.Metadata, 2));
    await answer(2);
    await answer(1);
    expect(sent).toEqual([2, 1]);
  });

  it("works on so many at once, and lets Produce pass those that wait", async () => {
    const { connection, names, answer } = rig({ ordered: false });
    for (const id of [1, 2, 3]) connection.received(message(ApiKey.Fetch, id));
    connection.received(message(ApiKey.Produce, 4));
    expect(names()).toEqual(["fetch 1", "fetch 2", "produce 4"]);
    await answer(2);
    expect(names()).toEqual(["fetch 1", "fetch 2", "produce 4", "fetch 3"]);
  });

  it("closes a client that cannot be told to stop and sends too much", () => {
    const { connection, calls } = rig({
      ordered: false,
      pausable: false,
      limits: { requestsMax: 2, requestBytesMax: 1000, runningMax: 2 },
    });
    for (const id of [1, 2, 3]) connection.received(message(ApiKey.Fetch, id));
    expect(calls).toEqual([expect.stringMatching(/^close: more than 2 requests/)]);
  });
});

describe("what ends a connection, and only that one", () => {
  it.each([
    ["an API that is not served", message(4711, 1), /API key 4711/],
    ["less than a header", new Uint8Array([0, 1, 2]), /header/],
    ["nothing", new Uint8Array(0), /header/],
    ["text", encoder.encode("GET / HTTP/1.1\r\n\r\n"), /./],
  ])("%s", (_what, bytes, reason) => {
    const { connection, calls } = rig();
    connection.received(bytes);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatch(/^close: /);
    expect(calls[0]).toMatch(reason);
    expect(connection.lifetime.ended).toBe(true);
  });

  it.each([
    [
      "a KafkaError",
      new KafkaError(ErrorCode.INVALID_REQUEST, "a count that cannot be"),
      "close: a count that cannot be",
    ],
    ["a fault of ours", new TypeError("secret detail"), "close: UNKNOWN_SERVER_ERROR"],
  ])("%s out of a handler", async (_what, error, reason) => {
    const { connection, started, settle, calls } = rig();
    connection.received(message(ApiKey.Produce, 1));
    started[0]?.fail(error);
    await settle();
    expect(calls).toEqual([expect.stringContaining(reason)]);
    expect(calls.join()).not.toContain("secret");
  });

  it("touches nothing any more once the socket is gone", async () => {
    const { connection, started, answer, sent, calls } = rig();
    connection.received(message(ApiKey.Produce, 1));
    connection.closed();
    await answer(1);
    connection.received(message(ApiKey.Produce, 2));
    expect(started).toHaveLength(1);
    expect(sent).toEqual([]);
    expect(calls).toEqual([]);
  });
});

describe("a connection that is being finished", () => {
  it("answers what has arrived and takes nothing more", async () => {
    const { connection, started, answer, sent } = rig();
    connection.received(message(ApiKey.Metadata, 1));
    connection.received(message(ApiKey.Metadata, 2));
    let finished = false;
    const done = connection.finish().then(() => (finished = true));
    connection.received(message(ApiKey.Metadata, 3));
    await answer(1);
    expect(finished).toBe(false);
    await answer(2);
    await done;
    expect(sent).toEqual([1, 2]);
    expect(started).toHaveLength(2);
  });

  it("waits for nothing when nothing has arrived", async () => {
    await rig().connection.finish();
  });
});
