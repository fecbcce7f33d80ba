/** What a connection may do before somebody has signed in on it, for how long afterwards, and as whom. */
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiKey } from "../../../wire/api.ts";
import { apiVersions } from "../../../wire/apis/api-versions.ts";
import { fetch } from "../../../wire/apis/fetch.ts";
import { metadata } from "../../../wire/apis/metadata.ts";
import { saslAuthenticate } from "../../../wire/apis/sasl-authenticate.ts";
import { saslHandshake } from "../../../wire/apis/sasl-handshake.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { framePrefix } from "../../../wire/frame-reader.ts";
import { encodeOauthbearer } from "../../../wire/oauthbearer.ts";
import { createTopic, fetchFrom, produceTo, batchOf } from "../batches.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { startTestGateway } from "../start-gateway.ts";
import { signIn, startGuardedGateway, type GuardedGateway } from "./issuer.ts";

const MIB = 1024 * 1024;

let gateway: GuardedGateway;
let client: ProtocolClient;

beforeAll(async () => {
  gateway = await startGuardedGateway({ "connections.max.reauth.ms": "3000000" });
});
afterAll(() => gateway.stop());

const logged = (): string => JSON.stringify(gateway.logged);
const token = (name = "alice", expiresIn = 3600): Promise<string> =>
  gateway.issuer.token(name, { expiresIn });

type Ports = Pick<GuardedGateway, "kafkaPort" | "httpPort">;

