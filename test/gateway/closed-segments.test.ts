/** Closed segments under URLs of their own. */
import { once } from "node:events";
import { open } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { rangeOf } from "../../gateway/api/closed-segments.ts";
import { nodeFileSystem } from "../../gateway/node-file-system.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { bulkHistory } from "../../sync/bulk-history.ts";
import type { HistorySource } from "../../sync/history.ts";
import { httpHistory } from "../../web-client/http-gateway.ts";
import { batchOf, produceTo, valuesOf } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { signIn, startGuardedGateway } from "./sign-in/issuer.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const BATCHES = 60;
const SEGMENT_BYTES = 2_500_000;

interface Listed {
  from: string;
  to: string;
  bytes: number;
  digest: string;
}

let gateway: TestGateway;
let client: ProtocolClient;
let path: string;

/** A topic of 60 batches of 300 kB, some to a segment. */
async function fill(to: ProtocolClient, name: string, segmentBytes = SEGMENT_BYTES): Promise<string> {
  const configs = [{ name: "segment.bytes", value: String(segmentBytes) }];
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  const made = await to.request(createTopics, 7, { topics: [topic], timeoutMs: 5000, validateOnly: false });
  for (let n = 0; n < BATCHES; n++)
    await produceTo(to, name, batchOf([`${n}`, Buffer.alloc(290_000, "v")]), { acks: -1 });
  return `/log/${made.topics[0]?.topicId}/0`;
}

beforeAll(async () => {
  gateway = await startTestGateway();
  client = await ProtocolClient.tcp(gateway.kafkaPort);
  path = await fill(client, "segments");
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
});

const ask = (url: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway.httpPort}${url}`, { headers, method });

async function list(from = 0): Promise<Listed[]> {
  const response = await ask(`${path}/segments?from=${from}`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { segments: Listed[] }).segments;
}

const urlOf = ({ from, to, digest }: Listed): string => `${path}/${from}-${to}/${digest}`;
const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

describe("a list of closed segments", () => {
  it("names ranges that join, from the first one that begins there; not the segment that is written to", async () => {
    const all = await list();
    expect(all.length).toBeGreaterThan(5);
    let next = 0n;
    for (const { from, to, bytes, digest } of all) {
      expect(BigInt(from)).toBe(next);
      expect(bytes).toBeLessThanOrEqual(SEGMENT_BYTES);
      expect(digest).toMatch(/^[0-9a-f]{8}$/);
      next = BigInt(to);
    }
    expect(next).toBeLessThan(BigInt(2 * BATCHES));
    expect(await list(Number(all[2]?.from))).toEqual(all.slice(2));
    expect(await list(Number(all[2]?.from) + 1)).toEqual(all.slice(3));
    expect(await list(2 * BATCHES)).toEqual([]);
  });

  it.each<[string, () => string, number]>([
    ["no offset", () => `${path}/segments`, 400],
    ["an offset that is none", () => `${path}/segments?from=-1`, 400],
    ["a topic that is not there", () => "/log/AAAAAAAAAAAAAAAAAAAAAQ/0/segments?from=0", 404],
    ["more than an offset", () => `${path}/segments?from=0&token=secret`, 400],
  ])("%s is refused", async (_what, url, status) => {
    expect((await ask(url())).status).toBe(status);
  });

  it("leaves out the one segment that cannot be read, and names the others", async () => {
    const rotten = await fill(client, "rotten");
    const listed = async (): Promise<Listed[]> =>
      ((await (await ask(`${rotten}/segments?from=0`)).json()) as { segments: Listed[] }).segments;
    // The same in another topic: a digest is read once, and this one's is known.
    const [first] = await listed();
    const second = await fill(client, "rotten-2");
    const name = `${(first?.to ?? "").padStart(20, "0")}.log`;
    const file = await open(join(gateway.dataDir, "rotten-2-0", name), "r+");
    await file.write(new Uint8Array(61), 0, 61, 0);
    await file.close();
    const answer = await ask(`${second}/segments?from=0`);
    expect(answer.status).toBe(200);
    const { segments } = (await answer.json()) as { segments: Listed[] };
    const ranges = (all: Listed[]): string[] => all.map(({ from, to }) => `${from}-${to}`);
    expect(ranges(segments)).toEqual(ranges(await listed()).filter((_, at) => at !== 1));
    expect(gateway.logged.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
      expect.stringContaining(`rotten-2-0/${name} is damaged at byte 0`),
    ]);
  });

  it("is not read on when the client has left", async () => {
    const own = await startTestGateway();
    let reads = 0;
    const read = nodeFileSystem.read.bind(nodeFileSystem);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    try {
      const producer = await ProtocolClient.tcp(own.kafkaPort);
      const log = await fill(producer, "left");
      await producer.close();
      const began = new Promise<void>((resolve) => {
        vi.spyOn(nodeFileSystem, "read").mockImplementation(async (fd, into, ...rest) => {
          if (into.length < 500_000) return read(fd, into, ...rest);
          if (reads++ === 0) resolve();
          await held;
          return read(fd, into, ...rest);
        });
      });
      const socket = connect(own.httpPort, "127.0.0.1");
      socket.write(`GET ${log}/segments?from=0 HTTP/1.1\r\nhost: 127.0.0.1:${own.httpPort}\r\n\r\n`);
      await began;
      socket.destroy();
      await once(socket, "close");
      // By the time that others who come later are answered, the gateway has heard of it.
      for (let time = 0; time < 3; time++)
        expect((await fetch(`http://127.0.0.1:${own.httpPort}/healthz`)).status).toBe(200);
      release();
    } finally {
      release();
      // Waits for whatever is being read.
      await own.stop();
      vi.restoreAllMocks();
    }
    expect(reads).toBe(1);
  });
});

