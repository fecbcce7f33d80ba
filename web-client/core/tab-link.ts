/**
 * A tab's line to the tab that leads, which may be itself: the connection to the gateway, whole frames as on a socket of its
 * own, and what both have to know of each other. A leader has a channel of its own with each tab, so that what is sent to
 * one is copied for nobody else.
 */
import type { UpstreamState } from "../../sync/live-connection.ts";
import type { OpenTransport, TransportHandler } from "../../sync/transport.ts";
import { deferred } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";
import type { Keep } from "./api.ts";
import type { TabPort } from "./tab-channel.ts";

/** A replica that somebody keeps. */
export interface KeptReplica {
  readonly clusterId: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly number[];
  /** All partitions are kept: those that the topic gets later, too. */
  readonly isWhole: boolean;
  readonly keep: Keep;
}

/** `connection` counts the tab's attempts to connect: what is said of an earlier one comes too late. */
export type ToLeader =
  /** What this tab wants at present. */
  | { readonly kind: "wants"; readonly online: boolean; readonly replicas: readonly KeptReplica[] }
  | { readonly kind: "open"; readonly connection: number }
  | { readonly kind: "frame"; readonly connection: number; readonly bytes: Uint8Array }
  /** So many bytes of what was sent have been taken in. */
  | { readonly kind: "taken"; readonly connection: number; readonly bytes: number }
  | { readonly kind: "close"; readonly connection: number }
  /** Answered when what is held is gone, as far as nobody else keeps it. */
  | { readonly kind: "delete"; readonly request: number; readonly replica: KeptReplica };

export type ToTab =
  /** First of all, and at each change. */
  | {
      readonly kind: "state";
      readonly state: UpstreamState;
      /** What HTTP is asked with. */
      readonly token: string | undefined;
      /** Why delivery does not get on. */
      readonly problem: string | undefined;
    }
  | { readonly kind: "opened"; readonly connection: number }
  | { readonly kind: "frame"; readonly connection: number; readonly bytes: Uint8Array }
  | {
      readonly kind: "moved";
      readonly connection: number;
      readonly topicId: string;
      readonly partition: number;
      readonly offset: bigint;
    }
  | { readonly kind: "closed"; readonly connection: number; readonly reason: string }
  /** `failure`: why it is still there. */
  | { readonly kind: "deleted"; readonly request: number; readonly failure: string | undefined };

/** Names the channel of one tab with the one that leads under `term`: one that led before, and is frozen, hears nothing of it. */
export function linkName(device: string, tab: string, term: number): string {
  return `${device}/link/${tab}/${term}`;
}

/** What is taken in is told whenever it has come to so much. */
const TAKEN_BYTES = 256 * 1024;

interface OpenConnection {
  readonly number: number;
  readonly handler: TransportHandler;
  untoldBytes: number;
}

interface Deletion {
  readonly replica: KeptReplica;
  readonly done: Deferred<void>;
}

export class TabLink {
  private port: TabPort<ToLeader> | undefined;
  private told: Extract<ToTab, { kind: "state" }> | undefined;
  private lacking: string | undefined;
  private readonly listeners = new Set<() => void>();
  private connections = 0;
  private current: OpenConnection | undefined;
  private online: boolean;
  private replicas: readonly KeptReplica[] = [];
  private deletions = 0;
  private readonly deleting = new Map<number, Deletion>();

  constructor(online: boolean) {
    this.online = online;
  }

  /** Whether some tab is known to lead. */
  get isAttached(): boolean {
    return this.port !== undefined;
  }

  /** Whether the tab that leads has answered. */
  get isWelcome(): boolean {
    return this.told !== undefined;
  }

  /** How the connection of the tab that leads stands. */
  get state(): UpstreamState {
    return this.told?.state ?? { name: "connecting", reason: this.lacking };
  }

  get token(): string | undefined {
    return this.told?.token;
  }

  get problem(): string | undefined {
    return this.told?.problem;
  }

