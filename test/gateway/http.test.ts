import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readStaticFiles } from "../../gateway/static-files.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { FrameReader } from "../../wire/frame-reader.ts";
import { decodePush, type PushFrame } from "../../wire/push.ts";
import { batchOf, createTopic, produceTo, valuesOf } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const ALLOWED = "https://app.example";
const FOREIGN = "https://evil.example";

let gateway: TestGateway;
let client: ProtocolClient;
let topicId: string;
const RECORDS = 500;

let page: string;

beforeAll(async () => {
  page = await mkdtemp(join(tmpdir(), "rivulet-page-"));
  await mkdir(join(page, "assets"));
  await writeFile(join(page, "index.html"), "<!doctype html>");
  await writeFile(join(page, "assets", "app-abc.js"), "export {};");
  await writeFile(join(page, "service-worker.js"), "1");
  gateway = await startTestGateway({ args: ["--allow-origin", ALLOWED], consoleDirectory: page });
  client = await ProtocolClient.tcp(gateway.kafkaPort);
  topicId = await createTopic(client, "history", 2);
  // 2 MB in 20 batches: more than one piece.
  for (let n = 0; n < 20; n++) {
    const values = Array.from({ length: RECORDS / 20 }, (_, index) => `${n}/${index} ${"x".repeat(4000)}`);
    await produceTo(client, "history", batchOf(values), { partition: 1 });
  }
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
  await rm(page, { recursive: true });
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** A request with headers that `fetch` would not let through. */
function call(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port: gateway.httpPort, host: "127.0.0.1", path, headers, method },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
        response.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end();
  });
}

const errorOf = ({ body }: Answer): { error: string; code: number; message: string } =>
  JSON.parse(body.toString()) as never;

function framesOf(body: Uint8Array): PushFrame[] {
  const reader = new FrameReader({ frameBytesMax: 2 ** 24 });
  const frames = Array.from(reader.push(body), decodePush);
  expect(reader.buffered).toBe(0);
  return frames;
}

describe("history over HTTP", () => {
  const url = (from: bigint | number, partition = 1): string => `/log/${topicId}/${partition}?from=${from}`;

  it.each([0n, 1n, 37n, 499n])(
    "from %i comes in pieces whose ranges join, up to the high watermark",
    async (from) => {
      const answer = await call(url(from));
      expect(answer.status).toBe(200);
      expect(answer.headers["content-type"]).toBe("application/vnd.rivulet.push");
      expect(answer.headers["rivulet-high-watermark"]).toBe(String(RECORDS));
      const frames = framesOf(answer.body);
      let next = from;
      const offsets: number[] = [];
      for (const frame of frames) {
        expect(frame).toMatchObject({ errorCode: 0, topicId, partition: 1, from: next });
        offsets.push(...valuesOf(frame.records).map((value) => Number.parseInt(value, 10)));
        next = frame.to;
      }
      expect(next).toBe(BigInt(RECORDS));
      expect(offsets.filter((offset) => offset >= Number(from))).toEqual(
        Array.from({ length: RECORDS - Number(from) }, (_, index) => Number(from) + index),
      );
      if (from === 0n) expect(frames.length).toBeGreaterThan(2);
    },
  );

  it("at the high watermark there is nothing, which is no error", async () => {
    expect(await call(url(RECORDS))).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(await call(url(0, 0))).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  });

  it("HEAD answers without a body", async () => {
    const answer = await call(url(0), {}, "HEAD");
    expect(answer).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(answer.headers["rivulet-log-start-offset"]).toBe("0");
  });

  const refusals: readonly (readonly [what: string, path: () => string, status: number, code: number])[] = [
    ["an offset beyond the end", () => url(RECORDS + 1), 416, ErrorCode.OFFSET_OUT_OF_RANGE],
    ["a negative offset", () => url(-1), 400, ErrorCode.INVALID_REQUEST],
    [
      "an offset of 30 digits",
      () => `/log/${topicId}/1?from=${"9".repeat(30)}`,
      400,
      ErrorCode.INVALID_REQUEST,
    ],
    ["an offset of 2^63-1", () => url(2n ** 63n - 1n), 416, ErrorCode.OFFSET_OUT_OF_RANGE],
    ["no offset", () => `/log/${topicId}/1`, 400, ErrorCode.INVALID_REQUEST],
    ["a partition that is not there", () => url(0, 9), 404, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ["a partition that is no number", () => `/log/${topicId}/x?from=0`, 400, ErrorCode.INVALID_REQUEST],
    [
      "a topic id that is not there",
      () => "/log/AAAAAAAAAAAAAAAAAAAAAg/0?from=0",
      404,
      ErrorCode.UNKNOWN_TOPIC_ID,
    ],
    ["a topic's name", () => "/log/history/0?from=0", 400, ErrorCode.INVALID_REQUEST],
    ["a path", () => "/log/..%2f..%2fetc/0?from=0", 400, ErrorCode.INVALID_REQUEST],
  ];

  it.each(refusals)("refuses %s", async (_what, path, status, code) => {
    const answer = await call(path());
    expect(answer.status).toBe(status);
    expect(errorOf(answer)).toMatchObject({ code });
    expect(errorOf(answer).message).toBeTruthy();
  });

  it("a client that goes away in the middle harms nobody", async () => {
    for (let n = 0; n < 20; n++) {
      const socket = connect({ port: gateway.httpPort, host: "127.0.0.1" });
      socket.on("error", () => {});
      socket.write(`GET ${url(0)} HTTP/1.1\r\nHost: 127.0.0.1:${gateway.httpPort}\r\n\r\n`);
      if (n % 2 === 0) await new Promise<void>((resolve) => socket.once("data", () => resolve()));
      socket.resetAndDestroy();
    }
    expect((await call(url(0))).body.byteLength).toBeGreaterThan(2_000_000);
  });

  it("a client that reads slowly gets all of it", async () => {
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const request = httpRequest({ port: gateway.httpPort, host: "127.0.0.1", path: url(0) }, (response) => {
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          response.pause();
          setImmediate(() => response.resume());
        });
        response.on("end", resolve);
      });
      request.on("error", reject);
      request.end();
    });
    expect(framesOf(Buffer.concat(chunks)).at(-1)?.to).toBe(BigInt(RECORDS));
  });
});