describe("a closed segment", () => {
  it("is its batches, for ever: anybody may keep it where anybody may read it", async () => {
    let next = 0;
    for (const segment of await list()) {
      const response = await ask(urlOf(segment));
      expect(response.status).toBe(200);
      expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      const body = await bytesOf(response);
      expect(body.byteLength).toBe(segment.bytes);
      const values = valuesOf(body);
      expect(values).toHaveLength(Number(segment.to) - Number(segment.from));
      for (const value of values) expect(Number.parseInt(value, 10)).toBe(next++);
    }
    expect(next).toBeGreaterThan(BATCHES);
  });

  it("comes in parts, as Range asks", async () => {
    const [segment] = await list();
    if (segment === undefined) return expect.fail("there is none");
    const whole = await bytesOf(await ask(urlOf(segment)));
    const last = segment.bytes - 1;
    const parts: [range: string, first: number, end: number][] = [
      ["bytes=0-99", 0, 100],
      ["bytes=600000-", 600_000, segment.bytes],
      [`bytes=${last}-${last + 5000}`, last, segment.bytes],
      ["bytes=-10", segment.bytes - 10, segment.bytes],
    ];
    for (const [range, first, end] of parts) {
      const response = await ask(urlOf(segment), { range });
      expect(response.status).toBe(206);
      expect(response.headers.get("content-range")).toBe(`bytes ${first}-${end - 1}/${segment.bytes}`);
      expect((await bytesOf(response)).equals(whole.subarray(first, end))).toBe(true);
    }
    const beyond = await ask(urlOf(segment), { range: `bytes=${segment.bytes}-` });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${segment.bytes}`]);
    expect((await ask(urlOf(segment), { range: "bytes=0-1", "if-range": '"another"' })).status).toBe(200);
  });

  it("is not sent again to who has it, and HEAD tells its length", async () => {
    const [segment] = await list();
    if (segment === undefined) return expect.fail("there is none");
    const etag = (await ask(urlOf(segment), {}, "HEAD")).headers.get("etag") ?? "";
    const head = await ask(urlOf(segment), {}, "HEAD");
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(segment.bytes)]);
    const known = await ask(urlOf(segment), { "if-none-match": `"other", W/${etag}` });
    expect([known.status, (await bytesOf(known)).byteLength]).toEqual([304, 0]);
  });

  it.each<[string, (segment: Listed) => string, number, number]>([
    ["another content", (s) => `${path}/${s.from}-${s.to}/00000000`, 404, ErrorCode.RESOURCE_NOT_FOUND],
    [
      "a range that was never cut",
      (s) => `${path}/${s.from}-1/${s.digest}`,
      404,
      ErrorCode.RESOURCE_NOT_FOUND,
    ],
    ["a name that is none", (s) => `${path}/../${s.from}/${s.digest}`, 404, ErrorCode.RESOURCE_NOT_FOUND],
    ["a digest that is none", (s) => `${path}/${s.from}-${s.to}/zz`, 400, ErrorCode.INVALID_REQUEST],
    ["a query", (s) => `${urlOf(s)}?token=secret`, 400, ErrorCode.INVALID_REQUEST],
  ])("%s is refused", async (_what, url, status, code) => {
    const [segment] = await list();
    if (segment === undefined) return expect.fail("there is none");
    const response = await ask(url(segment));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  it("arrives whole on a connection that has answered before and whose reader is slow", async () => {
    // More than the kernel's buffers hold.
    const large = await fill(client, "large", 14_000_000);
    const [segment] = ((await (await ask(`${large}/segments?from=0`)).json()) as { segments: Listed[] })
      .segments;
    const url = `${large}/${segment?.from}-${segment?.to}/${segment?.digest}`;
    const body = await bytesOf(await ask(url));
    expect(body.byteLength).toBeGreaterThan(13_000_000);
    const socket = connect(gateway.httpPort, "127.0.0.1");
    const pieces = socket[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
    for (let time = 0; time < 3; time++) {
      socket.write(`GET ${url} HTTP/1.1\r\nhost: 127.0.0.1:${gateway.httpPort}\r\n\r\n`);
      const received: Buffer[] = [];
      let bytes = 0;
      for (let end = Infinity; bytes < end;) {
        const piece = (await pieces.next()).value as Buffer;
        if (received.length === 0) end = piece.indexOf("\r\n\r\n") + 4 + body.byteLength;
        bytes += piece.byteLength;
        received.push(piece);
        if (received.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(Buffer.concat(received).subarray(-body.byteLength).equals(body)).toBe(true);
    }
    socket.destroy();
  });
});

describe("history in bulk", () => {
  async function read(source: HistorySource, from: bigint): Promise<string[]> {
    const [, , topicId = ""] = path.split("/");
    const { signal } = new AbortController();
    const asked = { topic: "segments", topicId, partition: 0, source, token: undefined, signal };
    const values: string[] = [];
    let next = from;
    for await (const range of bulkHistory(asked, from)) {
      expect(range.from).toBe(next);
      next = range.to;
      if (range.kind === "data") values.push(...valuesOf(range.records));
    }
    return values.filter((value) => BigInt(Number.parseInt(value, 10)) >= from);
  }
  const everythingFrom = (from: number): number[] =>
    Array.from({ length: 2 * BATCHES - from }, (_, index) => from + index);
  const numbers = (values: string[]): number[] => values.map((value) => Number.parseInt(value, 10));

  it("takes closed segments by their URLs, and streams what is before and after them", async () => {
    const source = httpHistory(new URL(`http://127.0.0.1:${gateway.httpPort}/`));
    const streams: bigint[] = [];
    const spied: HistorySource = {
      ...source,
      read: (...asked) => {
        streams.push(asked[2]);
        return source.read(...asked);
      },
    };
    const all = await list();
    expect(numbers(await read(spied, 0n))).toEqual(everythingFrom(0));
    expect(streams).toEqual([BigInt(all.at(-1)?.to ?? -1)]);
    streams.length = 0;
    expect(numbers(await read(spied, 3n))).toEqual(everythingFrom(3));
    expect(streams).toEqual([3n, BigInt(all.at(-1)?.to ?? -1)]);
  });

  it("goes on within a segment whose body broke off, and streams when segments cannot be had", async () => {
    const source = httpHistory(new URL(`http://127.0.0.1:${gateway.httpPort}/`));
    const { closed } = source;
    if (closed === undefined) return expect.fail("there are no segments");
    const positions: number[] = [];
    const brittle: HistorySource = {
      ...source,
      closed: {
        ...closed,
        async *read(...asked) {
          positions.push(asked[2]);
          let pieces = 0;
          for await (const piece of closed.read(...asked)) {
            yield piece;
            if (asked[2] === 0 && ++pieces > 5) throw new Error("the connection was lost");
          }
        },
      },
    };
    expect(numbers(await read(brittle, 0n))).toEqual(everythingFrom(0));
    expect(positions.some((position) => position > 0)).toBe(true);
    const failing = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("404")) }) };
    const without: HistorySource = {
      ...source,
      closed: { ...closed, read: () => failing },
    };
    expect(numbers(await read(without, 0n))).toEqual(everythingFrom(0));
    const unlisted: HistorySource = {
      ...source,
      closed: { ...closed, list: () => Promise.reject(new Error("404")) },
    };
    expect(numbers(await read(unlisted, 0n))).toEqual(everythingFrom(0));
  });

  it("goes on by stream where deletion has taken the segments that were listed", async () => {
    const doomed = await fill(client, "doomed");
    const before = (
      await ((await ask(`${doomed}/segments?from=0`)).json() as Promise<{ segments: Listed[] }>)
    ).segments;
    const [first] = before;
    const offset = BigInt(before[3]?.from ?? 0) + 1n;
    await client.request(deleteRecords, 2, {
      topics: [{ name: "doomed", partitions: [{ partitionIndex: 0, offset }] }],
      timeoutMs: 5000,
    });
    expect((await ask(`${doomed}/${first?.from}-${first?.to}/${first?.digest}`)).status).toBe(404);
    const after = (await ((await ask(`${doomed}/segments?from=0`)).json() as Promise<{ segments: Listed[] }>))
      .segments;
    // A segment of which some is deleted is not given whole.
    expect(after).toEqual(before.slice(4));
  });
});

