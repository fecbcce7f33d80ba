/** Over HTTP a token travels in a header, and nowhere else. */
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metadata } from "../../../wire/apis/metadata.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { batchOf, createTopic, produceTo } from "../batches.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { signIn, startGuardedGateway, type GuardedGateway } from "./issuer.ts";

const RECORDS = 20;
const VALUE_BYTES = 900_000;

let gateway: GuardedGateway;
let token: string;
let path: string;

beforeAll(async () => {
  gateway = await startGuardedGateway();
  token = await gateway.issuer.token("alice");
  const client = await ProtocolClient.tcp(gateway.kafkaPort);
  await signIn(client, token);
  await createTopic(client, "history");
  for (let n = 0; n < RECORDS; n++)
    await produceTo(client, "history", batchOf([Buffer.alloc(VALUE_BYTES, "v")]), { acks: -1 });
  const { topics } = await client.request(metadata, 12, { topics: [{ name: "history" }] });
  path = `/log/${topics[0]?.topicId}/0?from=0`;
  await client.close();
});
afterAll(() => gateway.stop());

const ask = (url: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway.httpPort}${url}`, { headers, method });

describe("history", () => {
  it("is given to who has signed in by header, whole", async () => {
    const response = await ask(path, { authorization: `Bearer ${token}` });
    expect(response.status).toBe(200);
    expect(response.headers.get("rivulet-high-watermark")).toBe(String(RECORDS));
    expect(response.headers.get("cache-control")).toContain("private");
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(RECORDS * VALUE_BYTES);
    expect((await ask(path, { authorization: `bearer   ${token}` }, "HEAD")).status).toBe(200);
  });

  it.each<[string, () => Record<string, string> | Promise<Record<string, string>>]>([
    ["nothing", () => ({})],
    ["a cookie (security check 3)", () => ({ cookie: `token=${token}; authorization=Bearer ${token}` })],
    [
      "another scheme",
      () => ({ authorization: `Basic ${Buffer.from(`alice:${token}`).toString("base64")}` }),
    ],
    ["a token without its scheme", () => ({ authorization: token })],
    ["no token", () => ({ authorization: "Bearer " })],
    ["two tokens", () => ({ authorization: `Bearer ${token} ${token}` })],
    [
      "a token that is over",
      async () => ({ authorization: `Bearer ${await gateway.issuer.token("a", { expiresIn: -60 })}` }),
    ],
    ["a forged token", () => ({ authorization: `Bearer ${token.slice(0, -6)}AAAAAA` })],
  ])("with %s is 401, says how, and gives nothing", async (_what, headers) => {
    for (const method of ["GET", "HEAD"]) {
      const response = await ask(path, await headers(), method);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(response.headers.get("rivulet-high-watermark")).toBeNull();
      if (method === "GET")
        expect(await response.json()).toMatchObject({ code: ErrorCode.SASL_AUTHENTICATION_FAILED });
    }
  });

  it("a token in the URL is refused, whatever it is called, and is in no log (security check 4)", async () => {
    for (const name of ["access_token", "token", "authorization", "x"]) {
      const response = await ask(`${path}&${name}=${token}`, { authorization: `Bearer ${token}` });
      expect(response.status).toBe(400);
      await response.text();
    }
    const upgrade = ProtocolClient.webSocket(gateway.httpPort);
    await (await upgrade).close();
    expect(JSON.stringify(gateway.logged)).not.toContain(token.slice(40, 80));
  });

  it("of a topic that is not there is not told to strangers", async () => {
    const unknown = "/log/AAAAAAAAAAAAAAAAAAAAAg/0?from=0";
    expect((await ask(unknown)).status).toBe(401);
    expect((await ask(unknown, { authorization: `Bearer ${token}` })).status).toBe(404);
  });

  it("a page of an allowed origin may send the header, and may read why it was refused", async () => {
    const origin = `http://127.0.0.1:${gateway.httpPort}`;
    const preflight = await ask(
      path,
      { origin, "access-control-request-headers": "authorization" },
      "OPTIONS",
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-headers")).toBe("authorization, range");
    const refused = await ask(path, { origin });
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  });

  it("a token of eight kilobytes is taken, as some that make them put much into them", async () => {
    const long = await gateway.issuer.token("alice", { claims: { groups: "g".repeat(6000) } });
    expect((await ask(path, { authorization: `Bearer ${long}` }, "HEAD")).status).toBe(200);
  });

  it("ends with the token that it was asked with, however slowly it is read", async () => {
    const short = await gateway.issuer.token("alice", { expiresIn: 3 });
    const socket: Socket = connect({ port: gateway.httpPort, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.write(
      `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${gateway.httpPort}\r\nauthorization: Bearer ${short}\r\n\r\n`,
    );
    let bytes = 0;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.once("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
      expect(chunk.toString("latin1")).toContain("200 OK");
      socket.pause();
      // What the system holds for us is read only once the gateway has let go.
      setTimeout(() => {
        socket.on("data", (more: Buffer) => (bytes += more.byteLength));
        socket.resume();
      }, 4500);
    });
    await closed;
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(RECORDS * VALUE_BYTES);
  });
});

describe("what stays open", () => {
  it("/healthz answers anybody, without names of topics; the console is there to sign in with", async () => {
    const health = await ask("/healthz");
    expect(health.status).toBe(200);
    const body = (await health.json()) as Record<string, unknown>;
    expect(body).toMatchObject({ status: "ok" });
    expect(typeof body["nowMs"]).toBe("number");
    expect(body).not.toHaveProperty("fenced");
    expect([200, 404]).toContain((await ask("/")).status);
  });
});