describe("who may call over HTTP", () => {
  const path = (): string => `/log/${topicId}/1?from=${RECORDS}`;

  it("a page of an allowed origin, with the headers that let it read the answer", async () => {
    const answer = await call(path(), { origin: ALLOWED });
    expect(answer.status).toBe(200);
    expect(answer.headers["access-control-allow-origin"]).toBe(ALLOWED);
    expect(answer.headers["vary"]).toBe("Origin");
    const preflight = await call(
      path(),
      { origin: ALLOWED, "access-control-request-method": "GET" },
      "OPTIONS",
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers["access-control-allow-headers"]).toContain("authorization");
  });

  it("its own page", async () => {
    for (const host of ["127.0.0.1", "localhost"]) {
      const answer = await call(path(), {
        origin: `http://${host}:${gateway.httpPort}`,
        host: `${host}:${gateway.httpPort}`,
      });
      expect(answer.status).toBe(200);
    }
  });

  it.each([
    ["a foreign page", { origin: FOREIGN }],
    ["a page without an origin of its own", { origin: "null" }],
    ["a page whose origin looks alike", { origin: `${ALLOWED}.evil.example` }],
    ["an image on a foreign page", { "sec-fetch-site": "cross-site" }],
    ["a page whose name was made to lead here", { host: "rebound.evil.example" }],
  ])("never %s", async (_what, headers) => {
    for (const method of ["GET", "HEAD", "OPTIONS"]) {
      const answer = await call(path(), headers as unknown as Record<string, string>, method);
      expect(answer.status).toBe(403);
      expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
    }
    expect((await call("/", headers as unknown as Record<string, string>)).status).toBe(403);
  });
});

