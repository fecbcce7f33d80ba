/**
 * The tab that leads goes, or stands still, while all of them publish: three with `npm test`, fifty times with
 * `npm run crashes`. RIVULET_SEED repeats what was drawn.
 */
import { expect, test } from "vitest";
import { Random } from "../../../sim/kernel/random.ts";
import type { Browsers } from "../browsers.ts";
import { House } from "../house.ts";
import { SEED, TAKEOVERS } from "../settings.ts";
import { DEATHS } from "../tab.ts";

const TABS = 10;

export function leadersThatGo(browsers: () => Browsers): void {
  test("a frozen leader wakes under another one's term: it writes nothing, and hears what became of its records", async () => {
    const random = new Random(SEED).fork("frozen");
    await using house = await House.open(browsers(), { random });
    const device = await house.device();
    for (let count = 0; count < 3; count++) await (await device.open()).keep();
    const leader = await device.leader();
    // A tab that stands still in the middle of a transaction holds up the store until the browser aborts it, after a minute.
    for (const tab of device.tabs) await house.notes.untilDelivered(await house.publish(tab));
    const wake = await leader.freeze();
    const others = device.tabs.filter((tab) => tab !== leader);
    // What it is given meanwhile it finds when it wakes; of a tab that stands still as a whole, so does whoever gives it.
    const giving = house.publish(leader);
    for (const tab of others)
      await house.within(
        house.notes.untilDelivered(await house.publish(tab)),
        "another tab has taken the lead",
      );
    if (random.chance(0.5)) void house.wire.hold("answers");
    await wake();
    const given = await giving;
    const after = [...(await house.publish(leader)), ...(await house.publish(random.pick(others)))];
    await house.notes.untilQueued(after);
    house.wire.release("answers", { isLost: false });
    await house.within(house.notes.untilDelivered([...given, ...after]), "all of it is delivered");
    expect(await house.settle()).toEqual([]);
  });

  test(
    `ten tabs, and the one that leads dies ${TAKEOVERS} times while all publish: nothing is lost, twice, or out of order`,
    async () => {
      const random = new Random(SEED).fork("leaders");
      await using house = await House.open(browsers(), { random });
      const device = await house.device();
      for (let count = 0; count < TABS; count++) await device.open();
      for (let round = 0; round < TAKEOVERS; round++) {
        const leader = await house.within(device.leader(), "somebody leads");
        const load = device.tabs.map((tab) => house.publish(tab));
        // Some of it is on its way then, and some not stored yet.
        const enough = house.notes.sums.queued + random.below(30);
        await house.within(
          house.notes.until(() => house.notes.sums.queued >= enough),
          `${enough} are queued`,
        );
        await Promise.all(load);
        await device.kill(leader, random.pick(DEATHS));
        if (device.tabs.length < TABS) await device.open();
      }
      expect(await house.settle()).toEqual([]);
      const { queued, delivered } = house.notes.sums;
      console.log(
        `${house.notes.written.size} published, ${queued} known as queued, ${delivered} as delivered`,
      );
      expect(delivered).toBeGreaterThan(0);
    },
    120_000 + TAKEOVERS * 10_000,
  );
}
