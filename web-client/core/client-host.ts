/** What a client needs of the host that it runs in: a browser's tab, or a simulated one. */
import type { Clock } from "../../log/clock.ts";
import type { HistorySource } from "../../sync/history.ts";
import type { OpenTransport } from "../../sync/transport.ts";
import type { Locks } from "./locks.ts";
import type { TabMessage, TabPort } from "./tab-channel.ts";

export interface ClientHost {
  readonly clock: Clock;
  /** Answers [0, 1). */
  readonly random: () => number;
  /** Connects to the gateway. */
  readonly openTransport: OpenTransport;
  /** The gateway's history in bulk. */
  readonly history: HistorySource;
  /** Milliseconds since the epoch by the gateway's clock; rejects when it does not tell. */
  readonly serverTime: () => Promise<number>;
  /** Of all tabs that share a store; undefined where the host has none, and so can share no store. */
  readonly locks: Locks | undefined;
  /** Joins the tabs that share the store of this name; `hear` gets what the others post. */
  readonly openPort: (name: string, hear: (message: TabMessage) => void) => TabPort;
  /** Calls `listener` whenever there may be a network again, until the signal aborts. */
  readonly onOnline: (listener: () => void, signal: AbortSignal) => void;
  /** Asks the host not to throw the store away. Never throws; the host may do as it likes. */
  readonly persist: () => void;
  /** Something went on that should not have: for the eyes of a developer. */
  readonly report: (what: string, error: unknown) => void;
}
