/** Tokens are had before connecting, renewed on the open connection in time, and what goes wrong is said clearly. */
import { expect, test } from "vitest";
import { signedOut } from "../../sync/signed-out.ts";
import { Upstream } from "../../sync/upstream.ts";
import type { UpstreamState } from "../../sync/live-connection.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();
const HOUR_MS = 3_600_000;

interface SetUp {
  /** Answers how long a session lasts, or why there is none; `null`: nobody has to sign in. */
  guard?: ((token: string) => number | string) | null;
  /** `null`: there is nothing to sign in with. */
  token?: ((call: number) => string | Promise<string>) | null;
}

function setUp({ guard = () => HOUR_MS, token = (call) => `token-${call}` }: SetUp = {}) {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const log: string[] = [];
  if (guard !== null) {
    broker.guard = (given, connection) => {
      const lifetimeMs = guard(given);
      log.push(`${given}: ${lifetimeMs}`);
      if (typeof lifetimeMs === "number" && lifetimeMs > 0) {
        // As the gateway does: whoever has not renewed by then is out.
        clock.setTimer(lifetimeMs, () => {
          if (connection.signedInWith === given) connection.end("the session has ended with its token");
        });
      }
      return lifetimeMs;
    };
  }
  let asked = 0;
  let opened = 0;
  const open: typeof broker.open = (handler) => {
    opened += 1;
    return broker.open(handler);
  };
  const upstream = new Upstream({
    open,
    clock,
    random: seeded(5),
    clientId: "t",
    ...(token === null ? {} : { tokens: async () => token(asked++) }),
  });
  const states: UpstreamState[] = [];
  upstream.onState((state) => states.push(state));
  return { clock, broker, upstream, states, log, asked: () => asked, opened: () => opened };
}

test("a token is asked for before anything is opened, and signs in before the connection counts as live", async () => {
  let answer = (_token: string): void => {};
  const { clock, broker, upstream, opened, log } = setUp({
    token: () => new Promise((resolve) => (answer = resolve)),
  });
  await clock.pass(5000);
  expect(opened()).toBe(0);
  answer("mine");
  await clock.until(upstream.live());
  expect(log).toEqual([`mine: ${HOUR_MS}`]);
  expect(broker.requests.slice(0, 3)).toEqual(["ApiVersions", "SaslHandshake", "SaslAuthenticate"]);
  expect(upstream.token).toBe("mine");
  await clock.until(upstream.close("done"));
  expect(upstream.token).toBeUndefined();
});

test("a working day is one connection: renewed in time again and again, with what is outstanding unharmed", async () => {
  const { clock, broker, upstream, states, log, opened } = setUp();
  await clock.until(upstream.live());
  let answered = 0;
  // Something is outstanding all the time.
  const asking = (async () => {
    while (upstream.state.name === "live") {
      await upstream.request(metadata, { topics: [], allowAutoTopicCreation: false });
      answered += 1;
      await new Promise<void>((resolve) => void clock.setTimer(60_000, resolve));
    }
  })();
  await clock.pass(8 * HOUR_MS);
  expect(opened()).toBe(1);
  expect(states.map(({ name }) => name)).toEqual(["live"]);
  expect(answered).toBeGreaterThan(460);
  expect(log.length).toBeGreaterThan(8);
  expect(log.length).toBeLessThan(12);
  expect([...broker.connections][0]?.signedInWith).toBe(upstream.token);
  await clock.until(upstream.close("done"));
  await clock.until(asking.catch(() => undefined));
});

test("an app that gives the same token until it has run out is not asked without a pause, nor the gateway bothered", async () => {
  const since = 1_700_000_000_000;
  const hour = (at: number): number => Math.floor((at - since) / HOUR_MS);
  const rig = setUp({
    guard: (token) => {
      const left = (Number(token) + 1) * HOUR_MS - (rig.clock.now() - since);
      return left > 0 ? left : "the token is refused: it has expired (exp)";
    },
    token: () => String(hour(rig.clock.now())),
  });
  await rig.clock.until(rig.upstream.live());
  await rig.clock.pass(10 * HOUR_MS);
  expect(rig.log.length).toBeLessThan(30);
  expect(rig.asked()).toBeLessThan(250);
  await rig.clock.pass(60_000);
  expect(rig.upstream.state.name).toBe("live");
  await rig.clock.until(rig.upstream.close("done"));
});

