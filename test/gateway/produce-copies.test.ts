/** A batch is copied once on its way from the socket to the file: out of the memory that sockets read into. */
import { afterEach, expect, test, vi } from "vitest";
import { nodeFileSystem } from "../../gateway/node-file-system.ts";
import { ApiKey } from "../../wire/api.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { batchOf, createTopic, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway } from "./start-gateway.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([
  ["in one read", 10_000],
  ["in several reads", 900_000],
])("what is written of a batch that comes %s is the request that was received", async (_, bytes) => {
  const gateway = await startTestGateway();
  const client = await ProtocolClient.tcp(gateway.kafkaPort);
  await createTopic(client, "t");
  const batch = batchOf([new Uint8Array(bytes).fill(7)]);
  const written = vi.spyOn(nodeFileSystem, "write");
  const { errorCode } = await produceTo(client, "t", batch);
  expect(errorCode).toBe(0);

  const pieces = written.mock.calls.flatMap(([, each]) => each);
  const piece = pieces.find(({ byteLength }) => byteLength === batch.byteLength);
  if (piece === undefined) throw new Error("the batch was not written as one piece");
  // The piece lies in the memory of the whole request, header and all, and that is no larger than a power of two has to be.
  const { buffer, byteOffset, byteLength } = piece;
  expect(decodeRequestHeader(new Uint8Array(buffer)).apiKey).toBe(ApiKey.Produce);
  expect(buffer.byteLength).toBeGreaterThanOrEqual(byteOffset + byteLength);
  expect(buffer.byteLength).toBeLessThan(2 * (byteOffset + byteLength + 16));
  await client.close();
  await gateway.stop();
});
