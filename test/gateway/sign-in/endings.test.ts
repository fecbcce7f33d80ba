/** Sessions and those who wait, on one timer each, by a clock that the test turns. */
import { describe, expect, it } from "vitest";
import { Ending, Endings } from "../../../gateway/api/endings.ts";
import { Session } from "../../../gateway/api/session.ts";
import { SignIn, WAITING_MAX, type SignInOptions } from "../../../gateway/api/sign-in.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { encodeOauthbearer } from "../../../wire/oauthbearer.ts";
import { VirtualClock } from "../../sync/virtual-clock.ts";

/** Counts timers that run at once. */
class CountingClock extends VirtualClock {
  armed = 0;
  most = 0;

  override setTimer(delayMs: number, callback: () => void): () => void {
    this.armed++;
    this.most = Math.max(this.most, this.armed);
    let isOver = false;
    const over = (): void => {
      if (!isOver) this.armed--;
      isOver = true;
    };
    const cancel = super.setTimer(delayMs, () => {
      over();
      callback();
    });
    return () => {
      over();
      cancel();
    };
  }
}

const passed = (clock: VirtualClock, ms: number): Promise<void> =>
  clock.until(new Promise((resolve) => clock.setTimer(ms, resolve)));

function signInWith(clock: VirtualClock, options: Partial<SignInOptions> = {}): SignIn {
  return new SignIn({
    // The token is its own name and how many seconds it has left.
    checkToken: (token) => {
      const [name, seconds] = token.split(".");
      return Promise.resolve({
        principal: `User:${name}`,
        expiresAtMs: clock.now() + 1000 * Number(seconds),
      });
    },
    clock,
    maxReauthMs: 0,
    failureDelayMs: 0,
    requestBytesMax: 1000,
    skewMs: 30_000,
    ...options,
  });
}

function sessionOn(signIn: SignIn): { session: Session; closed: string[] } {
  const closed: string[] = [];
  const session: Session = new Session(signIn, {
    close: (reason) => {
      closed.push(reason);
      session.end();
    },
    signedIn: () => {},
  });
  return { session, closed };
}

async function enter(session: Session, token: string): Promise<number> {
  expect(session.choose("OAUTHBEARER")).toBe(ErrorCode.NONE);
  const { errorCode, lifetimeMs } = await session.authenticate(encodeOauthbearer(token));
  expect(errorCode).toBe(ErrorCode.NONE);
  return lifetimeMs;
}

describe("endings", () => {
  it("are due at their time and never early, whatever order they were set in, on one timer", async () => {
    const clock = new CountingClock();
    const endings = new Endings(clock);
    const start = clock.now();
    const due: [wanted: number, at: number][] = [];
    for (const afterMs of [90_000, 1, 700, 700, 180_000, 12_345, 0])
      endings.set(new Ending(() => due.push([afterMs, clock.now() - start])), start + afterMs);
    expect(clock.most).toBe(1);
    await passed(clock, 200_000);
    expect(due.map(([wanted]) => wanted).toSorted((a, b) => a - b)).toEqual(
      [0, 1, 700, 700, 12_345, 90_000, 180_000].toSorted((a, b) => a - b),
    );
    for (const [wanted, at] of due) {
      expect(at).toBeGreaterThanOrEqual(wanted);
      expect(at).toBeLessThanOrEqual(wanted + 1500);
    }
    expect(clock.armed).toBe(0);
  });

  it("what has run out while the machine slept is over when it wakes; set back, nothing is over", async () => {
    const clock = new VirtualClock();
    const endings = new Endings(clock);
    const due: string[] = [];
    endings.set(new Ending(() => due.push("hour")), clock.now() + 3_600_000);
    endings.set(new Ending(() => due.push("day")), clock.now() + 86_400_000);
    clock.jump(7_200_000);
    await passed(clock, 1000);
    expect(due).toEqual(["hour"]);
    clock.jump(-7_200_000);
    endings.set(new Ending(() => due.push("again")), clock.now() + 60_000);
    await passed(clock, 30_000);
    expect(due).toEqual(["hour"]);
    await passed(clock, 32_000);
    expect(due).toEqual(["hour", "again"]);
    endings.clear();
  });

  it("one that is cancelled, or set anew, is not due; one may cancel another of the same moment", async () => {
    const clock = new VirtualClock();
    const endings = new Endings(clock);
    const due: string[] = [];
    const at = clock.now() + 1000;
    const second = new Ending(() => due.push("second"));
    endings.set(
      new Ending(() => {
        due.push("first");
        endings.cancel(second);
      }),
      at,
    );
    endings.set(second, at);
    const moved = new Ending(() => due.push("moved"));
    endings.set(moved, at);
    endings.set(moved, at + 60_000);
    await passed(clock, 5000);
    expect(due).toEqual(["first"]);
    await passed(clock, 60_000);
    expect(due).toEqual(["first", "moved"]);
  });
});

