/** The SDK against a gateway where people have to sign in: real sockets, and the stores of two users on one device. */
import "fake-indexeddb/auto";
import { randomBytes } from "node:crypto";
import { IDBFactory } from "fake-indexeddb";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { ErrorCode } from "../../wire/errors.ts";
import { gatewayAddress } from "../../web-client/address.ts";
import { browserHost } from "../../web-client/browser-host.ts";
import type { ConnectionState } from "../../web-client/core/api.ts";
import { TabLocks } from "../../web-client/core/locks.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { bytes, text } from "../../web-client/core/serializer.ts";
import { whoSignsIn } from "../../web-client/core/tokens.ts";
import { openClient } from "../../web-client/open-client.ts";
import { loadEngine } from "../engine/load.ts";
import { startGuardedGateway, type GuardedGateway } from "../gateway/sign-in/issuer.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";

const engine = loadEngine();
let gateway: GuardedGateway;
let databases: IDBFactory;
let clients: RivuletClient[];

beforeAll(async () => {
  vi.stubGlobal("WebSocket", WebSocket);
  vi.stubGlobal("addEventListener", () => undefined);
  gateway = await startGuardedGateway();
});
afterAll(async () => {
  await gateway.stop();
  vi.unstubAllGlobals();
});
beforeEach(() => {
  databases = new IDBFactory();
  clients = [];
});
afterEach(() => Promise.all(clients.map((client) => client.close())));

interface Who {
  token?: () => string | Promise<string>;
  user?: string;
}

/** As `connect`, on a device of the test's. */
async function open(who: Who, port = gateway.httpPort): Promise<RivuletClient> {
  const address = gatewayAddress(`http://127.0.0.1:${port}`);
  const client = await openClient(
    { ...browserHost(address), locks: new TabLocks() },
    {
      account: address.http.href,
      ...(await whoSignsIn(who)),
      databases,
      engine,
      offline: false,
      signal: undefined,
    },
  );
  clients.push(client);
  return client;
}

/** Resolves when the client is in this state; says which it was in when that takes too long. */
async function until(client: RivuletClient, name: ConnectionState["name"]): Promise<ConnectionState> {
  await vi.waitFor(() => expect(client.state.name, client.state.reason).toBe(name), { timeout: 25_000 });
  return client.state;
}

test("publishes, subscribes and takes history as who it is", async () => {
  const token = vi.fn(() => gateway.issuer.token("alice"));
  const client = await open({ token });
  await until(client, "live");
  const notes = client.topic("notes", { value: text() });
  const sent = Array.from({ length: 1500 }, (_, n) => notes.publish({ key: "k", value: `note ${n}` }));
  await Promise.all(sent.map(({ delivered }) => delivered));
  const fetched = vi.spyOn(globalThis, "fetch");
  const values: (string | null)[] = [];
  for await (const { value } of notes.subscribe({ from: "earliest" })) {
    values.push(value);
    if (values.length === sent.length) break;
  }
  expect(values).toEqual(Array.from({ length: 1500 }, (_, n) => `note ${n}`));
  const histories = fetched.mock.calls.filter(([url]) => String(url as URL).includes("/log/"));
  expect(histories).not.toEqual([]);
  for (const [url, init] of histories) {
    expect(String(url as URL)).not.toMatch(/eyJ|token/);
    expect(init?.headers).toMatchObject({ authorization: expect.stringMatching(/^Bearer eyJ/) as string });
  }
  fetched.mockRestore();
});

test("renews on the open connection, before its token has run out", async () => {
  let made = 0;
  const client = await open({
    token: () => {
      made += 1;
      return gateway.issuer.token("alice", { expiresIn: 4, claims: { jti: String(made) } });
    },
  });
  await until(client, "live");
  const states: string[] = [];
  client.addEventListener("state", ({ state }) => states.push(`${state.name}: ${state.reason}`));
  // One to learn who it is, one to connect; the others renew, for longer than any of them lasts.
  await vi.waitFor(() => expect(made).toBeGreaterThan(5), { timeout: 25_000 });
  await client.topic("renewed", { value: text() }).publish({ value: "still here" }).delivered;
  expect(states).toEqual([]);
});

