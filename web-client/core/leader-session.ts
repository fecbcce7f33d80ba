/** While a tab leads, under one term: it has the connection, delivers the outbox, writes replicas, and serves all tabs. */
import { Metadata } from "../../sync/metadata.ts";
import type { DeliveryGround } from "../../sync/outbox.ts";
import { Superseded } from "../../sync/outbox-rows.ts";
import { Relay } from "../../sync/relay.ts";
import type { Tokens } from "../../sync/sign-in.ts";
import { SWITCHED_OFF } from "../../sync/switched-off.ts";
import { Upstream } from "../../sync/upstream.ts";
import { linkedController, sleep } from "../../sync/wait.ts";
import { errorText } from "../../sync/error-text.ts";
import type { ClientHost } from "./client-host.ts";
import { KeptReplicas } from "./kept-replicas.ts";
import type { LeadingGround } from "./leading.ts";
import type { ReplicaKeeper } from "./replica-client.ts";
import type { TabPort } from "./tab-channel.ts";
import type { KeptReplica, ToLeader, ToTab } from "./tab-link.ts";

export interface LeaderSessionOptions {
  readonly host: ClientHost;
  readonly term: number;
  readonly clientId: string;
  readonly tokens: Tokens | undefined;
  /** Ends the session; `Superseded` and the end of the client do, too. */
  readonly signal: AbortSignal;
  /** Delivers until the signal aborts; throws Superseded. */
  readonly deliver: (signal: AbortSignal, ground: DeliveryGround) => Promise<void>;
  readonly openReplica: (replica: KeptReplica, ground: LeadingGround) => Promise<ReplicaKeeper>;
  /** What is held of a replica that nobody keeps. */
  readonly deleteHeld: (replica: KeptReplica) => Promise<void>;
  readonly onMetadata: (metadata: Metadata) => void;
}

const ENDED = "this tab does not lead any more";
/** After delivery ended in an unexpected way. */
const DELIVERY_PAUSE_MS = 1000;

export class LeaderSession implements LeadingGround {
  readonly term: number;
  readonly upstream: Upstream;
  readonly metadata: Metadata;
  /** Resolves when nothing that the session began goes on any more. */
  readonly ended: Promise<void>;
  private readonly options: LeaderSessionOptions;
  private readonly controller: AbortController;
  private readonly kept: KeptReplicas;
  private readonly tabs = new Map<string, ServedTab>();
  private readonly work = new Set<Promise<void>>();
  private problem: string | undefined;

  constructor(options: LeaderSessionOptions) {
    const { host, term, clientId, tokens, signal, openReplica, onMetadata } = options;
    const { clock, random, openTransport: open, knock } = host;
    this.options = options;
    this.term = term;
    this.controller = linkedController(signal);
    const onSignedIn = (): void => this.tellState();
    // Off until a tab says that it wants the connection.
    this.upstream = new Upstream({ open, knock, clock, random, clientId, tokens, onSignedIn }, true);
    this.metadata = new Metadata(this.upstream);
    onMetadata(this.metadata);
    this.upstream.onState(() => this.tellState());
    host.onOnline(() => this.upstream.wake(), this.signal);
    const report = host.report;
    this.kept = new KeptReplicas({ clock, report, open: (replica) => openReplica(replica, this) });
    this.ended = this.run();
  }

  /** Aborts when the session is to end. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Serves a tab at the other end of what `join` opens, until the answer is called. `isOwn`: of the tab that leads itself. */
  serve(
    tab: string,
    isOwn: boolean,
    join: (hear: (message: ToLeader) => void) => TabPort<ToTab>,
    canDeliver = false,
  ): () => void {
    const port = join((message) => {
      if (!this.signal.aborted && this.tabs.get(tab) === served) this.hear(served, message);
    });
    const served: ServedTab = new ServedTab(tab, isOwn, port, canDeliver);
    this.forget(tab);
    this.tabs.set(tab, served);
    this.tellState([served]);
    return () => {
      if (this.tabs.get(tab) === served) this.forget(tab);
    };
  }

  /** Whether this tab is served; then it is told how things stand, and says whether it can deliver. */
  greet(tab: string, canDeliver: boolean): boolean {
    const served = this.tabs.get(tab);
    if (served === undefined) return false;
    served.canDeliver = canDeliver;
    this.tellState([served]);
    return true;
  }

  /** Its end waits for `work`, which ends when the session's signal aborts. */
  track(work: Promise<void>): void {
    this.work.add(work);
    void work.catch(() => undefined).then(() => this.work.delete(work));
  }

