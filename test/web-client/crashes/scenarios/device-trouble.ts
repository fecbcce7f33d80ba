/**
 * What happens to the device: no room, a store that is deleted under the tab, and somebody else who sits down. RIVULET_SEED
 * repeats what was drawn.
 */
import type { CDPSession, Page } from "playwright";
import { expect, test } from "vitest";
import { browserKind } from "../../../tools/browser.ts";
import { Random } from "../../../sim/kernel/random.ts";
import type { Browsers } from "../browsers.ts";
import type { Device } from "../device.ts";
import { House } from "../house.ts";
import { CLEARED } from "../sdk-site.ts";
import { ofChromium, SEED, some } from "../settings.ts";

const QUOTA_BYTES = 2_000_000;

/** A page of the same origin without the SDK. */
async function bystander(origin: string, device: Device): Promise<Page> {
  const page = await device.context.newPage();
  await page.goto(`${origin}/other.html`);
  return page;
}

/** Chromium's own hand. */
async function handOf(page: Page): Promise<CDPSession> {
  return page.context().newCDPSession(page);
}

export function troubleOnTheDevice(browsers: () => Browsers): void {
  // How much room a site has, Firefox is told for all of a browser, when it starts.
  ofChromium(
    "the device is full: what has no room is refused and goes nowhere, what was queued is delivered, and with room it all goes on",
    async () => {
      const random = new Random(SEED).fork("quota");
      await using house = await House.open(browsers(), { random });
      // A profile on the disk: what is kept in memory alone has no quota that is looked at.
      const device = await house.device({ isMortal: true });
      const { origin } = browsers().site;
      const session = await handOf(await bystander(origin, device));
      // From the start: how much room there is a browser remembers for a while.
      await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: QUOTA_BYTES });
      const tab = await device.open();
      await tab.keep();
      house.wire.cut();
      const queued = await house.publish(tab, 5, 20_000);
      await house.notes.untilQueued(queued);
      const refused = (): number => house.notes.rejected.size;
      for (let tries = 0; refused() === 0 && tries < 100; tries++) {
        const records = await house.publish(tab, 1, 50_000);
        const settled = ({ id }: { id: string }): boolean =>
          house.notes.isQueued(id) || house.notes.rejected.has(id);
        await house.within(
          house.notes.until(() => records.every(settled)),
          "the device says yes or no",
        );
      }
      expect(refused()).toBeGreaterThan(0);
      for (const error of house.notes.rejected.values()) expect(error).toContain("QuotaExceededError");
      house.wire.mend();
      if (random.chance(0.5)) await device.kill(tab, random.pick(["crash", "reload"]));
      // Whatever cannot be done without room is done when there is some.
      await session.send("Storage.overrideQuotaForOrigin", { origin });
      const back = device.tabs[0] ?? (await device.open());
      const after = await house.publish(back, 5, 20_000);
      await house.within(house.notes.untilDelivered(after), "with room it all goes on");
      expect(await house.settle()).toEqual([]);
    },
  );

  test.each(some(["a page deletes all databases", "the browser clears the site's data"], 1))(
    "the store is deleted under the tab (%s): it says so, nothing goes twice, and it goes on with an empty one",
    async (how) => {
      const random = new Random(SEED).fork(how);
      await using house = await House.open(browsers(), { random });
      const device = await house.device();
      const tab = await device.open();
      await tab.keep();
      const delivered = await house.publish(tab);
      await house.notes.untilDelivered(delivered);
      const onItsWay = house.wire.hold("answers");
      const sent = await house.publish(tab);
      await house.within(onItsWay, "a batch is in the log, and its answer on its way");
      house.wire.cut();
      const waiting = await house.publish(tab);
      await house.notes.untilQueued(waiting);
      const { origin } = browsers().site;
      const page = await bystander(origin, device);
      house.notes.note({ kind: "device wiped", producer: tab.options.outbox, outbox: true });
      if (how === "a page deletes all databases")
        await page.evaluate(async () => {
          for (const { name = "" } of await indexedDB.databases())
            await new Promise((resolve, reject) => {
              const request = indexedDB.deleteDatabase(name);
              request.addEventListener("success", resolve);
              request.addEventListener("error", reject);
            });
        });
      else if (browserKind === "chromium")
        await (await handOf(page)).send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
      else await page.goto(origin + CLEARED);
      // An unsent outbox is never dropped silently: each of them is told.
      const lost = [...sent, ...waiting];
      const isTold = ({ id }: { id: string }): boolean =>
        house.notes.isDelivered(id) || house.notes.rejected.has(id);
      await house.within(
        house.notes.until(() => lost.every(isTold)),
        "it is told of what is lost",
      );
      expect(await tab.lost()).toContain("thrown away");
      const later = await house.publish(tab);
      await house.within(house.notes.untilQueued(later), "what is published from then on is queued");
      house.wire.release("answers", { isLost: true });
      house.wire.mend();
      await house.within(house.notes.untilDelivered(later), "and delivered");
      if (random.chance(0.5)) await device.kill(tab, random.pick(["crash", "reload"]));
      const back = device.tabs[0] ?? (await device.open());
      await house.within(house.notes.untilDelivered(await house.publish(back)), "the next visit delivers");
      expect(await house.settle()).toEqual([]);
    },
  );

  test("two users on one device: outbox and replicas of one never go out, or are seen, under the other's name", async () => {
    const random = new Random(SEED).fork("users");
    await using house = await House.open(browsers(), { random, isGuarded: true });
    const device = await house.device();
    const alice = await device.open("alice");
    await alice.keep();
    await house.notes.untilDelivered(await house.publish(alice));
    house.wire.cut();
    const letters = await house.publish(alice);
    await house.notes.untilQueued(letters);
    await device.kill(alice, random.pick(["crash", "close"]));
    house.wire.mend();
    // Somebody else sits down while it waits, and after them both are there.
    const bob = await device.open("bob");
    await bob.keep();
    await house.within(
      house.notes.untilDelivered(await house.publish(bob)),
      "what bob publishes is delivered",
    );
    expect(await bob.outboxRows()).toEqual([]);
    expect(
      letters.filter(({ id }) =>
        house.notes.events.some((event) => event.kind === "sent" && event.id === id),
      ),
    ).toEqual([]);
    const names = await bob.page.evaluate(async () =>
      (await indexedDB.databases()).map(({ name = "" }) => name),
    );
    for (const user of ["alice", "bob"])
      expect(names.filter((name) => name.includes(encodeURIComponent(`User:${user}`)))).not.toEqual([]);
    const again = await device.open("alice");
    for (const tab of [again, bob, again]) await house.publish(tab);
    await device.kill(random.pick([again, bob]), "crash");
    expect(await house.settle()).toEqual([]);
    expect(house.notes.sums.queued).toBeGreaterThan(letters.length);
  });
}
