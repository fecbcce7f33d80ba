/** Where a store's files are written and read: here while the system does it at once, elsewhere when it holds callers back. */
import { expect, it } from "vitest";
import { quickCalls } from "../../gateway/store/quick-calls.ts";

const MIB = 2 ** 20;

/** A disk that takes `tookMs` for the next call, and notes who made it. */
function disk(): {
  call: (bytes: number) => Promise<number>;
  set: (set: Partial<State>) => void;
  made: string[];
} {
  const state: State = { nowMs: 0, tookMs: 0, error: undefined };
  const made: string[] = [];
  const make = (where: string, bytes: number): number => {
    state.nowMs += state.tookMs;
    if (state.error !== undefined) throw state.error;
    made.push(where);
    return bytes;
  };
  const quickly = quickCalls({ nowMs: () => state.nowMs, bytesMax: MIB });
  const call = (bytes: number): Promise<number> =>
    quickly(
      bytes,
      () => make("here", bytes),
      () => Promise.resolve(make("elsewhere", bytes)),
    );
  return { call, set: (set) => void Object.assign(state, set), made };
}

interface State {
  nowMs: number;
  tookMs: number;
  error: Error | undefined;
}

const BYTES = 100;

it("calls are made here while that is quick", async () => {
  const { call, made } = disk();
  for (let round = 0; round < 3; round++) expect(await call(2 * BYTES)).toBe(2 * BYTES);
  expect(made).toEqual(["here", "here", "here"]);
});

it("the event loop is not held back again and again by a disk that does not keep up", async () => {
  const { call, set, made } = disk();
  set({ tookMs: 50 });
  await call(BYTES);
  set({ tookMs: 100 });
  for (let round = 0; round < 15; round++) await call(BYTES);
  expect(made).toEqual(["here", ...Array.from({ length: 15 }, () => "elsewhere")]);
  set({ nowMs: 5000, tookMs: 1 });
  for (let round = 0; round < 3; round++) await call(BYTES);
  expect(made.slice(16)).toEqual(["here", "here", "here"]);
});

it("nor by many calls that are each held back a little", async () => {
  const { call, set, made } = disk();
  set({ tookMs: 8 });
  for (let round = 0; round < 10; round++) await call(BYTES);
  expect(made.slice(3).every((where) => where === "elsewhere")).toBe(true);
  set({ nowMs: 5000, tookMs: 1 });
  for (let round = 0; round < 15; round++) {
    await call(BYTES);
    set({ nowMs: 5000 + 30 * round });
  }
  expect(made.slice(10).every((where) => where === "here")).toBe(true);
});

it("large calls are made elsewhere", async () => {
  const { call, made } = disk();
  await call(MIB + BYTES);
  await call(BYTES);
  expect(made).toEqual(["elsewhere", "here"]);
});

it("a reader who goes on and on lets others have their turn", async () => {
  const { call, made } = disk();
  for (const bytes of [1, MIB / 16]) {
    made.length = 0;
    for (let total = 0; total < 16 * MIB; total += bytes + 16 * 1024) await call(bytes);
    const turns = made.filter((where) => where === "elsewhere").length;
    expect(turns).toBeGreaterThanOrEqual(3);
    expect(turns).toBeLessThan(made.length / 20);
  }
});

it("a call that fails rejects, wherever it was made", async () => {
  const { call, set } = disk();
  set({ error: new Error("ENOSPC") });
  await expect(call(BYTES)).rejects.toThrow("ENOSPC");
  set({ error: undefined });
});

it("a disk that fails after it has held the event loop back does not hold it again", async () => {
  const { call, set, made } = disk();
  set({ error: new Error("EIO"), tookMs: 500 });
  await expect(call(BYTES)).rejects.toThrow("EIO");
  set({ error: undefined, tookMs: 1 });
  await call(BYTES);
  expect(made).toEqual(["elsewhere"]);
});
