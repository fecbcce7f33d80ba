import { describe, expect, test } from "vitest";
import { divergences } from "./compare.ts";
import { judge, type Difference, type Reason } from "./judge.ts";
import type { Observed } from "./play.ts";

const observed: Observed = {
  api: "Fetch",
  script: "limits",
  step: "no byte",
  path: "responses{topic}.partitions{0}.errorCode",
  kafka: "NONE",
  rivulet: "CORRUPT_MESSAGE",
  versions: [4, 5],
};

function listed(difference: Partial<Difference>): Reason[] {
  const all = { api: "*", script: "*", step: "*", path: "*", kafka: "*", rivulet: "*" };
  return [{ what: "something", why: "because", differences: [{ ...all, ...difference }] }];
}

describe("the judge", () => {
  test("lets nothing pass that is not listed", () => {
    expect(judge([observed], [])).toEqual({ unlisted: [observed], gone: [] });
  });

  test.each<Partial<Difference>>([
    { path: "*.errorCode" },
    { kafka: "NONE", rivulet: "*_MESSAGE" },
    { versions: [4, 5] },
    { path: "responses{topic}.partitions{0}.errorCode", api: "Fetch", script: "limits", step: "no byte" },
  ])("lets pass what is listed as %j", (difference) => {
    expect(judge([observed], listed(difference))).toEqual({ unlisted: [], gone: [] });
  });

  test.each<Partial<Difference>>([
    { api: "Produce" },
    { script: "limit" },
    { step: "byte" },
    { path: "errorCode" },
    { path: "responses.topic..partitions.0..errorCode" },
    { kafka: "INVALID_RECORD" },
    { rivulet: "CORRUPT" },
    { versions: [4, 4] },
  ])("calls gone what is listed as %j and did not show", (difference) => {
    const reasons = listed(difference);
    expect(judge([observed], reasons)).toEqual({ unlisted: [observed], gone: reasons[0]?.differences });
  });
});

describe("two answers", () => {
  test("are compared field by field", () => {
    expect(divergences({ a: 1, b: "x" }, { a: 2, b: "x" })).toEqual([
      { path: "a", kafka: "1", rivulet: "2" },
    ]);
    expect(divergences({ a: 1 }, { a: 1, b: null })).toEqual([
      { path: "b", kafka: "not there", rivulet: "null" },
    ]);
  });

  test("are the same when elements with names stand in another order", () => {
    const [a, b] = [
      { name: "a", size: 1 },
      { name: "b", size: 2 },
    ];
    expect(divergences([a, b], [b, a])).toEqual([]);
    expect(divergences([a, b], [{ ...b, size: 3 }, a])).toEqual([
      { path: "{b}.size", kafka: "2", rivulet: "3" },
    ]);
    expect(divergences([a, a], [a])).toEqual([
      { path: "{a again}", kafka: JSON.stringify(a), rivulet: "not there" },
    ]);
  });

  test("differ by order where elements have no names", () => {
    expect(divergences([1, 2], [2, 1]).map(({ path }) => path)).toEqual(["[0]", "[1]"]);
  });

  test("differ by their error alone where that is another one", () => {
    expect(
      divergences({ errorCode: "NONE", offset: "5" }, { errorCode: "CORRUPT_MESSAGE", offset: "-1" }),
    ).toEqual([{ path: "errorCode", kafka: "NONE", rivulet: "CORRUPT_MESSAGE" }]);
  });
});
