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

/** Of the account's database: how many rows there are of what was published. */
function rowsLeft(page: Page): Promise<Record<string, number>> {
  return page.evaluate(async () => {
    const { name = "" } =
      (await indexedDB.databases()).find((each) => each.name?.startsWith("rivulet/account/")) ?? {};
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name);
      request.addEventListener("success", () => resolve(request.result));
      request.addEventListener("error", () => reject(request.error ?? new Error("not opened")));
    });
    const stores = ["records", "runs", "contents", "batches"];
    const transaction = database.transaction(stores);
    const counts = await Promise.all(
      stores.map(
        (store) =>
          new Promise<[string, number]>((resolve) => {
            const request = transaction.objectStore(store).count();
            request.addEventListener("success", () => resolve([store, request.result]));
          }),
      ),
    );
    database.close();
    return Object.fromEntries(counts);
  });
}

/** Another page of the origin takes all the room that there is, to the last hundred bytes. */
function fillUp(page: Page): Promise<void> {
  return page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open("ballast", 1);
      request.addEventListener("upgradeneeded", () => request.result.createObjectStore("rows"));
      request.addEventListener("success", () => resolve(request.result));
      request.addEventListener("error", () => reject(request.error ?? new Error("not opened")));
    });
    let key = 0;
    const hasRoomFor = (bytes: number): Promise<boolean> =>
      new Promise((resolve) => {
        const transaction = database.transaction("rows", "readwrite", { durability: "strict" });
        transaction.objectStore("rows").put(crypto.getRandomValues(new Uint8Array(bytes)), key++);
        transaction.addEventListener("complete", () => resolve(true));
        transaction.addEventListener("abort", () => resolve(false));
      });
    for (const bytes of [50_000, 5000, 500, 50]) while (await hasRoomFor(bytes));
    database.close();
  });
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

  ofChromium(
    "the device gets full when all is sealed and sent: it is delivered and leaves the device, a run too, while nothing can be stored any more",
    async () => {
      const random = new Random(SEED).fork("brim");
      await using house = await House.open(browsers(), { random });
      const device = await house.device({ isMortal: true });
      const { origin } = browsers().site;
      const page = await bystander(origin, device);
      const session = await handOf(page);
      await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 2 * QUOTA_BYTES });
      const tab = await device.open();
      // From here on it knows all partitions, and needs no answer to seal.
      await house.notes.untilDelivered(await house.publish(tab, 60, 10));
      const held = house.wire.hold("answers");
      const run = await house.publish(tab, 60, 8000);
      await house.notes.untilQueued(run);
      await house.within(held, "what was sent of it is answered, and the answers are kept back");
      await house.within(tab.untilSealed(), "all of it is sealed");
      await fillUp(page);
      const isRefused = async (): Promise<boolean> => {
        const [record] = await house.publish(tab, 1, 10);
        const id = record?.id ?? "";
        await house.within(
          house.notes.until(() => house.notes.isQueued(id) || house.notes.rejected.has(id)),
          "the device says yes or no",
        );
        return house.notes.rejected.get(id)?.includes("QuotaExceededError") === true;
      };
      expect(await isRefused()).toBe(true);
      house.wire.release("answers", { isLost: false });
      await house.within(house.notes.untilDelivered(run), "all of it is delivered");
      await house.within(tab.untilDelivered(), "and has left the outbox");
      expect(await tab.outboxRows()).toEqual([]);
      expect(await rowsLeft(page)).toEqual({ records: 0, runs: 0, contents: 0, batches: 0 });
      expect(await isRefused()).toBe(true);
      await session.send("Storage.overrideQuotaForOrigin", { origin });
      await page.evaluate(() => void indexedDB.deleteDatabase("ballast"));
      await house.within(house.notes.untilDelivered(await house.publish(tab)), "with room it all goes on");
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
