/**
 * Which tab leads: the one that holds the lock of their store. One that is closed or has crashed gives it back, and the next
 * in line has it. One that is frozen keeps it, so it is stolen when nothing was heard of it for five seconds; the term that
 * each takes in the store when it begins keeps the old one from writing when it wakes (rule 7).
 */
import { fullJitterMs } from "../../sync/back-off.ts";
import { takeOver, Superseded } from "../../sync/outbox-rows.ts";
import { aborted, Bell, linkedController, sleep } from "../../sync/wait.ts";
import type { ClientHost } from "./client-host.ts";
import type { Device } from "./device.ts";
import type { LeaderSession } from "./leader-session.ts";
import type { Leading, LeadingGround } from "./leading.ts";
import { TabLocks } from "./locks.ts";
import type { TabChannel, TabMessage } from "./tab-channel.ts";
import { storeFailureText } from "./store-failure.ts";
import { joinedPorts, linkName } from "./tab-link.ts";
import type { KeptReplica, TabLink, ToLeader, ToTab } from "./tab-link.ts";

export interface LeadershipOptions {
  readonly host: ClientHost;
  readonly device: Device;
  readonly channel: TabChannel;
  /** Names this tab among all that share the store. */
  readonly tab: string;
  readonly link: TabLink;
  readonly begin: (term: number, signal: AbortSignal) => LeaderSession;
  /** Ends it all: the client closes. */
  readonly signal: AbortSignal;
}

const HEARTBEAT_MS = 1000;
/** Nothing heard for so long: the one that leads is asked whether it is there. Its timers may be throttled, its ears are not. */
const SILENCE_MS = 4500;
/** And so long after that, least and most, the lock is stolen: not by all at once. */
const ANSWER_MS = { least: 500, most: 900 };
/** After leading has ended. */
const PAUSE_MS = 1000;
/** After the store has failed: as often as that. */
const FAILED_BACK_OFF = { baseMs: 2 * PAUSE_MS, capMs: 30_000 };

export class Leadership implements Leading {
  readonly writers = new TabLocks();
  /** Resolves when this tab leads no more, and never will. */
  readonly ended: Promise<void>;
  private readonly options: LeadershipOptions;
  private session: LeaderSession | undefined;
  /** The latest term that was heard of, or led. */
  private term = 0;
  /** Whether the others can tell when this tab dies. */
  private isPresent = false;
  private readonly moved = new Bell();
  /** What delivers can be loaded here, as far as it is known. */
  private canDeliver = true;
  private cancelWatch: () => void = () => undefined;
  private onSilent: () => void = () => undefined;

  constructor(options: LeadershipOptions) {
    this.options = options;
    options.channel.hear((message) => this.hear(message));
    options.device.onLaterTerm((term) => this.heardOf(term));
    this.ended = this.run();
  }

  get isLeading(): boolean {
    return this.session !== undefined;
  }

  async whileLeading(
    signal: AbortSignal,
    work: (ground: LeadingGround, stop: AbortSignal) => Promise<void>,
  ): Promise<void> {
    while (!signal.aborted) {
      const move = this.moved.next();
      const { session } = this;
      if (session === undefined || session.signal.aborted) {
        await Promise.race([move, aborted(signal)]);
        continue;
      }
      const stop = linkedController(signal, session.signal);
      const working = work(session, stop.signal);
      session.track(working);
      try {
        await working;
        // What has ended by itself is not begun again under the same term.
        await aborted(stop.signal);
      } finally {
        stop.abort();
      }
    }
  }

  /** By this tab's delivery, while it leads: all tabs tell their apps. */
  tellProblem(problem: string | undefined): void {
    if (problem === undefined) this.tellAble(true);
    this.session?.tellProblem(problem);
  }

  /** Whether this tab can load what it takes to lead: none gives way to one that cannot. */
  tellAble(canDeliver: boolean): void {
    if (this.canDeliver === canDeliver) return;
    this.canDeliver = canDeliver;
    this.sayHello();
  }

  /** This tab, which may lead, lacks what it takes: one that another build has brought may have it. */
  giveWay(): void {
    this.tellAble(false);
    this.session?.giveWay();
  }

  deleteHeld(replica: KeptReplica): Promise<void> {
    return this.options.link.delete(replica);
  }

  /** Everything in the store of this account is gone, the term, too. */
  emptied(): void {
    this.session?.end();
  }

  /** Somebody has led under this term, whatever the account's store knows. */
  private heardOf(later: number): void {
    this.term = Math.max(this.term, later);
    this.session?.end();
  }

  private get lockName(): string {
    return `${this.options.device.name}/leader`;
  }

