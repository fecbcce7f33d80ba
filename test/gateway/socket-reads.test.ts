/** All TCP sockets read into one buffer: nothing that is kept may be touched by the next read, of whichever socket. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SOCKET_READ_BYTES } from "../../gateway/clients/limits.ts";
import { readShared } from "../../gateway/socket-reads.ts";
import { batchOf, createTopic, fetchFrom, produceTo, valuesOf } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway } from "./start-gateway.ts";

interface Served {
  readonly accepted: Socket;
  readonly socket: Socket;
  readonly reads: Uint8Array[];
}

let server: Server;
let served: Served[];

beforeEach(async () => {
  served = [];
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (accepted) => {
    const reads: Uint8Array[] = [];
    const socket = readShared(accepted, (bytes) => {
      reads.push(bytes);
      socket.write(String(bytes.length));
    });
    socket.on("end", () => socket.end());
    served.push({ accepted, socket, reads });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  for (const { socket } of served) socket.destroy();
  server.close();
});

async function client(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

test("reads of all sockets lie in the same memory, so that none takes memory of its own", async () => {
  const [one, other] = [await client(), await client()];
  for (const socket of [one, other]) {
    socket.write("abc");
    await once(socket, "data");
  }
  const memories = new Set(served.flatMap(({ reads }) => reads.map(({ buffer }) => buffer)));
  expect(served.map(({ reads }) => reads.length)).toEqual([1, 1]);
  expect(memories.size).toBe(1);
  one.destroy();
  other.destroy();
});

test("no read brings more than the shares of request memory are reckoned with", async () => {
  const one = await client();
  const sent = 1_000_000;
  one.write(new Uint8Array(sent));
  one.end();
  one.resume();
  await once(one, "close");
  const lengths = served.flatMap(({ reads }) => reads.map(({ length }) => length));
  expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(sent);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(SOCKET_READ_BYTES);
});

test("the end of a client, and the end of the server, come as ever", async () => {
  const one = await client();
  one.write("abc");
  await once(one, "data");
  const [first] = served;
  if (first === undefined) throw new Error("the server has not seen the client");
  const gone = once(first.socket, "close");
  one.end();
  await gone;
  const closed = once(server, "close");
  server.close();
  await closed;
});

test("a socket that is paused is not read, and read again when it is resumed", async () => {
  const one = await client();
  one.write("abc");
  await once(one, "data");
  const [first] = served;
  if (first === undefined) throw new Error("the server has not seen the client");
  first.socket.pause();
  one.write("defg");
  // Another connection goes all the way there and back meanwhile.
  const other = await client();
  other.write("x");
  await once(other, "data");
  expect(first.reads).toHaveLength(1);
  first.socket.resume();
  expect(String((await once(one, "data"))[0])).toBe("4");
  one.destroy();
  other.destroy();
});

test("batches that several clients send at the same time are in the log as they were sent", async () => {
  const gateway = await startTestGateway();
  const clients = await Promise.all(Array.from({ length: 6 }, () => ProtocolClient.tcp(gateway.kafkaPort)));
  const [first] = clients;
  if (first === undefined) throw new Error("there are no clients");
  await createTopic(first, "t", clients.length);
  const sent: string[][] = clients.map(() => []);
  await Promise.all(
    clients.map(async (each, partition) => {
      for (let round = 0; round < 8; round++) {
        // From a few bytes to more than one read brings.
        const value = `${partition}.${round} `.repeat(1 + round ** 6);
        sent[partition]?.push(`${round} ${value}`);
        const { errorCode } = await produceTo(each, "t", batchOf([value]), { partition });
        expect(errorCode).toBe(0);
      }
    }),
  );
  for (const partition of clients.keys()) {
    const { records } = await fetchFrom(first, "t", 0n, { partition });
    expect(valuesOf(records ?? new Uint8Array(0))).toEqual(sent[partition]);
  }
  await Promise.all(clients.map((each) => each.close()));
  await gateway.stop();
});
