import { expect, test } from "vitest";
import { ServerClock } from "../../sync/server-clock.ts";
import { VirtualClock } from "./virtual-clock.ts";

test("an answer that took an odd number of milliseconds leaves whole ones: half of one stopped every compaction", async () => {
  const clock = new VirtualClock();
  const server = new ServerClock(clock);
  const startMs = clock.now();
  const learning = server.learn(
    () => new Promise((resolve) => clock.setTimer(15, () => resolve(startMs + 1000))),
  );
  await clock.until(learning);
  expect(Number.isInteger(server.now())).toBe(true);
  expect(Math.abs(server.ahead - 992.5)).toBeLessThan(1);
});
