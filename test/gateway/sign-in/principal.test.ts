/** Handlers are told whom a request is for: what rights will be held against. */
import { expect, it } from "vitest";
import type { RequestContext, Services } from "../../../gateway/api/context.ts";
import { Lifetime } from "../../../gateway/api/lifetime.ts";
import { SignIn } from "../../../gateway/api/sign-in.ts";
import { ApiTable } from "../../../gateway/api/table.ts";
import { Connection } from "../../../gateway/clients/connection.ts";
import { silent } from "../../../log/logger.ts";
import { ApiKey } from "../../../wire/api.ts";
import { saslAuthenticate } from "../../../wire/apis/sasl-authenticate.ts";
import { saslHandshake } from "../../../wire/apis/sasl-handshake.ts";
import { metadata } from "../../../wire/apis/metadata.ts";
import { encodeOauthbearer } from "../../../wire/oauthbearer.ts";
import { encodeRequest } from "../../../wire/request.ts";
import { VirtualClock } from "../../sync/virtual-clock.ts";

/** A connection whose Metadata is answered by a handler that remembers for whom. */
function rig(signIn: SignIn | undefined, clock: VirtualClock) {
  const principals: string[] = [];
  const answered: number[] = [];
  const table = new ApiTable({ push: false, signIn: signIn !== undefined });
  const asks = {
    key: ApiKey.Metadata,
    name: "Metadata",
    minVersion: 0,
    maxVersion: 12,
    startsEarly: false,
    mayBePassed: false,
    serve: (_message: Uint8Array, _header: unknown, { principal }: RequestContext) => {
      principals.push(principal);
      return [];
    },
  };
  const find = (header: { apiKey: number; apiVersion: number }) =>
    header.apiKey === ApiKey.Metadata ? asks : table.find(header);
  const services = { log: silent, clock, running: new Lifetime(), signIn } as unknown as Services;
  const connection = new Connection({
    services,
    listener: { name: "kafka", advertised: { host: "h", port: 1 }, fetchBytesMax: 1 },
    apis: { find } as unknown as ApiTable,
    remote: "test",
    ordered: true,
    limits: { requestsMax: 10, requestBytesMax: 10_000, runningMax: 1 },
    host: {
      send: () => answered.push(answered.length) > 0,
      flow: { pause: () => {}, resume: () => {} },
      close: () => {},
    },
  });
  const header = { correlationId: 1, clientId: null };
  return {
    connection,
    principals,
    answered,
    ask: () => connection.received(encodeRequest(metadata, 12, header, { topics: [] })),
    signIn: (token: string) => {
      connection.received(encodeRequest(saslHandshake, 1, header, { mechanism: "OAUTHBEARER" }));
      connection.received(
        encodeRequest(saslAuthenticate, 2, header, { authBytes: encodeOauthbearer(token) }),
      );
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("where nobody has to sign in, everybody is Kafka's anonymous user", () => {
  const { ask, principals, connection } = rig(undefined, new VirtualClock());
  ask();
  expect(principals).toEqual(["User:ANONYMOUS"]);
  connection.closed();
});

it("who has signed in is named, before and after a renewal, and nobody before", async () => {
  const clock = new VirtualClock();
  const signIn = new SignIn({
    checkToken: (token) => Promise.resolve({ principal: `User:${token}`, expiresAtMs: clock.now() + 60_000 }),
    clock,
    maxReauthMs: 0,
    failureDelayMs: 0,
    requestBytesMax: 1000,
    skewMs: 0,
  });
  const first = rig(signIn, clock);
  first.signIn("alice");
  first.ask();
  await turn();
  first.signIn("alice");
  first.ask();
  await turn();
  expect(first.principals).toEqual(["User:alice", "User:alice"]);
  first.signIn("bob");
  first.ask();
  await turn();
  expect(first.principals).toHaveLength(2);
  expect(first.connection.lifetime.ended).toBe(true);
  const stranger = rig(signIn, clock);
  stranger.ask();
  expect(stranger.principals).toEqual([]);
  expect(stranger.answered).toEqual([]);
  expect(stranger.connection.lifetime.ended).toBe(true);
  signIn.close();
});
