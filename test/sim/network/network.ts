/** The network of one run: byte streams between processes, and what befalls them. */
import type { Process } from "../kernel/process.ts";
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import { Link, type End, type EndHandler } from "./link.ts";
import type { Pipe } from "./pipe.ts";

/** How bad it is. Rates are chances for each chunk of bytes that leaves; 0: never. */
export interface NetworkFaults {
  /** One way, in milliseconds: least and most. Most chunks take little more than the least. */
  readonly delayMs: readonly [least: number, most: number];
  /** A chunk takes seconds, and all behind it on its connection. */
  readonly stallRate: number;
  /** The connection breaks at any byte of what is under way; both sides hear of it. */
  readonly cutRate: number;
  /** Nothing passes any more, and neither side hears of it for a long while. */
  readonly halfOpenRate: number;
  /** One direction goes silent, for a while or until the connection is closed. */
  readonly oneWayRate: number;
  /** A new connection is refused, or nobody answers. */
  readonly refuseRate: number;
  /** Bytes that are taken for a receiver that does not read: least and most, drawn for each connection. */
  readonly windowBytes: readonly [least: number, most: number];
}

/** A network that only takes its time. */
export const quiet: NetworkFaults = {
  delayMs: [0.1, 5],
  stallRate: 0,
  cutRate: 0,
  halfOpenRate: 0,
  oneWayRate: 0,
  refuseRate: 0,
  windowBytes: [65_536, 65_536],
};

/** From a quiet network (0) to one on which hardly anything gets through at once (1). */
export function networkFaults(howBad: number): NetworkFaults {
  if (howBad === 0) return quiet;
  return {
    delayMs: [0.1, 5 + 200 * howBad],
    stallRate: 0.01 * howBad,
    cutRate: 0.01 * howBad,
    halfOpenRate: 0.002 * howBad,
    oneWayRate: 0.003 * howBad,
    refuseRate: 0.2 * howBad,
    windowBytes: [2048, 65_536],
  };
}

type Accept = (end: End) => EndHandler;
type Tap = (process: Process, message: Uint8Array) => void;

const STALL_MS: readonly [number, number] = [200, 8000];
const SILENT_MS: readonly [number, number] = [500, 40_000];
/** How long a system tries to reach somebody who does not answer. */
const UNANSWERED_MS: readonly [number, number] = [3000, 21_000];

export class Network {
  readonly world: World;
  private readonly random: Random;
  private faults: NetworkFaults;
  private readonly listeners = new Map<string, { readonly process: Process; readonly accept: Accept }>();
  private readonly links = new Set<Link>();
  /** Processes that have had a connection: when they die, their systems close for them. */
  private readonly known = new WeakSet<Process>();
  /** Names of machines without power: nothing answers for what ran on them. */
  private readonly dark = new Set<string>();
  private readonly offline = new Set<string>();
  private readonly taps = new Set<Tap>();

  constructor(world: World, faults: NetworkFaults) {
    this.world = world;
    this.random = world.random.fork("network");
    this.faults = faults;
  }

  /** Connections that somebody holds open. */
  get connections(): number {
    return this.links.size;
  }

  /** Bytes that a process has written and that its system has not taken: of the connections that others made to it. */
  bufferedBy(process: Process | undefined): number {
    let bytes = 0;
    for (const { server } of this.links) if (server?.process === process) bytes += server?.bufferedBytes ?? 0;
    return bytes;
  }

  /** Takes connections at an address, until the answer is called or the process dies. */
  listen(process: Process, address: string, accept: Accept): () => void {
    if (this.listeners.has(address)) throw new Error(`somebody listens at ${address} already`);
    if (this.dark.delete(process.name)) this.answerForTheDead(process.name);
    const listener = { process, accept };
    this.listeners.set(address, listener);
    const stop = (): void => {
      if (this.listeners.get(address) === listener) this.listeners.delete(address);
    };
    process.onKilled(stop);
    return stop;
  }

  /** Connects; the handler is told how it goes, never before this returns. */
  connect(process: Process, address: string, handler: EndHandler): End {
    const [least, most] = this.faults.windowBytes;
    const link = new Link(
      {
        world: this.world,
        random: this.random,
        name: `${process.name} - ${address}`,
        windowBytes: this.random.between(least, most),
        delayMs: () => this.delay(),
        left: (of, direction) => this.chunkLeft(of, direction),
        over: (of) => void this.links.delete(of),
      },
      process,
      handler,
    );
    this.links.add(link);
    this.watch(process);
    this.world.after(this.delay(), () => this.arriveAt(address, link));
    return link.client;
  }

  /** Breaks every connection that is open. */
  cutAll(): void {
    this.say("all connections", "cut");
    for (const link of this.links) link.break("the connection broke");
  }