describe.each<[string, (to?: Ports) => Promise<ProtocolClient>]>([
  ["TCP", (to: Ports = gateway) => ProtocolClient.tcp(to.kafkaPort)],
  ["WebSocket", (to: Ports = gateway) => ProtocolClient.webSocket(to.httpPort)],
])("over %s", (transport, open) => {
  beforeEach(async () => {
    client = await open();
  });
  afterEach(() => client.close());

  it("ApiVersions is answered before, and names how to sign in", async () => {
    const { apiKeys } = await client.request(apiVersions, 3, {
      clientSoftwareName: "t",
      clientSoftwareVersion: "1",
    });
    expect(apiKeys).toContainEqual({ apiKey: ApiKey.SaslHandshake, minVersion: 0, maxVersion: 1 });
    expect(apiKeys).toContainEqual({ apiKey: ApiKey.SaslAuthenticate, minVersion: 0, maxVersion: 2 });
  });

  it("every other request before is not answered: the connection is closed, and the log says why", async () => {
    const { apiKeys } = await client.request(apiVersions, 0, {});
    const before = new Set<number>([ApiKey.ApiVersions, ApiKey.SaslHandshake, ApiKey.SaslAuthenticate]);
    const others = apiKeys.filter(({ apiKey }) => !before.has(apiKey));
    expect(others.length).toBeGreaterThan(25);
    for (const { apiKey, maxVersion } of others) {
      const stranger = await open();
      const message = new Uint8Array(64);
      new DataView(message.buffer).setInt16(0, apiKey);
      new DataView(message.buffer).setInt16(2, maxVersion);
      stranger.send(message);
      await stranger.closed;
      expect(stranger.answered).toEqual([]);
    }
    expect(logged()).toContain("ILLEGAL_SASL_STATE: Produce before anybody has signed in");
    expect(logged()).toContain("ILLEGAL_SASL_STATE: CreateTopics before anybody has signed in");
  });

  it("what was sent along with signing in is answered once somebody is in", async () => {
    const requests = [
      client.encode(saslHandshake, 1, { mechanism: "OAUTHBEARER" }),
      client.encode(saslAuthenticate, 2, { authBytes: encodeOauthbearer(await token()) }),
      client.encode(metadata, 12, { topics: [] }),
    ];
    const answers = requests.map(({ correlationId }) => client.expect(correlationId));
    for (const { message } of requests) client.send(message);
    await Promise.all(answers);
    expect(client.answered).toEqual(requests.map(({ correlationId }) => correlationId));
  });

  it("what was sent along with signing in is not answered when nobody is let in", async () => {
    const requests = [
      client.encode(saslHandshake, 1, { mechanism: "OAUTHBEARER" }),
      client.encode(saslAuthenticate, 2, { authBytes: encodeOauthbearer("not.a.token") }),
      client.encode(metadata, 12, { topics: [] }),
    ];
    for (const { message } of requests) client.send(message);
    await client.closed;
    expect(client.answered).toEqual(requests.slice(0, 2).map(({ correlationId }) => correlationId));
  });

  it("a request that is larger than signing in takes is not waited for", async () => {
    client.send(new Uint8Array(70_000));
    await client.closed;
    expect(client.answered).toEqual([]);
  });

  it("asking again and again without signing in is closed", async () => {
    for (let n = 0; n < 16; n++) await client.request(apiVersions, 0, {});
    await expect(client.request(apiVersions, 0, {})).rejects.toThrow("closed");
  });

  it.each([
    ["PLAIN", 1, ErrorCode.UNSUPPORTED_SASL_MECHANISM],
    ["", 1, ErrorCode.UNSUPPORTED_SASL_MECHANISM],
    ["oauthbearer", 1, ErrorCode.UNSUPPORTED_SASL_MECHANISM],
  ])(
    "the mechanism %j is refused with those that there are, and closed",
    async (mechanism, version, code) => {
      const answer = await client.request(saslHandshake, version, { mechanism });
      expect(answer).toMatchObject({ errorCode: code, mechanisms: ["OAUTHBEARER"] });
      await client.closed;
    },
  );

  it("a handshake in the version without requests around SASL's bytes is refused", async () => {
    const { correlationId, message } = client.encode(saslHandshake, 1, { mechanism: "OAUTHBEARER" });
    new DataView(message.buffer, message.byteOffset).setInt16(2, 0);
    const answer = client.expect(correlationId);
    client.send(message);
    const bytes = await answer;
    expect(new DataView(bytes.buffer, bytes.byteOffset).getInt16(4)).toBe(ErrorCode.UNSUPPORTED_VERSION);
    await client.closed;
  });

  it("SaslAuthenticate without SaslHandshake is refused, also once somebody is in", async () => {
    const authBytes = encodeOauthbearer(await token());
    const { errorCode } = await client.request(saslAuthenticate, 2, { authBytes });
    expect(errorCode).toBe(ErrorCode.ILLEGAL_SASL_STATE);
    await client.closed;
    const other = await open();
    expect(await signIn(other, await token())).toMatchObject({ errorCode: ErrorCode.NONE });
    expect(await other.request(saslAuthenticate, 2, { authBytes })).toMatchObject({
      errorCode: ErrorCode.ILLEGAL_SASL_STATE,
    });
    await other.closed;
  });

  it("the session lasts as long as the token, or as long as sessions may at all", async () => {
    const short = await signIn(client, await token("alice", 600));
    expect(Number(short.sessionLifetimeMs)).toBeGreaterThan(580_000);
    expect(Number(short.sessionLifetimeMs)).toBeLessThanOrEqual(600_000);
    expect((await signIn(client, await token("alice", 86_400))).sessionLifetimeMs).toBe(3_000_000n);
  });

  it("an authzid is taken when it is the token's own name, else refused", async () => {
    const message = (name: string, jwt: string): Uint8Array =>
      new TextEncoder().encode(`n,a=${name},\x01auth=Bearer ${jwt}\x01\x01`);
    await client.request(saslHandshake, 1, { mechanism: "OAUTHBEARER" });
    const own = await client.request(saslAuthenticate, 2, { authBytes: message("alice", await token()) });
    expect(own.errorCode).toBe(ErrorCode.NONE);
    await client.request(saslHandshake, 1, { mechanism: "OAUTHBEARER" });
    const other = await client.request(saslAuthenticate, 2, { authBytes: message("root", await token()) });
    expect(other.errorCode).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    await client.closed;
  });

  it("a renewal keeps the connection and what is outstanding on it; other requests go on meanwhile", async () => {
    await signIn(client, await token());
    await createTopic(client, `renewed-${transport}`);
    const waits = {
      topic: `renewed-${transport}`,
      partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: MIB }],
    };
    const waiting = client.request(fetch, 12, {
      maxWaitMs: 20_000,
      minBytes: 1,
      maxBytes: MIB,
      topics: [waits],
    });
    // On TCP answers keep their order: the renewal would wait for the fetch, so here it is told first what to find.
    const other = transport === "TCP" ? await open() : client;
    if (other !== client) await signIn(other, await token());
    const renewed = other === client ? signIn(client, await token()) : undefined;
    expect((await other.request(metadata, 12, { topics: [] })).clusterId).toBe(gateway.clusterId);
    if (renewed !== undefined) expect((await renewed).errorCode).toBe(ErrorCode.NONE);
    await produceTo(other, `renewed-${transport}`, batchOf(["x"]), { acks: -1 });
    const { responses } = await waiting;
    expect(responses[0]?.partitions[0]?.records?.byteLength).toBeGreaterThan(0);
    expect((await signIn(client, await token())).errorCode).toBe(ErrorCode.NONE);
    expect((await fetchFrom(client, `renewed-${transport}`, 0n)).errorCode).toBe(0);
    if (other !== client) await other.close();
  });

  it("a renewal as somebody else is refused, and closed", async () => {
    await signIn(client, await token("alice"));
    const { errorCode, errorMessage } = await signIn(client, await token("bob"));
    expect(errorCode).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    expect(errorMessage).toMatch(/stays with who has signed in/);
    await client.closed;
  });

  it("a renewal that fails closes a connection whose token is still good", async () => {
    await signIn(client, await token());
    expect((await signIn(client, "not.a.token")).errorCode).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    await client.closed;
  });

  it("is closed when its token has run out, idle or not, and never before; renewed in time it stays", async () => {
    const [idle, busy, renewed] = [client, await open(), await open()];
    const lifetimes: number[] = [];
    for (const each of [idle, busy, renewed]) {
      const { sessionLifetimeMs } = await signIn(each, await token("alice", 3));
      lifetimes.push(performance.now() + Number(sessionLifetimeMs));
    }
    await signIn(renewed, await token("alice", 60));
    const ends = [idle, busy].map((each) => each.closed.then(() => performance.now()));
    while (!busy.isClosed) {
      try {
        await busy.request(metadata, 12, { topics: [] });
        await new Promise((resolve) => setTimeout(resolve, 20));
      } catch {
        break;
      }
    }
    for (const [at, end] of (await Promise.all(ends)).entries())
      // A timer may be early by less than a millisecond, and the token's end is told in whole ones.
      expect(end).toBeGreaterThan((lifetimes[at] ?? 0) - 50);
    expect((await renewed.request(metadata, 12, { topics: [] })).clusterId).toBe(gateway.clusterId);
    expect(logged()).toContain("the session has ended with its token");
    await busy.close();
    await renewed.close();
  });

  it("where nobody has to sign in, it is not offered", async () => {
    const free = await startTestGateway();
    const guest = await open(free);
    const { apiKeys } = await guest.request(apiVersions, 0, {});
    expect(apiKeys.map(({ apiKey }) => apiKey)).not.toContain(ApiKey.SaslHandshake);
    await guest.close();
    await free.stop();
  });
});

