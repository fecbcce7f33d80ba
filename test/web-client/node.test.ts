/** The SDK's entry for Node: no browser, no stubs, a real gateway. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { connect, ErrorCode, json, KafkaError } from "../../web-client/node/index.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";

let gateway: TestGateway;
let url: string;
beforeAll(async () => {
  gateway = await startTestGateway();
  url = `http://127.0.0.1:${gateway.httpPort}`;
});
afterAll(() => gateway.stop());

test("has everything that the entry for browsers has, by name", async () => {
  const namesIn = async (path: string): Promise<string[]> => {
    const source = await readFile(new URL(`../../web-client/${path}`, import.meta.url), "utf8");
    const lists = [...source.matchAll(/export (?:type )?\{([^}]*)\}/g)].map(([, list = ""]) =>
      list.split(","),
    );
    return lists
      .flat()
      .map((name) => name.trim())
      .filter((name) => name !== "");
  };
  const names = await namesIn("index.ts");
  expect(names.length).toBeGreaterThan(50);
  expect((await namesIn("node/index.ts")).toSorted()).toEqual([...names, "NodeConnectOptions"].toSorted());
});

test("publishes, replicates and reads in memory, over the WebSocket that it is given", async () => {
  await using rivulet = await connect({ url, WebSocket });
  expect(rivulet.storage).toBe("memory");
  const numbers = rivulet.topic("numbers", { value: json<number>() });
  const sent = Array.from({ length: 2000 }, (_, n) => numbers.publish({ key: "k", value: n }));
  await Promise.all(sent.map(({ delivered }) => delivered));
  const read: (number | null)[] = [];
  for await (const { value } of numbers.subscribe({ from: "earliest", until: "end" })) read.push(value);
  expect(read).toEqual(Array.from({ length: 2000 }, (_, n) => n));
  await using replica = await numbers.replicate();
  await replica.caughtUp();
  expect(replica.heldRecords).toBe(2000);
  await expect(rivulet.admin.describeTopic("nowhere")).rejects.toThrow(KafkaError);
  await expect(rivulet.admin.describeTopic("nowhere")).rejects.toMatchObject({
    code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  });
});

test("a gateway that is away is tried again, and said to be", async () => {
  await using rivulet = await connect({ url: "http://127.0.0.1:1", WebSocket });
  for await (const { name, reason } of rivulet.states()) {
    if (name !== "offline") continue;
    expect(reason).toMatch(/trying again/);
    break;
  }
});

test("without any WebSocket it is said what to do", async () => {
  vi.stubGlobal("WebSocket", undefined);
  await expect(connect({ url })).rejects.toThrow(/no WebSocket: use Node 22/);
  vi.stubGlobal("WebSocket", WebSocket);
  await using rivulet = await connect({ url });
  expect((await rivulet.admin.describeCluster()).clusterId).toBe(gateway.clusterId);
  vi.unstubAllGlobals();
});
