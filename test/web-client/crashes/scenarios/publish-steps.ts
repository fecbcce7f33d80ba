/**
 * Tabs, and whole browsers, that die in each step of a publish: in a real browser with real IndexedDB, against a real gateway.
 * RIVULET_SEED repeats what was drawn.
 */
import { describe, expect, test } from "vitest";
import { Random } from "../../../sim/kernel/random.ts";
import type { Browsers } from "../browsers.ts";
import { House } from "../house.ts";
import { ofAll, SEED, some } from "../settings.ts";
import { STEP_NAMES } from "../steps.ts";
import { DEATHS } from "../tab.ts";

export function publishSteps(browsers: () => Browsers): void {
  describe(`a tab dies (RIVULET_SEED=${SEED})`, () => {
    test.each(some(STEP_NAMES, 2))("%s: nothing is lost, twice, or out of order", async (step) => {
      const random = new Random(SEED).fork(step);
      await using house = await House.open(browsers(), { random });
      const device = await house.device();
      const publisher = await device.open();
      if (random.chance(0.5)) await device.open();
      if (step.includes("replica")) await publisher.keep();
      const before = await house.publish(publisher);
      if (random.chance(0.5)) await house.notes.untilDelivered(before);
      const records = await house.dieAt(step, device, publisher, random.pick(DEATHS));
      const [heir = await device.open()] = device.tabs;
      const after = await house.publish(heir);
      await house.within(house.notes.untilDelivered(after), "what is published afterwards is delivered");
      expect(await house.settle()).toEqual([]);
      expect(house.notes.events.some(({ kind }) => kind === "sent")).toBe(true);
      // Of a tab that lives, what it was told is all that there is to tell.
      if (publisher.isAlive) expect(records.filter(({ id }) => !house.notes.isDelivered(id))).toEqual([]);
    });
  });

  ofAll(
    `a whole browser is killed, in one of the steps: its profile goes on where it was (RIVULET_SEED=${SEED})`,
    async () => {
      const random = new Random(SEED).fork("browser");
      await using house = await House.open(browsers(), { random });
      const device = await house.device({ isMortal: true });
      const publisher = await device.open();
      await device.open();
      await publisher.keep();
      await house.notes.untilQueued(await house.publish(publisher));
      await house.dieAt(random.pick(STEP_NAMES), device, publisher, "browser");
      await house.publish(await device.open());
      expect(await house.settle()).toEqual([]);
      // What was safe on the device when its browser died is in the log by now, though nobody lives whom one could tell.
      expect(house.notes.sums.queued).toBeGreaterThan(0);
    },
  );
}
