/** The code of delivering is fetched when there is something to deliver, from a place that may have it no more. */
import { expect, test } from "vitest";
import * as delivery from "../../sync/delivery.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { Tab } from "./outbox-setup.ts";
import type { TabOptions } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

function setUp(options: Pick<TabOptions, "load" | "onUnable">) {
  const clock = new VirtualClock();
  const tab = new Tab({ engine, broker: new FakeBroker(engine), clock, random: seeded(11), ...options });
  return { clock, tab };
}

test("code that cannot be fetched is said, asked for again less and less often, and delivers when it is there", async () => {
  let isThere = false;
  let asked = 0;
  let unable = 0;
  const { clock, tab } = setUp({
    load: () => {
      asked += 1;
      return isThere ? Promise.resolve(delivery) : Promise.reject(new TypeError("404: ./worker-delivery.js"));
    },
    onUnable: () => (unable += 1),
  });
  tab.deliver();
  const { queued, delivered } = tab.publish("orders", null, "waits");
  await clock.until(queued);
  await clock.pass(300_000);
  expect(tab.problem).toMatch(/what delivers cannot be loaded.*404: \.\/worker-delivery\.js/);
  expect(unable).toBe(asked);
  expect(asked).toBeGreaterThan(8);
  expect(asked).toBeLessThan(100);
  isThere = true;
  expect(await clock.until(delivered, 60_000)).toEqual({ partition: 0, offset: 0n });
  expect(tab.problem).toBeUndefined();
  await tab.close();
});

test("a tab whose code never comes can stop leading", async () => {
  const { clock, tab } = setUp({ load: () => new Promise(() => undefined) });
  tab.deliver();
  const { queued, delivered } = tab.publish("orders", null, "waits");
  delivered.catch(() => undefined);
  await clock.until(queued);
  await clock.pass(1000);
  const closed = tab.close();
  await clock.until(tab.delivering, 1000);
  await closed;
  expect(tab.outbox.counts.waiting).toBe(1);
});

test("a tab that waits for its next try can stop leading at once", async () => {
  const { clock, tab } = setUp({ load: () => Promise.reject(new TypeError("no network")) });
  tab.deliver();
  const { queued, delivered } = tab.publish("orders", null, "waits");
  delivered.catch(() => undefined);
  await clock.until(queued);
  await clock.pass(120_000);
  const before = clock.now();
  const closed = tab.close();
  await clock.until(tab.delivering, 1000);
  expect(clock.now() - before).toBeLessThan(10);
  await closed;
});