it("where people sign in segments are theirs alone, and asked for each time", async () => {
  const guarded = await startGuardedGateway();
  try {
    const token = await guarded.issuer.token("alice");
    const alice = await ProtocolClient.tcp(guarded.kafkaPort);
    await signIn(alice, token);
    const base = `http://127.0.0.1:${guarded.httpPort}`;
    const log = `${base}${await fill(alice, "hers")}`;
    await alice.close();
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${log}/segments?from=0`)).status).toBe(401);
    const answer = await fetch(`${log}/segments?from=0`, { headers });
    const { segments } = (await answer.json()) as { segments: Listed[] };
    const url = `${log}/${segments[0]?.from}-${segments[0]?.to}/${segments[0]?.digest}`;
    expect((await fetch(url)).status).toBe(401);
    const given = await fetch(url, { headers });
    expect([given.status, given.headers.get("cache-control")]).toEqual([200, "private, no-cache"]);
    expect((await given.arrayBuffer()).byteLength).toBe(segments[0]?.bytes);
  } finally {
    await guarded.stop();
  }
});

it.each<[string, number, { first: number; end: number } | undefined]>([
  ["bytes=0-", 10, { first: 0, end: 10 }],
  ["bytes=-0", 10, undefined],
  ["bytes=10-", 10, undefined],
  ["bytes=-99", 10, { first: 0, end: 10 }],
  ["bytes=5-3", 10, { first: 0, end: 10 }],
  ["bytes=0-1,4-5", 10, { first: 0, end: 10 }],
  ["lines=0-1", 10, { first: 0, end: 10 }],
  ["bytes=-", 10, { first: 0, end: 10 }],
])("Range: %s of %i bytes", (header, bytes, range) => {
  expect(rangeOf(header, bytes)).toEqual(range);
});