test("a token that cannot be had for renewal is asked for again, and had in time", async () => {
  const { clock, upstream, log, opened } = setUp({
    token: (call) => {
      if (call >= 1 && call <= 6) throw new Error("the identity provider is away");
      return `token-${call}`;
    },
  });
  await clock.until(upstream.live());
  await clock.pass(HOUR_MS - 60_000);
  expect(log).toEqual([`token-0: ${HOUR_MS}`, `token-7: ${HOUR_MS}`]);
  expect(opened()).toBe(1);
  await clock.until(upstream.close("done"));
});

test("a token that cannot be had at all: the session ends with its token, then offline with the reason, and back", async () => {
  let isAway = false;
  const { clock, upstream, states } = setUp({
    token: (call) => {
      if (isAway) throw new Error("the identity provider is away");
      return `token-${call}`;
    },
  });
  await clock.until(upstream.live());
  isAway = true;
  await clock.pass(HOUR_MS + 60_000);
  expect(states.map(({ name }) => name)).toContain("connecting");
  expect(upstream.state.name).toBe("offline");
  expect(upstream.state.reason).toContain("the identity provider is away");
  isAway = false;
  await clock.until(upstream.live());
  await clock.until(upstream.close("done"));
});

test("a token that the gateway refuses: signed out with its words; not asked about again until there is another", async () => {
  let token = "old";
  const { clock, upstream, states, log, asked } = setUp({
    guard: (given) => (given === "old" ? "the token is refused: it has expired (exp)" : HOUR_MS),
    token: () => token,
  });
  await clock.pass(100_000);
  expect(upstream.state).toEqual({
    name: "signed out",
    reason: "the token is refused: it has expired (exp)",
  });
  expect(states.some(({ name }) => name === "live")).toBe(false);
  expect(log).toHaveLength(1);
  expect(asked()).toBeGreaterThan(3);
  token = "new";
  await clock.until(upstream.live());
  await clock.until(upstream.close("done"));
});

test("what was refused may be right a while later, by another clock: it is tried again, seldom, or when somebody asks", async () => {
  let isRight = false;
  const { clock, upstream, log } = setUp({
    guard: () => (isRight ? HOUR_MS : "the token is refused: it is not good yet (nbf)"),
    token: () => "same",
  });
  await clock.pass(1_200_000);
  expect(log.length).toBeGreaterThan(2);
  expect(log.length).toBeLessThan(10);
  isRight = true;
  upstream.goOffline();
  upstream.goOnline();
  await clock.until(upstream.live(), 5000);
  await clock.until(upstream.close("done"));
});

test("nobody to sign in: signed out with the app's words, also in the middle of a session", async () => {
  let isSignedIn = false;
  const { clock, upstream, broker, opened } = setUp({
    token: (call) => {
      if (!isSignedIn) throw signedOut("nobody is signed in: the app has no token");
      return `token-${call}`;
    },
  });
  await clock.pass(60_000);
  expect(upstream.state).toEqual({ name: "signed out", reason: "nobody is signed in: the app has no token" });
  expect(opened()).toBe(0);
  isSignedIn = true;
  await clock.until(upstream.live());
  isSignedIn = false;
  await clock.pass(HOUR_MS * 0.95);
  expect(upstream.state.name).toBe("signed out");
  expect(broker.connections.size).toBe(0);
  await clock.until(upstream.close("done"));
});

test("a renewal that is refused: signed out, and the connection is given up", async () => {
  const { clock, upstream } = setUp({
    guard: (token) => (token === "token-0" ? HOUR_MS : "the token is refused: it is for somebody else (aud)"),
  });
  await clock.until(upstream.live());
  await clock.pass(HOUR_MS * 0.95);
  expect(upstream.state.name).toBe("signed out");
  expect(upstream.state.reason).toContain("for somebody else");
  await clock.until(upstream.close("done"));
});

test("a gateway that asks for a token where there is none says what is missing; one that asks for none is not given it", async () => {
  const without = setUp({ token: null });
  await without.clock.pass(10_000);
  expect(without.upstream.state.name).toBe("signed out");
  expect(without.upstream.state.reason).toContain("`token`");
  await without.clock.until(without.upstream.close("done"));
  const open = setUp({ guard: null });
  await open.clock.until(open.upstream.live());
  expect(open.broker.requests).not.toContain("SaslAuthenticate");
  expect(open.upstream.token).toBeUndefined();
  await open.clock.until(open.upstream.close("done"));
});

test("a token that never comes holds nobody up: it is asked for again, and closing does not wait for it", async () => {
  const { clock, upstream, asked } = setUp({ token: () => new Promise(() => {}) });
  await clock.pass(120_000);
  expect(asked()).toBeGreaterThan(1);
  expect(upstream.state.reason).toContain("token() has not answered");
  await clock.until(upstream.close("done"), 1000);
});
