/**
 * Who is away for a while, and what is not as it was when they come back: pages without a network, a gateway that has lost its
 * power, one that has forgotten the producer, and tokens that have run out. RIVULET_SEED repeats what was drawn.
 */
import { expect, test, vi } from "vitest";
import { describeProducers } from "../../../../wire/apis/describe-producers.ts";
import { ProtocolClient } from "../../../gateway/protocol-client.ts";
import { Random } from "../../../sim/kernel/random.ts";
import type { Browsers } from "../browsers.ts";
import { House, PARTITIONS, PATIENCE_MS, TOPIC } from "../house.ts";
import { ofAll, SEED, some } from "../settings.ts";

/** Resolves when the gateway has forgotten everybody who ever wrote to the topic. */
async function untilForgotten({ gateway }: House): Promise<void> {
  const client = await ProtocolClient.tcp(gateway.log.kafkaPort);
  const partitionIndexes = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  await vi.waitFor(
    async () => {
      const { topics } = await client.request(describeProducers, 0, {
        topics: [{ name: TOPIC, partitionIndexes }],
      });
      expect(topics.flatMap(({ partitions }) => partitions.flatMap((each) => each.activeProducers))).toEqual(
        [],
      );
    },
    { timeout: PATIENCE_MS, interval: 100 },
  );
  await client.close();
}

const FORGOTTEN_AT = [
  "when its batch is in the log, and the answer is not heard",
  "when its batch is sealed, and not sent",
] as const;

export function comingBack(browsers: () => Browsers): void {
  ofAll("offline for a while and back: what was published meanwhile goes once, in order", async () => {
    const random = new Random(SEED).fork("offline");
    await using house = await House.open(browsers(), { random });
    const device = await house.device();
    const [first, second] = [await device.open(), await device.open()];
    await first.keep();
    const before = [...(await house.publish(first)), ...(await house.publish(second))];
    if (random.chance(0.5)) await house.notes.untilDelivered(before);
    await device.context.setOffline(true);
    house.wire.cut();
    for (const tab of [first, second]) await tab.untilState("offline");
    const meanwhile = [...(await house.publish(first)), ...(await house.publish(second))];
    await house.within(house.notes.untilQueued(meanwhile), "what is published offline is queued");
    expect(meanwhile.filter(({ id }) => house.notes.isDelivered(id))).toEqual([]);
    // There is a network again, and no gateway: one page is loaded anew, and a third one opens.
    await device.context.setOffline(false);
    if (random.chance(0.5)) await device.kill(second, "reload");
    const third = await device.open();
    await house.publish(third);
    house.wire.mend();
    expect(await house.settle()).toEqual([]);
    if (second.isAlive) expect(meanwhile.filter(({ id }) => !house.notes.isDelivered(id))).toEqual([]);
  });

  ofAll(
    "the gateway loses its power under load, and what it had not synced: what was delivered or shown is there",
    async () => {
      const random = new Random(SEED).fork("power");
      await using house = await House.open(browsers(), { random, isMortal: true });
      const device = await house.device();
      const tabs = [await device.open(), await device.open()];
      for (const tab of tabs) await tab.keep();
      let lost = 0;
      for (let crash = 0; crash < 2; crash++) {
        const { delivered } = house.notes.sums;
        const load = Array.from({ length: 12 }, () => house.publish(random.pick(tabs)));
        const enough = delivered + random.below(20);
        await house.within(
          house.notes.until(() => house.notes.sums.delivered >= enough),
          `${enough} records are delivered`,
        );
        lost += await house.losePower();
        await Promise.all(load);
      }
      expect(await house.settle()).toEqual([]);
      console.log(`${house.notes.sums.delivered} records delivered, ${lost} bytes lost that were not synced`);
      expect(house.notes.written.size - house.notes.sums.delivered).toBe(0);
    },
  );

  test.each(some(FORGOTTEN_AT, 1))(
    "the gateway has forgotten the producer by the time that a tab is back which died %s",
    async (step) => {
      const random = new Random(SEED).fork(`forgotten ${step}`);
      const config = {
        "producer.id.expiration.ms": "1000",
        "log.retention.check.interval.ms": "200",
        "log.initial.task.delay.ms": "200",
      };
      await using house = await House.open(browsers(), { random, config });
      const device = await house.device();
      const tab = await device.open();
      await house.notes.untilDelivered(await house.publish(tab));
      // Nobody is there to deliver it meanwhile.
      await house.dieAt(step, device, tab, random.pick(["crash", "close"]));
      await untilForgotten(house);
      const back = await device.open();
      await house.notes.untilDelivered(await house.publish(back));
      expect(await house.settle()).toEqual([]);
    },
  );

  ofAll(
    "tokens run out, and for a while there is no good one: what is published waits, and goes as who it was",
    async () => {
      const random = new Random(SEED).fork("tokens");
      await using house = await House.open(browsers(), { random, isGuarded: true });
      const { issuer } = house.gateway;
      let expiresIn = 3;
      let made = 0;
      house.tokenOf = (user) => {
        made += 1;
        return issuer?.token(user, { expiresIn, claims: { jti: String(made) } }) ?? Promise.resolve("");
      };
      const device = await house.device();
      const tabs = [await device.open("alice"), await device.open("alice")] as const;
      const [tab] = tabs;
      // For longer than the first ones last.
      for (const enough = made + 2; made < enough;)
        await house.within(
          house.notes.untilDelivered(await house.publish(random.pick(tabs))),
          "it is delivered",
        );
      expiresIn = -100;
      await house.within(tab.untilState("signed out"), "nobody is let in any more");
      const meanwhile = [...(await house.publish(tabs[0])), ...(await house.publish(tabs[1]))];
      await house.notes.untilQueued(meanwhile);
      if (random.chance(0.5)) await device.kill(tab, "crash");
      expiresIn = 3600;
      expect(await house.settle()).toEqual([]);
    },
  );
}
