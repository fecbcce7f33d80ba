import { expect, test } from "vitest";
import { fullJitterMs, RECONNECT_BACK_OFF } from "../../sync/back-off.ts";
import { seeded } from "./virtual-clock.ts";

test("waits are spread over the whole of [0, bound), and the bound doubles up to its cap", () => {
  const random = seeded(5);
  for (let attempt = 0; attempt < 80; attempt++) {
    const bound = Math.min(30_000, 250 * 2 ** Math.min(attempt, 30));
    const waits = Array.from({ length: 2000 }, () => fullJitterMs(attempt, random, RECONNECT_BACK_OFF));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...waits)).toBeLessThan(bound);
    expect(Math.min(...waits)).toBeLessThan(bound * 0.05);
    expect(Math.max(...waits)).toBeGreaterThan(bound * 0.95);
    expect(waits.every(Number.isInteger)).toBe(true);
  }
});