test("signed out while the app has no token that is taken; what is published waits, and goes when there is one", async () => {
  let token = await gateway.issuer.token("alice", { expiresIn: -100 });
  const client = await open({ token: () => token });
  expect((await until(client, "signed out")).reason).toContain("expired");
  const sent = client.topic("waits", { value: text() }).publish({ value: "patience" });
  await sent.queued;
  expect(client.outbox.pending).toBe(1);
  token = await gateway.issuer.token("alice");
  await until(client, "live");
  expect(await sent.delivered).toEqual({ partition: 0, offset: 0n });
});

test("two users on one device are apart: what one has left there is not sent, nor seen, as the other (security check 29)", async () => {
  let who = "alice";
  let isGood = false;
  const token = (): Promise<string> => gateway.issuer.token(who, { expiresIn: isGood ? 3600 : -100 });
  const alices = await open({ token });
  const sent = alices.topic("letters", { value: text() }).publish({ value: "from alice" });
  await sent.queued;
  // Somebody else sits down while it waits: the app's tokens are theirs now.
  who = "bob";
  isGood = true;
  await vi.waitFor(
    () =>
      expect(alices.state).toEqual({
        name: "signed out",
        reason: expect.stringContaining("another user") as string,
      }),
    { timeout: 25_000 },
  );
  const bobs = await open({ token });
  await until(bobs, "live");
  expect(await bobs.outbox.list()).toEqual([]);
  await bobs.topic("letters", { value: text() }).publish({ value: "from bob" }).delivered;
  expect(alices.outbox.pending).toBe(1);
  await alices.close();
  await expect(sent.delivered).rejects.toThrow("closed");
  // And back: it is hers, and she is there to send it.
  who = "alice";
  const again = await open({ token, user: "alice" });
  await vi.waitFor(() => expect(again.outbox.pending).toBe(0), { timeout: 25_000 });
  const values: (string | null)[] = [];
  for await (const { value } of again.topic("letters", { value: text() }).subscribe({ from: "earliest" })) {
    values.push(value);
    if (values.length === 2) break;
  }
  expect(values).toEqual(["from bob", "from alice"]);
  const names = (await databases.databases()).map(({ name }) => name ?? "");
  for (const user of ["alice", "bob"])
    expect(names.filter((name) => name.includes(encodeURIComponent(`User:${user}`)))).not.toEqual([]);
});

test("a record that is larger than a guarded socket takes is refused, and holds up nothing behind it", async () => {
  const client = await open({ token: () => gateway.issuer.token("alice") });
  await until(client, "live");
  const states: string[] = [];
  client.addEventListener("state", ({ state }) => states.push(state.name));
  const topic = client.topic("large", { value: bytes() });
  const [large, small] = [randomBytes(3 * 1024 * 1024), randomBytes(10)].map((value) =>
    topic.publish({ key: "k", value }),
  );
  await expect(large?.delivered).rejects.toMatchObject({ code: ErrorCode.MESSAGE_TOO_LARGE });
  expect(await small?.delivered).toEqual({ partition: 0, offset: 0n });
  expect(states).toEqual([]);
});

test("opens offline for a user that is named, and needs a token otherwise", async () => {
  const away = (): Promise<string> => Promise.reject(new Error("the identity provider is away"));
  await expect(open({ token: away })).rejects.toThrow("the identity provider is away");
  await expect(open({ token: () => "" })).rejects.toMatchObject({
    code: ErrorCode.SASL_AUTHENTICATION_FAILED,
  });
  await expect(open({ token: () => "opaque" })).rejects.toThrow("not a JWT");
  await expect(open({ user: "alice" })).rejects.toThrow(TypeError);
  const client = await open({ token: away, user: "alice" });
  await client.topic("later", { value: text() }).publish({ value: "kept" }).queued;
  expect((await until(client, "offline")).reason).toContain("the identity provider is away");
});

test("without a token it is said what is missing; where nobody has to sign in, a token does no harm", async () => {
  const client = await open({});
  expect((await until(client, "signed out")).reason).toContain("`token`");
  const openGateway = await startTestGateway();
  const free = await open({ token: () => gateway.issuer.token("alice") }, openGateway.httpPort);
  await until(free, "live");
  await free.topic("free", { value: text() }).publish({ value: "x" }).delivered;
  await free.close();
  await openGateway.stop();
});

test("a user whose name is that of strangers does not get what strangers have left", async () => {
  const stranger = await open({});
  await stranger.topic("left", { value: text() }).publish({ value: "behind" }).queued;
  const client = await open({ token: () => gateway.issuer.token("anonymous") });
  await until(client, "live");
  expect(await client.outbox.list()).toEqual([]);
});
