/** The network of one run: byte streams between processes, and what befalls them. */
import type { Process } from "../kernel/process.ts";
import type { World } from "../kernel/world.ts";

/** How bad it is. Rates are chances for each piece that is under way; 0: never. */
export interface NetworkFaults {
  /** One way, in milliseconds: least and most. Most pieces take little more than the least. */
  readonly delayMs: readonly [least: number, most: number];
  /** A piece takes seconds, and all behind it on its connection. */
  readonly stallRate: number;
  /** The connection breaks at any byte of a piece; both sides hear of it. */
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

export class Network {
  readonly world: World;
  readonly faults: NetworkFaults;

  constructor(world: World, faults: NetworkFaults) {
    this.world = world;
    this.faults = faults;
  }

  /** Breaks every connection that is open. */
  cutAll(): void {
    throw new Error("follows");
  }

  /** From now on nothing goes wrong: no more faults, nobody is offline, and what is silent is broken so that it is noticed. */
  heal(): void {
    throw new Error("follows");
  }

  /**
   * Takes a device or a process off the network, or puts it back: its connections fall silent, and it reaches nobody.
   * `name` is a process's name, or what stands before the `/` in it.
   */
  setOffline(name: string, isOffline: boolean): void {
    throw new Error(`follows: ${name} ${isOffline}`);
  }

  /** Calls `tap` with every whole request message as a client hands it to its transport; the answer takes it back. */
  onRequest(tap: (process: Process, message: Uint8Array) => void): () => void {
    throw new Error(`follows: ${typeof tap}`);
  }
}
