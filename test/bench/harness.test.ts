import { describe, expect, it } from "vitest";
import { interleave, loop, MEGABYTES, ratio, spread, type Contender } from "../../bench/harness.ts";

describe("interleave", () => {
  it("runs the contenders in turn, so that a slow moment of the machine hits all of them", async () => {
    const order: string[] = [];
    const contender = (name: string): Contender => ({
      name,
      prepare: () => void order.push(`prepare ${name}`),
      round: () => {
        order.push(name);
        return {};
      },
    });
    await interleave([contender("A"), contender("B")], { warmups: 1, rounds: 20 });
    expect(order.splice(0, 2)).toEqual(["prepare A", "prepare B"]);
    const rounds = Array.from({ length: 21 }, (_, round) => order.slice(2 * round, 2 * round + 2).join(""));
    expect(new Set(rounds)).toEqual(new Set(["AB", "BA"]));
  });

  it("leaves warm-up rounds out of the figures", async () => {
    let rounds = 0;
    const contender = { name: "A", round: () => ({ figure: rounds++ < 2 ? 1000 : rounds }) };
    const [result] = await interleave([contender], { warmups: 2, rounds: 3 });
    expect(result?.metrics.figure).toEqual({ median: 4, min: 3, max: 5 });
  });

  it("refuses two contenders of one name, whose samples it could not tell apart", async () => {
    const contender = { name: "A", round: () => ({}) };
    await expect(interleave([contender, contender], { warmups: 0, rounds: 1 })).rejects.toThrow("named A");
  });
});

describe("figures", () => {
  it("takes the mean of the two in the middle of an even count, and does not sort as text", () => {
    expect(spread([100, 9, 10, 30])).toEqual({ median: 20, min: 9, max: 100 });
    expect(() => spread([])).toThrow("at least one");
  });

  it("divides medians, and has no ratio to a contender that was left out", async () => {
    const results = await interleave(
      [
        { name: "A", round: () => ({ x: 6 }) },
        { name: "B", round: () => ({ x: 4 }) },
      ],
      { warmups: 0, rounds: 1 },
    );
    expect(ratio(results, "x", "A", "B")).toBe(1.5);
    expect(ratio(results, "x", "A", "C")).toBeUndefined();
    expect(ratio(results, "y", "A", "B")).toBeUndefined();
  });
});

describe("loop", () => {
  it("finds out before the first round how many calls a round takes, and times nothing else", async () => {
    let clock = 0;
    let calls = 0;
    const work = (): void => {
      calls++;
      clock += 2;
    };
    const contender = loop({ name: "A", bytes: 1_000_000, work, roundMs: 10 }, () => clock);
    await contender.prepare?.();
    calls = 0;
    const sample = await contender.round();
    expect(calls).toBe(8);
    // 1 MB in 2 ms.
    expect(sample[MEGABYTES]).toBe(500);
  });
});