describe("who may open a WebSocket", () => {
  it.each([
    ["an allowed page", { origin: ALLOWED }],
    ["what is no browser", {}],
  ])("%s", async (_what, options) => {
    const socket = await ProtocolClient.webSocket(gateway.httpPort, options);
    expect((await socket.request(metadata, 12, { topics: [] })).clusterId).toBe(gateway.clusterId);
    await socket.close();
  });

  it.each([
    ["a foreign page", { origin: FOREIGN }, /403/],
    ["a page without an origin of its own", { origin: "null" }, /403/],
    ["a page whose origin looks alike", { origin: `${ALLOWED}.evil.example` }, /403/],
    ["a page whose name was made to lead here", { headers: { host: "rebound.evil.example" } }, /403/],
    ["who speaks another protocol", { protocol: "graphql-ws" }, /400/],
  ])("never %s", async (_what, options, status) => {
    await expect(ProtocolClient.webSocket(gateway.httpPort, options)).rejects.toThrow(status);
  });

  it("compression is not negotiated, and a query is refused", async () => {
    const upgrade = (target: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({ port: gateway.httpPort, host: "127.0.0.1" });
        socket.once("data", (data) => {
          resolve(data.toString());
          socket.destroy();
        });
        socket.write(
          `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${gateway.httpPort}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
            "Sec-WebSocket-Protocol: other, rivulet.kafka.v1\r\n\r\n",
        );
      });
    const accepted = await upgrade("/ws");
    expect(accepted).toMatch(/^HTTP\/1\.1 101/);
    expect(accepted.toLowerCase()).toContain("sec-websocket-protocol: rivulet.kafka.v1");
    expect(accepted.toLowerCase()).not.toContain("permessage-deflate");
    expect(await upgrade("/ws?token=secret")).toMatch(/^HTTP\/1\.1 400/);
    expect(JSON.stringify(gateway.logged)).not.toContain("secret");
  });

  it("a text message closes it, and says why", async () => {
    const socket = await ProtocolClient.webSocket(gateway.httpPort);
    socket.send("hello" as never);
    expect(await socket.closed).toMatch(/^1008 a text message/);
  });
});

describe("the rest of the port", () => {
  it("/healthz tells how things are", async () => {
    const answer = await call("/healthz");
    expect(answer.headers["cross-origin-resource-policy"]).toBe("cross-origin");
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      status: "ok",
      version: "0.0.0-test",
      partitions: 2,
      fenced: [],
    });
  });

  it.each([
    "/nothing/here",
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..\\..\\etc\\passwd",
    "/assets/",
  ])("%s is not found", async (path) => {
    expect((await call(path)).status).toBe(404);
  });

  it("POST answers nothing", async () => {
    expect((await call("/", {}, "POST")).status).toBe(404);
    expect((await call("/healthz", {}, "DELETE")).status).toBe(404);
  });
});

describe("the console page", () => {
  it("stands at /, with a policy that lets it run its own code and talk to its gateway only", async () => {
    const answer = await call("/");
    expect(answer).toMatchObject({ status: 200, body: Buffer.from("<!doctype html>") });
    expect(answer.headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
    });
    const policy = String(answer.headers["content-security-policy"]);
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain(`ws://127.0.0.1:${gateway.httpPort}`);
    expect((await call("/service-worker.js")).headers["service-worker-allowed"]).toBe("/");
    expect((await call("/assets/app-abc.js")).headers["cache-control"]).toContain("immutable");
  });

  it("is not sent again to who has it", async () => {
    const { etag } = (await call("/")).headers;
    expect(await call("/", { "if-none-match": `"other", ${String(etag)}` })).toMatchObject({
      status: 304,
      body: Buffer.alloc(0),
    });
    expect((await call("/", { "if-none-match": '"other"' })).status).toBe(200);
  });

  it.each(["/", "/assets/app-abc.js", "/healthz", "/nowhere"])(
    "HEAD %s is answered without a body, and the gateway lives",
    async (path) => {
      const [head, get] = [await call(path, {}, "HEAD"), await call(path)];
      expect(head.status).toBe(get.status);
      expect(head.body).toEqual(Buffer.alloc(0));
      if (path !== "/nowhere" && path !== "/healthz")
        expect(head.headers["content-length"]).toBe(String(get.body.byteLength));
    },
  );
});

describe("static files", () => {
  it("are read once, with their types, and only what lies in the directory", async () => {
    const directory = await mkdtemp(join(tmpdir(), "rivulet-static-"));
    await mkdir(join(directory, "assets"));
    await writeFile(join(directory, "index.html"), "<!doctype html>");
    await writeFile(join(directory, "assets", "app-abc.js"), "1");
    await writeFile(join(directory, "engine.wasm"), "2");
    const files = await readStaticFiles(directory);
    expect([...files.keys()].toSorted()).toEqual(["/", "/assets/app-abc.js", "/engine.wasm", "/index.html"]);
    expect(files.get("/")).toMatchObject({
      contentType: "text/html; charset=utf-8",
      cacheControl: "no-cache",
    });
    expect(files.get("/assets/app-abc.js")).toMatchObject({ contentType: "text/javascript; charset=utf-8" });
    expect(files.get("/assets/app-abc.js")?.cacheControl).toContain("immutable");
    expect(files.get("/engine.wasm")?.contentType).toBe("application/wasm");
    expect(files.get("/engine.wasm")?.etag).not.toBe(files.get("/")?.etag);
    await rm(directory, { recursive: true });
    expect((await readStaticFiles(join(directory, "gone"))).size).toBe(0);
  });
});
