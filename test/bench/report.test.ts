import { describe, expect, it } from "vitest";
import { formatNumber, formatReports, verdict, type BenchReport } from "../../bench/report.ts";

const figure = (median: number): { median: number; min: number; max: number } => ({
  median,
  min: median,
  max: median,
});

describe("the page", () => {
  const report: BenchReport = {
    name: "sums",
    tables: [
      {
        title: "sums",
        metrics: ["MB/s"],
        ratioTo: "theirs",
        cases: [
          {
            name: "1 KiB",
            results: [
              { contender: "ours", metrics: { "MB/s": figure(300) } },
              { contender: "theirs", metrics: { "MB/s": figure(200) } },
            ],
          },
          { name: "1 MiB", results: [{ contender: "ours", metrics: { "MB/s": figure(20_000) } }] },
        ],
      },
    ],
    aims: [
      { what: "speed", sense: "at least", bound: 1.2, value: 1.5 },
      { what: "cost", sense: "at most", bound: 1.2, value: 1.5 },
      { what: "absent", sense: "at least", bound: 2, value: undefined },
    ],
    notes: ["theirs is left out of 1 MiB"],
    counts: { sums: 2 },
    hash: "abc",
  };

  it("prints medians, ratios to the peer where it took part, aims beside results, and the hash", () => {
    expect(formatReports([report]).split("\n")).toEqual([
      "",
      "sums: 2 sums, hash abc",
      "  sums, MB/s       1 KiB  1 MiB",
      "    ours      300 (1.50)  20.0k",
      "    theirs    200 (1.00)      -",
      "  note: theirs is left out of 1 MiB",
      "",
      "aims",
      "  met            1.50  at least 1.2: speed",
      "  missed         1.50  at most 1.2: cost",
      "  not measured      -  at least 2: absent",
    ]);
  });

  it("calls an aim that was reached exactly met", () => {
    expect(verdict({ what: "", sense: "at most", bound: 1.2, value: 1.2 })).toBe("met");
    expect(verdict({ what: "", sense: "at least", bound: 1.2, value: 1.2 })).toBe("met");
  });

  it.each([
    [0.5, "0.50"],
    [9.996, "10.0"],
    [99.96, "100"],
    [999.4, "999"],
    [9994, "9994"],
    [9996, "10.0k"],
    [999_400, "999k"],
    [1_650_000, "1.65M"],
    [Number.POSITIVE_INFINITY, "-"],
  ])("writes %d as %s", (value, text) => expect(formatNumber(value)).toBe(text));
});