  /** Calls `listener` whenever something of the above has changed. */
  onTold(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Nobody is known to lead, and this is why; undefined: there may be somebody in a moment. */
  lack(reason: string | undefined): void {
    this.lacking = reason;
    this.tell();
  }

  /** Another tab leads now, or this one. What was open with the one before is closed. */
  attach(join: (hear: (message: ToTab) => void) => TabPort<ToLeader>): void {
    this.lacking = undefined;
    this.detach("another tab leads now");
    const port = join((message) => {
      if (this.port === port) this.hear(message);
    });
    this.port = port;
  }

  /** Nobody is known to lead. */
  detach(reason: string): void {
    this.port?.close();
    this.port = undefined;
    this.told = undefined;
    this.drop(reason);
    this.tell();
  }

  /** The gateway, by the connection of the tab that leads: one at a time. */
  readonly openTransport: OpenTransport = (handler) => {
    this.drop("opened anew");
    const number = ++this.connections;
    const mine: OpenConnection = { number, handler, untoldBytes: 0 };
    this.current = mine;
    this.port?.post({ kind: "open", connection: number });
    return {
      send: (bytes) => {
        if (this.current === mine)
          this.port?.post({ kind: "frame", connection: number, bytes: wholeMemory(bytes) });
      },
      close: () => {
        if (this.current !== mine) return;
        this.port?.post({ kind: "close", connection: number });
        this.drop("closed by this side");
      },
    };
  };

  setOnline(online: boolean): void {
    this.online = online;
    this.tellWants();
  }

  keep(replicas: readonly KeptReplica[]): void {
    this.replicas = replicas;
    this.tellWants();
  }

  /** Deletes what is held of a replica, as far as nobody keeps it; by the tab that leads, now or later. Rejects when the store fails. */
  delete(replica: KeptReplica): Promise<void> {
    const request = ++this.deletions;
    const done = deferred<void>();
    this.deleting.set(request, { replica, done });
    if (this.isWelcome) this.port?.post({ kind: "delete", request, replica });
    return done.promise;
  }

  /** The tab closes. */
  close(reason: string): void {
    this.detach(reason);
    for (const { done } of this.deleting.values()) done.reject(new Error(`not deleted: ${reason}`));
    this.deleting.clear();
  }

  private hear(message: ToTab): void {
    if (message.kind === "state") return this.hearState(message);
    if (message.kind === "deleted") return this.hearDeleted(message);
    const { current } = this;
    if (current === undefined || message.connection !== current.number) return;
    const { handler } = current;
    switch (message.kind) {
      case "opened":
        return handler.opened();
      case "frame":
        handler.message(message.bytes);
        return this.tookIn(current, message.bytes.byteLength);
      case "moved":
        return handler.moved?.(message.topicId, message.partition, message.offset);
      case "closed": {
        const { reason } = message;
        // Until the tab that leads says how it stands.
        if (this.told !== undefined) this.told = { ...this.told, state: { name: "connecting", reason } };
        return this.drop(reason);
      }
    }
  }

  private hearState(message: Extract<ToTab, { kind: "state" }>): void {
    const isFirst = this.told === undefined;
    this.told = message;
    if (isFirst) {
      this.tellWants();
      for (const [request, { replica }] of this.deleting)
        this.port?.post({ kind: "delete", request, replica });
    }
    this.tell();
  }

  private hearDeleted({ request, failure }: Extract<ToTab, { kind: "deleted" }>): void {
    const deletion = this.deleting.get(request);
    this.deleting.delete(request);
    if (failure === undefined) deletion?.done.resolve();
    else deletion?.done.reject(new Error(failure));
  }

  private tookIn(connection: OpenConnection, bytes: number): void {
    connection.untoldBytes += bytes;
    if (connection.untoldBytes < TAKEN_BYTES || this.current !== connection) return;
    this.port?.post({ kind: "taken", connection: connection.number, bytes: connection.untoldBytes });
    connection.untoldBytes = 0;
  }

  private drop(reason: string): void {
    const { current } = this;
    this.current = undefined;
    current?.handler.closed(reason);
  }

  private tellWants(): void {
    const { online, replicas } = this;
    if (this.isWelcome) this.port?.post({ kind: "wants", online, replicas });
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

/** Two ends within one tab: what is posted at one is heard at the other, in order, a turn later, and not copied. */
export function joinedPorts<A, B>(
  hearA: (message: A) => void,
  hearB: (message: B) => void,
): [a: TabPort<B>, b: TabPort<A>] {
  let isOpen = true;
  const close = (): void => void (isOpen = false);
  const post =
    <M>(hear: (message: M) => void) =>
    (message: M): void => {
      void Promise.resolve().then(() => isOpen && hear(message));
    };
  return [
    { post: post(hearB), close },
    { post: post(hearA), close },
  ];
}

/** Of a view on part of a memory all of the memory would be copied. */
function wholeMemory(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