  private async run(): Promise<void> {
    const { host, signal, link } = this.options;
    const present = this.bePresent();
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.compete();
        failures = 0;
      } catch (error) {
        if (!(error instanceof Superseded)) {
          host.report("leading the tabs stopped and begins again", error);
          link.lack(`no tab can lead the others: ${storeFailureText(error)}; trying again`);
          failures += 1;
        }
      }
      // Those who wait for the same store do not come back in one instant.
      await sleep(
        host.clock,
        PAUSE_MS + (failures && fullJitterMs(failures, host.random, FAILED_BACK_OFF)),
        signal,
      );
    }
    this.cancelWatch();
    await present;
  }

  /** A lock of its own, which is free when it is gone: the tab that leads waits for that. */
  private async bePresent(): Promise<void> {
    const { device, tab, signal, host } = this.options;
    try {
      await device.locks.hold(presenceName(device.name, tab), signal, () => {
        this.isPresent = true;
        this.options.channel.tell({ kind: "who leads" });
        return aborted(signal);
      });
    } catch (error) {
      host.report("the tabs cannot tell when this one is gone", error);
    }
  }

  /** In line for the lock, until this tab has led and does not any more, or is closed. */
  private async compete(): Promise<void> {
    const { locks } = this.options.device;
    const waiting = linkedController(this.options.signal);
    let isGranted = false;
    const silence = new Promise<void>((resolve) => {
      this.onSilent = resolve;
    });
    this.watch();
    const inLine = locks.hold(this.lockName, waiting.signal, (stolen) => {
      isGranted = true;
      return this.lead(stolen);
    });
    try {
      await Promise.race([inLine, silence]);
      if (isGranted) return await inLine;
      waiting.abort();
      await inLine;
      // It may have been granted at the last moment, and all is done.
      if (isGranted || this.options.signal.aborted) return;
      await locks.steal(this.lockName, (stolen) => this.lead(stolen));
    } finally {
      waiting.abort();
    }
  }

  private async lead(stolen: AbortSignal): Promise<void> {
    const { device, host, link, signal, begin, tab } = this.options;
    this.cancelWatch();
    const stop = linkedController(signal);
    const onStolen = (): void => stop.abort();
    stolen.addEventListener("abort", onStolen, { once: true });
    try {
      // By the time, which is more than terms there ever were: should the account's store be lost alone, the
      // replicas' stores would refuse every term that begins at 1 again. Where the clock was set back, they tell theirs.
      const term = await takeOver(device.outbox, Math.max(Math.floor(host.clock.now()), this.term + 1));
      await device.lead(term);
      if (stolen.aborted || signal.aborted || term < this.term) return;
      this.term = term;
      const session = begin(term, stop.signal);
      this.session = session;
      link.attach((hear) => {
        let hearLeader: (message: ToLeader) => void = () => undefined;
        const [mine, its] = joinedPorts<ToTab, ToLeader>(hear, (message) => hearLeader(message));
        session.serve(tab, true, (ear) => {
          hearLeader = ear;
          return its;
        });
        return mine;
      });
      this.moved.ring();
      this.beat(session);
      await session.ended;
    } finally {
      stolen.removeEventListener("abort", onStolen);
      stop.abort();
      this.session = undefined;
      device.follow(undefined);
      link.detach("this tab does not lead any more");
    }
  }

  private beat(session: LeaderSession): void {
    if (session.signal.aborted) return;
    this.tellOf(session);
    this.options.host.clock.setTimer(HEARTBEAT_MS, () => this.beat(session));
  }

  private tellOf({ term }: LeaderSession): void {
    this.options.channel.tell({ kind: "leads", leader: this.options.tab, term });
  }

  private hear(message: TabMessage): void {
    if (this.options.signal.aborted) return;
    const { session } = this;
    if (message.kind === "leads") return this.hearOf(message.term);
    if (session === undefined || session.signal.aborted) return;
    if (message.kind === "who leads") this.tellOf(session);
    if (message.kind === "hello" && message.term === session.term)
      this.welcome(session, message.tab, message.canDeliver !== false);
  }

  private hearOf(term: number): void {
    const { session } = this;
    const { device, link, tab, host } = this.options;
    // One that led before and has not noticed: it hears of us.
    if (session !== undefined && term < session.term) return this.tellOf(session);
    if (term < this.term) return;
    if (session !== undefined) {
      if (term > session.term) session.end();
      return;
    }
    this.watch();
    if (!this.isPresent) return;
    if (term > this.term || !link.isAttached) {
      this.term = term;
      device.follow(term);
      const name = linkName(device.name, tab, term);
      link.attach((hear) => host.openPort<ToTab | ToLeader>(name, (message) => hear(message as ToTab)));
    }
    if (!link.isWelcome) this.sayHello();
  }

  private sayHello(): void {
    const { term, canDeliver, options } = this;
    if (this.isPresent) options.channel.tell({ kind: "hello", tab: options.tab, term, canDeliver });
  }

  private welcome(session: LeaderSession, tab: string, canDeliver: boolean): void {
    if (session.greet(tab, canDeliver)) return;
    const { device, host } = this.options;
    const name = linkName(device.name, tab, session.term);
    const leave = session.serve(
      tab,
      false,
      (hear) => host.openPort<ToTab | ToLeader>(name, (message) => hear(message as ToLeader)),
      canDeliver,
    );
    device.locks
      .hold(presenceName(device.name, tab), session.signal, () => {
        leave();
        return Promise.resolve();
      })
      .catch((error: unknown) => host.report("it cannot be told when another tab is gone", error));
  }

  /** From the last sign of life on. */
  private watch(): void {
    this.cancelWatch();
    if (this.session !== undefined || this.options.signal.aborted) return;
    const { host, channel } = this.options;
    const { clock, random } = host;
    this.cancelWatch = clock.setTimer(SILENCE_MS, () => {
      channel.tell({ kind: "who leads" });
      const waitMs = ANSWER_MS.least + (ANSWER_MS.most - ANSWER_MS.least) * random();
      this.cancelWatch = clock.setTimer(waitMs, () => this.onSilent());
    });
  }
}

function presenceName(device: string, tab: string): string {
  return `${device}/tab/${tab}`;
}