  /** From now on nothing goes wrong: no more faults, nobody is offline, and what is silent breaks, so that it is noticed. */
  heal(): void {
    this.faults = { ...quiet, windowBytes: this.faults.windowBytes };
    this.offline.clear();
    for (const link of this.links) if (link.isSilent) link.break("the connection broke");
  }

  /**
   * Takes a device or a process off the network, or puts it back: its connections fall silent, and it reaches nobody.
   * `name` is a process's name, or what stands before the `/` in it.
   */
  setOffline(name: string, isOffline: boolean): void {
    if (isOffline === this.offline.has(name)) return;
    this.world.trace.say("network", `${name} is ${isOffline ? "offline" : "online again"}`);
    if (isOffline) {
      this.world.trace.count("network: offline");
      this.offline.add(name);
    } else this.offline.delete(name);
    for (const link of this.links) {
      const isTouched = [link.client, link.server].some(
        (end) => end !== undefined && this.namesOf(end.process).includes(name),
      );
      if (!isTouched) continue;
      if (isOffline) link.silenceBoth(Infinity);
      else if (this.random.chance(0.5)) link.unsilence();
      else link.break("the network changed");
    }
  }

  /**
   * The machine of a process loses power: call it before the process is killed. Nobody hears of it until the machine is
   * there again, or until they give up.
   */
  loseMachine(process: Process): void {
    this.dark.add(process.name);
    for (const link of this.links) {
      const end = [link.client, link.server].find((one) => one?.process === process);
      if (end === undefined || end.isClosed) continue;
      link.silenceBoth(Infinity);
      end.abandon();
    }
  }

  /** Calls `tap` with every whole request message as a client hands it to its transport; the answer takes it back. */
  onRequest(tap: Tap): () => void {
    this.taps.add(tap);
    return () => this.taps.delete(tap);
  }

  /** A client hands a request message to its transport. */
  requestLeaves(process: Process, message: Uint8Array): void {
    for (const tap of this.taps) tap(process, message);
  }

  private delay(): number {
    const { delayMs, stallRate } = this.faults;
    const delay = this.random.delay(...delayMs);
    if (!this.random.chance(stallRate)) return delay;
    this.world.trace.count("network: stalled");
    return delay + this.random.between(...STALL_MS);
  }

  private arriveAt(address: string, link: Link): void {
    const { client } = link;
    if (client.isClosed || link.isBroken) return;
    const listener = this.listeners.get(address);
    const answer = (delayMs: number, what: () => void): void => client.process.later(delayMs, what);
    const isUnanswered =
      this.isOffline(client.process) || [...this.dark].some((name) => address.includes(`//${name}:`));
    if (isUnanswered || this.random.chance(this.faults.refuseRate / 2)) {
      this.world.trace.count("network: not answered");
      return answer(this.random.between(...UNANSWERED_MS), () => client.lost(`${address} does not answer`));
    }
    if (listener === undefined || this.random.chance(this.faults.refuseRate / 2)) {
      this.world.trace.count("network: refused");
      return answer(this.delay(), () => client.lost(`${address} refuses`));
    }
    this.watch(listener.process);
    link.accept(listener.process, listener.accept);
    answer(this.delay(), () => client.opened());
  }

  /** Draws what goes wrong with the chunk that has just left. */
  private chunkLeft(link: Link, direction: Pipe): void {
    const { cutRate, halfOpenRate, oneWayRate } = this.faults;
    if (this.random.chance(cutRate)) {
      this.say(link.name, "cut");
      link.break("the connection broke");
    } else if (this.random.chance(halfOpenRate)) {
      this.say(link.name, "half open");
      link.silenceBoth(Infinity);
    } else if (this.random.chance(oneWayRate)) {
      this.say(link.name, "one way");
      link.silence([direction], this.random.chance(0.5) ? Infinity : this.random.between(...SILENT_MS));
    }
  }

  /** When the process dies, its system closes its connections. */
  private watch(process: Process): void {
    if (this.known.has(process)) return;
    this.known.add(process);
    process.onKilled(() => {
      for (const link of this.links) {
        for (const end of [link.client, link.server])
          if (end?.process === process && !end.isClosed) link.abandonedBy(end);
      }
    });
  }

  /** A machine is there again and knows nothing of the connections that it had: whoever sends something is told so. */
  private answerForTheDead(name: string): void {
    for (const link of this.links) {
      if ([link.client, link.server].some((end) => end?.process.name === name && end.isClosed))
        link.unsilence();
    }
  }

  private isOffline(process: Process): boolean {
    return this.namesOf(process).some((name) => this.offline.has(name));
  }

  private namesOf({ name }: Process): readonly string[] {
    return [name, name.split("/", 1)[0] ?? name];
  }

  private say(where: string, what: string): void {
    this.world.trace.say("network", `${what}: ${where}`);
    this.world.trace.count(`network: ${what}`);
  }
}