  /** By whoever delivers. */
  tellProblem(problem: string | undefined): void {
    if (this.problem === problem) return;
    this.problem = problem;
    this.tellState();
  }

  end(): void {
    this.controller.abort();
  }

  /** Ends where another tab may do better. While nobody is connected that one could do no more. */
  giveWay(): void {
    const isOther = [...this.tabs.values()].some(({ canDeliver }) => canDeliver);
    if (isOther && this.upstream.state.name === "live") this.end();
  }

  private async run(): Promise<void> {
    const { signal } = this;
    const { host, deliver } = this.options;
    // Delivery ends with its connection.
    const close = (): void => void this.upstream.close(ENDED);
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) close();
    while (!signal.aborted) {
      try {
        await deliver(signal, this);
      } catch (error) {
        if (error instanceof Superseded) break;
        host.report("delivery stopped and begins again", error);
      }
      await sleep(host.clock, DELIVERY_PAUSE_MS, signal);
    }
    this.controller.abort();
    await Promise.allSettled([this.upstream.close(ENDED), this.kept.close(), ...this.work]);
    for (const { port } of this.tabs.values()) port.close();
  }

  private forget(tab: string): void {
    const served = this.tabs.get(tab);
    if (served === undefined) return;
    this.tabs.delete(tab);
    served.relay?.close();
    served.port.close();
    this.kept.want(served, []);
    this.switchAsWanted();
  }

  private hear(tab: ServedTab, message: ToLeader): void {
    switch (message.kind) {
      case "wants":
        tab.online = message.online;
        this.kept.want(tab, message.replicas);
        return this.switchAsWanted();
      case "delete":
        return void this.delete(tab, message.request, message.replica);
      case "open":
        return this.open(tab, message.connection);
      case "frame":
        if (message.connection === tab.connection) tab.relay?.request(message.bytes);
        return;
      case "taken":
        if (message.connection === tab.connection) tab.relay?.taken(message.bytes);
        return;
      case "close":
        if (message.connection !== tab.connection) return;
        tab.relay?.close();
        tab.relay = undefined;
    }
  }

  /** There is a connection while any of the tabs wants it. */
  private switchAsWanted(): void {
    if (this.signal.aborted) return;
    if ([...this.tabs.values()].some(({ online }) => online)) this.upstream.goOnline();
    else this.upstream.goOffline();
  }

  private open(tab: ServedTab, number: number): void {
    tab.relay?.close();
    tab.connection = number;
    tab.relay = undefined;
    const { port } = tab;
    const { connection } = this.upstream;
    const closed = (reason: string): void => {
      port.post({ kind: "closed", connection: number, reason });
      // What has ended just now says so itself in a moment.
      if (this.upstream.connection?.isClosed !== true) this.tellState([tab]);
    };
    if (connection === undefined || connection.isClosed) return closed("not connected");
    tab.relay = new Relay(connection, {
      message: (bytes) => port.post({ kind: "frame", connection: number, bytes }),
      moved: (topicId, partition, offset) =>
        port.post({ kind: "moved", connection: number, topicId, partition, offset }),
      closed: (reason) => {
        if (tab.connection === number) closed(reason);
      },
    });
    port.post({ kind: "opened", connection: number });
  }

  private async delete({ port }: ServedTab, request: number, replica: KeptReplica): Promise<void> {
    let failure: string | undefined;
    try {
      await this.kept.settled();
      await this.options.deleteHeld(replica);
    } catch (error) {
      failure = errorText(error);
    }
    // Who leads next is asked again.
    if (!this.signal.aborted) port.post({ kind: "deleted", request, failure });
  }

  private tellState(tabs: Iterable<ServedTab> = this.tabs.values()): void {
    const { connection, state: its, token } = this.upstream;
    const { problem } = this;
    // It has ended just now, and says so itself in a moment; or nobody wanted it so far, and whoever is told may.
    const isPassing = connection?.isClosed === true || its.reason === SWITCHED_OFF;
    const state = isPassing ? { name: "connecting" as const, reason: undefined } : its;
    for (const { port } of tabs) port.post({ kind: "state", state, token, problem });
  }
}

class ServedTab {
  readonly name: string;
  readonly isOwn: boolean;
  readonly port: TabPort<ToTab>;
  online = false;
  /** As far as it has said; nobody asks that of the tab that leads. */
  canDeliver: boolean;
  /** The tab's last attempt to connect. */
  connection = 0;
  relay: Relay | undefined;

  constructor(name: string, isOwn: boolean, port: TabPort<ToTab>, canDeliver: boolean) {
    this.name = name;
    this.canDeliver = canDeliver;
    this.isOwn = isOwn;
    this.port = port;
  }
}