describe("before anybody has signed in", () => {
  it("a frame of TCP is refused by its length, before its bytes are taken", async () => {
    const socket = connect({ port: gateway.kafkaPort, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.write(framePrefix(65_537));
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    expect(logged()).toContain("a frame claims 65537 bytes; there can be at most 65536");
  });

  it("after that, larger frames come through", async () => {
    const large = await ProtocolClient.tcp(gateway.kafkaPort);
    await signIn(large, await token());
    await createTopic(large, "large");
    const value = Buffer.alloc(500_000, "v");
    await produceTo(large, "large", batchOf([value]), { acks: -1 });
    expect((await fetchFrom(large, "large", 0n)).highWatermark).toBe(1n);
    await large.close();
  });

  it("a WebSocket message of many megabytes is cut off before it is whole", async () => {
    const stranger = await ProtocolClient.webSocket(gateway.httpPort);
    const before = process.memoryUsage().rss;
    stranger.send(new Uint8Array(64 * MIB));
    await stranger.closed;
    // Our own 64 MiB and its masked copy are in there, and theirs would be twice more.
    expect(process.memoryUsage().rss - before).toBeLessThan(4 * 64 * MIB);
    expect((await fetchHealth()).status).toBe(200);
  });

  async function fetchHealth(): Promise<Response> {
    return globalThis.fetch(`http://127.0.0.1:${gateway.httpPort}/healthz`);
  }
});

describe("a connection on which nobody signs in", () => {
  let impatient: GuardedGateway;
  beforeAll(async () => {
    impatient = await startGuardedGateway({}, { signInMs: 700 });
  });
  afterAll(() => impatient.stop());

  it("is closed in time, silent or not, and one that is signed in is not", async () => {
    const open = [
      () => ProtocolClient.tcp(impatient.kafkaPort),
      () => ProtocolClient.webSocket(impatient.httpPort),
    ];
    for (const each of open) {
      const [silent, talking, signedIn] = [await each(), await each(), await each()];
      await signIn(signedIn, await impatient.issuer.token("alice"));
      await talking.request(apiVersions, 0, {});
      await Promise.all([silent.closed, talking.closed]);
      expect((await signedIn.request(metadata, 12, { topics: [] })).clusterId).toBe(impatient.clusterId);
      await signedIn.close();
    }
    expect(JSON.stringify(impatient.logged)).toContain("nobody has signed in for too long");
  });
});
