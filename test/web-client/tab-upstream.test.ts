import { expect, test } from "vitest";
import { TabLink } from "../../web-client/core/tab-link.ts";
import type { ToTab } from "../../web-client/core/tab-link.ts";
import { TabUpstream } from "../../web-client/core/tab-upstream.ts";
import { VirtualClock } from "../sync/virtual-clock.ts";

test("an app that switches off and on in the middle of attempts waits no longer after the next one that fails", async () => {
  const clock = new VirtualClock();
  const link = new TabLink(true);
  let opened = 0;
  let onOpened = (): void => undefined;
  let tell: (message: ToTab) => void = () => undefined;
  link.attach((hear) => {
    tell = hear;
    return {
      post: ({ kind }) => {
        if (kind !== "open") return;
        opened += 1;
        onOpened();
      },
      close: () => undefined,
    };
  });
  // A tab leads that is connected, and answers nothing.
  tell({ kind: "state", state: { name: "live", reason: undefined }, token: undefined, problem: undefined });
  const upstream = new TabUpstream({ link, clock, random: () => 0.99, clientId: "t" }, false);
  await clock.settle();
  for (let times = 0; times < 8; times++) {
    upstream.goOffline();
    await clock.settle();
    upstream.goOnline();
    await clock.settle();
  }
  expect(opened).toBe(9);
  const begunMs = clock.now();
  await clock.until(new Promise<void>((resolve) => (onOpened = resolve)));
  // It is given ten seconds to answer, and asked again after less than a tenth of one.
  expect(clock.now() - begunMs).toBeLessThan(10_100);
  await upstream.close("done");
});
