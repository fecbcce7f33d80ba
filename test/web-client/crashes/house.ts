/** A scenario's ground: a gateway, the wire to it, devices with tabs, what was noted of them, and the judgement in the end. */
import { Random } from "../../sim/kernel/random.ts";
import type { Browsers } from "./browsers.ts";
import { Device } from "./device.ts";
import { CrashGateway } from "./gateway.ts";
import { judge } from "./judge.ts";
import type { HeldPartition, OutboxRow } from "./judge.ts";
import { Notes } from "./notes.ts";
import type { Written } from "./notes.ts";
import { readLog } from "./read-log.ts";
import { isOfPublisher, STEPS } from "./steps.ts";
import type { StepName } from "./steps.ts";
import { storyOf } from "./story.ts";
import type { Death, Tab } from "./tab.ts";
import { NOBODY, Wire } from "./wire.ts";

export const TOPIC = "shared";
export const PARTITIONS = 3;
const KEYS = 5;
/** What is long enough on a machine that does other things, too. */
export const PATIENCE_MS = 60_000;

export interface HouseOptions {
  readonly random: Random;
  /** The gateway's settings, by Kafka's names. */
  readonly config?: Readonly<Record<string, string>>;
  readonly isGuarded?: boolean;
  /** The gateway can be killed. */
  readonly isMortal?: boolean;
}

export class House implements AsyncDisposable {
  readonly notes: Notes;
  readonly random: Random;
  readonly gateway: CrashGateway;
  readonly wire: Wire;
  /** What an app gives as a user's token; a good one, unless a test says otherwise. */
  tokenOf = (user: string): Promise<string> => this.gateway.issuer?.token(user) ?? Promise.resolve("");
  private readonly browsers: Browsers;
  private readonly devices: Device[] = [];

  private constructor(
    browsers: Browsers,
    { gateway, wire, notes, random }: { gateway: CrashGateway; wire: Wire; notes: Notes; random: Random },
  ) {
    this.browsers = browsers;
    this.gateway = gateway;
    this.wire = wire;
    this.notes = notes;
    this.random = random;
  }

  static async open(browsers: Browsers, options: HouseOptions): Promise<House> {
    const { random, config = {}, isGuarded = false, isMortal = false } = options;
    const notes = new Notes();
    let gateway: CrashGateway | undefined;
    const wire = await Wire.open({
      target: () => gateway?.httpPort ?? 0,
      onSent: (id, principal) => notes.note({ kind: "sent", id, principal }),
    });
    // The wire's address, too: it is the host that the pages name.
    const origins = [browsers.site.origin, `http://127.0.0.1:${wire.port}`];
    gateway = await CrashGateway.open({ origins, config, isGuarded, isMortal });
    await gateway.createTopic(TOPIC, PARTITIONS);
    return new House(browsers, { gateway, wire, notes, random });
  }

  /** `isMortal`: its browser is its own, and can be killed. */
  async device({ isMortal = false } = {}): Promise<Device> {
    const home = await (isMortal ? this.browsers.ownBrowser() : this.browsers.profile());
    const device = await Device.at(home, {
      name: `device-${this.devices.length + 1}`,
      origin: this.browsers.site.origin,
      url: `http://127.0.0.1:${this.wire.port}`,
      topic: TOPIC,
      hear: (word) => this.notes.hear(word),
      tokenOf: (user) => this.tokenOf(user),
    });
    this.devices.push(device);
    return device;
  }

  /** Hands records to a tab; what becomes of them is noted. */
  async publish(tab: Tab, count = 1 + this.random.below(8), paddingBytes?: number): Promise<Written[]> {
    const { outbox, name, topic, user = NOBODY } = tab.options;
    const records = Array.from({ length: count }, () => {
      const key = `${outbox} key ${this.random.below(KEYS)}`;
      const padding = paddingBytes ?? Math.floor(this.random.delay(0, 2000));
      return this.notes.publish({ outbox, tab: name, principal: user, topic }, key, padding);
    });
    await tab.publish(records);
    return records;
  }

