/** Where the writes of a store are made: here while the system takes them at once, elsewhere when it holds them back. */
import { expect, it } from "vitest";
import { quickWrites } from "../../gateway/store/quick-writes.ts";

const MIB = 2 ** 20;

/** A disk that takes `tookMs` for the next write, and notes who made it. */
function disk(): {
  write: ReturnType<typeof quickWrites>;
  set: (set: Partial<State>) => void;
  made: string[];
} {
  const state: State = { nowMs: 0, tookMs: 0, error: undefined };
  const made: string[] = [];
  const make =
    (where: string) =>
    (fd: number, pieces: readonly Uint8Array[], position: number): number => {
      if (state.error !== undefined) throw state.error;
      made.push(where);
      state.nowMs += state.tookMs;
      expect({ fd, position }).toEqual({ fd: 3, position: 7 });
      return pieces.reduce((sum, piece) => sum + piece.length, 0);
    };
  const elsewhere = make("elsewhere");
  const write = quickWrites({
    nowMs: () => state.nowMs,
    here: make("here"),
    elsewhere: (...args) => Promise.resolve(elsewhere(...args)),
  });
  return { write, set: (set) => void Object.assign(state, set), made };
}

interface State {
  nowMs: number;
  tookMs: number;
  error: Error | undefined;
}

const piece = new Uint8Array(100);

it("writes here while that is quick", async () => {
  const { write, made } = disk();
  for (let round = 0; round < 3; round++) expect(await write(3, [piece, piece], 7)).toBe(200);
  expect(made).toEqual(["here", "here", "here"]);
});

it("the event loop is not held back again and again by a disk that does not keep up", async () => {
  const { write, set, made } = disk();
  set({ tookMs: 50 });
  await write(3, [piece], 7);
  set({ tookMs: 100 });
  for (let round = 0; round < 15; round++) await write(3, [piece], 7);
  expect(made).toEqual(["here", ...Array.from({ length: 15 }, () => "elsewhere")]);
  set({ nowMs: 5000, tookMs: 1 });
  for (let round = 0; round < 3; round++) await write(3, [piece], 7);
  expect(made.slice(16)).toEqual(["here", "here", "here"]);
});

it("nor by many writes that are each held back a little", async () => {
  const { write, set, made } = disk();
  set({ tookMs: 8 });
  for (let round = 0; round < 10; round++) await write(3, [piece], 7);
  expect(made.slice(3).every((where) => where === "elsewhere")).toBe(true);
  set({ nowMs: 5000, tookMs: 1 });
  for (let round = 0; round < 15; round++) {
    await write(3, [piece], 7);
    set({ nowMs: 5000 + 30 * round });
  }
  expect(made.slice(10).every((where) => where === "here")).toBe(true);
});

it("large writes are made elsewhere", async () => {
  const { write, made } = disk();
  await write(3, [new Uint8Array(MIB), piece], 7);
  await write(3, [piece], 7);
  expect(made).toEqual(["elsewhere", "here"]);
});

it("a write that fails rejects, wherever it was made", async () => {
  const { write, set } = disk();
  set({ error: new Error("ENOSPC") });
  await expect(write(3, [piece], 7)).rejects.toThrow("ENOSPC");
});
