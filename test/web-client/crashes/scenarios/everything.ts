/**
 * Everything at once, for as long as one likes: tabs, browsers and gateways die in steps that are drawn, and the network goes.
 * RIVULET_KILLS says how often (6), RIVULET_SEED repeats what was drawn.
 */
import { expect, test } from "vitest";
import { Random } from "../../../sim/kernel/random.ts";
import type { Browsers } from "../browsers.ts";
import type { Device } from "../device.ts";
import { House } from "../house.ts";
import { KILLS, SEED } from "../settings.ts";
import { STEP_NAMES } from "../steps.ts";
import { DEATHS } from "../tab.ts";

const TABS_MAX = 3;
/** A log that is read whole after each death would be read for ever. */
const JUDGED_EVERY = 20;

/** What dies in one round, in words. */
async function harm(house: House, device: Device): Promise<string> {
  const { random, wire } = house;
  const publisher = random.pick(device.tabs);
  const kind = random.below(10);
  if (kind === 0) {
    const lost = await house.losePower();
    return `the gateway loses its power, and ${lost} bytes`;
  }
  if (kind === 1) {
    wire.cut();
    const records = await house.publish(publisher);
    await house.within(house.notes.untilQueued(records), "what is published offline is queued");
    wire.mend();
    return "the wire is cut and mended";
  }
  if (kind === 2) {
    // At whatever moment it is.
    void house.publish(publisher).catch(() => undefined);
    const how = random.pick(DEATHS);
    await device.kill(publisher, how);
    return `a tab dies just after it has published (${how})`;
  }
  const step = random.pick(STEP_NAMES);
  const how = random.chance(0.15) ? ("browser" as const) : random.pick(DEATHS);
  await house.dieAt(step, device, publisher, how);
  return `${how === "browser" ? "the browser" : "a tab"} dies ${step} (${how})`;
}

export function everythingAtOnce(browsers: () => Browsers): void {
  test(
    `${KILLS} deaths of all kinds: nothing is lost, twice, or out of order (RIVULET_SEED=${SEED})`,
    async () => {
      const random = new Random(SEED).fork("everything");
      await using house = await House.open(browsers(), { random, isMortal: true });
      const device = await house.device({ isMortal: true });
      const deaths: string[] = [];
      for (let kill = 1; kill <= KILLS; kill++) {
        while (device.tabs.length < 1 + random.below(TABS_MAX)) {
          const tab = await device.open();
          await tab.untilState("live");
          await tab.keep();
        }
        for (const tab of device.tabs) await house.publish(tab);
        deaths.push(await harm(house, device));
        if (kill % JUDGED_EVERY !== 0 && kill < KILLS) continue;
        expect(await house.settle(), `after ${deaths.join("; ")}`).toEqual([]);
        deaths.splice(0);
      }
      const { queued, delivered } = house.notes.sums;
      console.log(
        `${KILLS} deaths: ${house.notes.written.size} published, ${queued} known as queued, ${delivered} as delivered`,
      );
    },
    120_000 + KILLS * 20_000,
  );
}