describe("a session", () => {
  it("ends with its token; renewed it goes on; thousands of them need no timer each", async () => {
    const clock = new CountingClock();
    const signIn = signInWith(clock, { waitingMax: 5000 });
    const sessions = Array.from({ length: 300 }, () => sessionOn(signIn));
    for (const [at, { session }] of sessions.entries())
      expect(await enter(session, `u${at}.${20 + (at % 10)}`)).toBe(1000 * (20 + (at % 10)));
    for (const [at, { session }] of sessions.entries()) if (at % 2 === 0) await enter(session, `u${at}.60`);
    expect(clock.most).toBeLessThanOrEqual(2);
    await passed(clock, 35_000);
    for (const [at, { closed }] of sessions.entries()) expect(closed).toHaveLength(at % 2 === 0 ? 0 : 1);
    await passed(clock, 40_000);
    for (const { closed } of sessions)
      expect(closed).toEqual([expect.stringMatching(/has ended with its token/)]);
    expect(clock.armed).toBe(0);
  });

  it("is refused further requests from the moment on at which it ends, before any timer has told", async () => {
    const clock = new VirtualClock();
    const { session } = sessionOn(signInWith(clock));
    await enter(session, "alice.60");
    expect(session.principal).toBe("User:alice");
    expect(session.refusal({ key: 0, name: "Produce" })).toBeUndefined();
    clock.jump(60_000);
    expect(session.refusal({ key: 0, name: "Produce" })).toMatch(/has ended/);
    session.end();
  });

  it("with a token just past its end by our clock lasts as long as clocks may differ; one without end does not last for ever", async () => {
    const clock = new VirtualClock();
    const signIn = signInWith(clock);
    const { session } = sessionOn(signIn);
    expect(await enter(session, "alice.-10")).toBe(20_000);
    expect(await enter(session, "alice.1e300")).toBe(2 ** 31 - 1);
    session.end();
    const short = sessionOn(signInWith(clock, { maxReauthMs: 5000 })).session;
    expect(await enter(short, "alice.3600")).toBe(5000);
    short.end();
  });

  it("on which nobody signs in is closed after ten seconds", async () => {
    const clock = new VirtualClock();
    const signIn = signInWith(clock);
    const { closed } = sessionOn(signIn);
    await passed(clock, 9000);
    expect(closed).toEqual([]);
    await passed(clock, 2000);
    expect(closed).toEqual([expect.stringMatching(/nobody has signed in/)]);
  });

  it("that waits longest gives way to one more than there may be; those that are signed in do not count", async () => {
    const clock = new VirtualClock();
    const signIn = signInWith(clock);
    const inside = sessionOn(signIn);
    await enter(inside.session, "alice.3600");
    const waiting = Array.from({ length: WAITING_MAX }, () => sessionOn(signIn));
    expect(waiting.every(({ closed }) => closed.length === 0)).toBe(true);
    const late = [sessionOn(signIn), sessionOn(signIn)];
    expect(waiting.filter(({ closed }) => closed.length > 0)).toEqual(waiting.slice(0, 2));
    for (const { closed } of [inside, ...late]) expect(closed).toEqual([]);
    for (const { session } of [inside, ...waiting, ...late]) session.end();
    signIn.close();
  });

  it("whose connection has gone while its token was checked is not kept", async () => {
    const clock = new CountingClock();
    const { session } = sessionOn(signInWith(clock));
    session.choose("OAUTHBEARER");
    const answer = session.authenticate(encodeOauthbearer("alice.60"));
    session.end();
    await answer;
    expect(clock.armed).toBe(0);
  });

  it("guesses wait for their answer", async () => {
    const clock = new VirtualClock();
    const { session } = sessionOn(signInWith(clock, { failureDelayMs: 500 }));
    const start = clock.now();
    session.choose("OAUTHBEARER");
    const { refused } = await clock.until(session.authenticate(new Uint8Array(3)));
    expect(refused).toBe(true);
    expect(clock.now() - start).toBeGreaterThanOrEqual(500);
    session.end();
  });
});
