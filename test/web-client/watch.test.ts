/** States and progress as something to iterate over, against a real gateway. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { text } from "../../web-client/core/serializer.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { openNodeClient, stubBrowser, untilState } from "./node-client.ts";

let gateway: TestGateway;
beforeAll(async () => {
  stubBrowser();
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway.stop();
  vi.unstubAllGlobals();
});

test("states are told one after the other, the newest to who is slow, and end with `closed`", async () => {
  await using client = await openNodeClient(gateway);
  await untilState(client, "live");
  const states = client.states();
  expect((await states.next()).value?.name).toBe("live");
  client.goOffline();
  client.goOnline();
  // It was offline in between, and nobody asked then.
  expect((await states.next()).value?.name).toBe("connecting");
  expect((await states.next()).value?.name).toBe("live");
  const rest: string[] = [];
  const waiting = (async () => {
    for await (const { name } of states) rest.push(name);
  })();
  await client.close();
  await waiting;
  expect(rest).toEqual(["closed"]);
  const ended = client.states({ signal: AbortSignal.abort() });
  expect((await ended.next()).done).toBe(true);
});

test("progress goes on until nothing is missing, and ends when the replica is closed", async () => {
  await using client = await openNodeClient(gateway);
  const lines = client.topic("lines", { value: text() });
  await Promise.all(Array.from({ length: 100 }, (_, n) => lines.publish({ value: `${n}` }).delivered));
  const replica = await lines.replicate();
  {
    await using held = replica;
    for await (const { missingRecords, heldRecords, heldBytes, partitions } of held.progress()) {
      expect(heldRecords).toBe(partitions.reduce((sum, { from, to }) => sum + Number(to - from), 0));
      if (missingRecords !== 0n) continue;
      expect([heldRecords, heldBytes > 0]).toEqual([100, true]);
      break;
    }
  }
  const after = replica.progress();
  expect((await after.next()).done).toBe(true);
});