  /** `publisher` publishes, and the one of its device's tabs that this step is done in dies in the middle of it. */
  async dieAt(name: StepName, device: Device, publisher: Tab, how: Death | "browser"): Promise<Written[]> {
    const step = STEPS[name];
    const victim = isOfPublisher(step) ? publisher : await device.leader();
    const die = async (): Promise<unknown> =>
      how === "browser" ? device.killBrowser() : device.kill(victim, how);
    if ("store" in step) {
      const { arrived, leave } = await victim.stopAt(step);
      const records = await this.publish(publisher);
      await this.within(arrived, `${victim.name} comes to a stop ${name}`);
      await die();
      leave();
      return records;
    }
    const { held, isLost } = step;
    const said = this.wire.hold(held);
    const records = await this.publish(publisher);
    await this.within(said, `somebody says what is kept back ${name}`);
    await die();
    this.wire.release(held, { isLost });
    return records;
  }

  /** A gateway that dies, and one that finds what it has left. Answers how many bytes it had not synced. */
  async losePower(): Promise<number> {
    this.notes.note({ kind: "gateway died", how: "power loss" });
    const lost = await this.gateway.losePower(this.random);
    await this.gateway.restart();
    return lost;
  }

  /** Waits until all is delivered that can be, reads everything, and answers what is wrong. */
  async settle(): Promise<string[]> {
    this.wire.mend();
    for (const direction of ["requests", "answers"] as const) this.wire.release(direction, { isLost: false });
    for (const device of this.devices) {
      await device.context.setOffline(false);
      for (const user of this.absent(device)) await device.open(user);
    }
    const tabs = this.devices.flatMap((device) => device.tabs);
    for (const tab of tabs) {
      await this.within(tab.untilState("live"), `${tab.name} is live`);
      await this.within(tab.untilDelivered(), `${tab.name} has delivered all`);
    }
    const log = await readLog(this.gateway.log, TOPIC);
    const ends = log.map(({ highWatermark }) => highWatermark);
    const replicas: HeldPartition[] = [];
    const outboxes: OutboxRow[] = [];
    const untold: string[] = [];
    const seen = new Set<string>();
    for (const tab of tabs) {
      await this.within(tab.keep(), `${tab.name} keeps the topic`);
      await this.within(tab.untilHeld(ends), `${tab.name} holds all up to ${ends.join(", ")}`);
      replicas.push(...(await tab.held()));
      untold.push(...(await tab.untold()));
      if (!seen.has(tab.options.outbox)) outboxes.push(...(await tab.outboxRows()));
      seen.add(tab.options.outbox);
    }
    const { notes } = this;
    const wrong = judge({ notes, log, replicas, outboxes, untold });
    return wrong.length === 0 ? [] : [...wrong, ...storyOf(notes, wrong)];
  }

  /** Rejects when it takes longer than anything should, and says how all tabs stand then. */
  async within<T>(work: Promise<T>, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), PATIENCE_MS);
    });
    try {
      const first = await Promise.race([work.then((value) => ({ value })), late]);
      if (first !== "late") return first.value;
    } finally {
      clearTimeout(timer);
    }
    const tabs = this.devices.flatMap((device) => device.tabs);
    const stand = await Promise.all(tabs.map(async (tab) => `${tab.name}: ${await tab.describe()}`));
    throw new Error(`not within ${PATIENCE_MS} ms: ${what}\n${stand.join("\n")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const device of this.devices) await device.close();
    await this.wire.close();
    await this.gateway.stop();
  }

  /** Users who have no tab: somebody has to say what their outboxes hold. */
  private absent({ users, tabs }: Device): (string | undefined)[] {
    const present = new Set(tabs.map((tab) => tab.options.outbox));
    return Array.from(users).flatMap(([outbox, user]) => (present.has(outbox) ? [] : [user]));
  }
}
