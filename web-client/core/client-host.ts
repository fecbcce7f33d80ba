/** What a client needs of the host that it runs in: a browser's tab, or a simulated one. */
import type { Clock } from "../../log/clock.ts";
import type { HistorySource } from "../../sync/history.ts";
import type { OpenTransport } from "../../sync/transport.ts";
import type { Locks } from "./locks.ts";
import type { OpenPort } from "./tab-channel.ts";

/** Never rejects: what a host does not tell, or is not let to, is undefined or false. */
export interface HostStorage {
  /** Asks the host not to throw the stores away by itself. It may ask its user, or do as it likes. Answers whether it will not. */
  persist(): Promise<boolean>;
  persisted(): Promise<boolean | undefined>;
  /** In bytes. */
  estimate(): Promise<{ readonly usage?: number | undefined; readonly quota?: number | undefined }>;
}

export interface ClientHost {
  readonly clock: Clock;
  /** Answers [0, 1). */
  readonly random: () => number;
  /** Connects to the gateway. */
  readonly openTransport: OpenTransport;
  /** As `UpstreamOptions.knock`; left out where a failed attempt to connect costs nothing. */
  readonly knock?: () => Promise<unknown>;
  /** The gateway's history in bulk. */
  readonly history: HistorySource;
  /** Milliseconds since the epoch by the gateway's clock; rejects when it does not tell. */
  readonly serverTime: () => Promise<number>;
  /** Of all tabs that share a store; undefined where the host has none, and so can share no store. */
  readonly locks: Locks | undefined;
  /** For tabs that share a store: names begin with its name. */
  readonly openPort: OpenPort;
  /** Calls `listener` whenever there may be a network again, until the signal aborts. */
  readonly onOnline: (listener: () => void, signal: AbortSignal) => void;
  /** What the host says of the room for this origin's stores. */
  readonly storage: HostStorage;
  /** Something went on that should not have: for the eyes of a developer. */
  readonly report: (what: string, error: unknown) => void;
}
