/** A tab's connection to the gateway, over the tab that leads; switched on and off for this tab alone. */
import { fullJitterMs, RETRY_BACK_OFF } from "../../sync/back-off.ts";
import { Connection } from "../../sync/connection.ts";
import { LiveConnection } from "../../sync/live-connection.ts";
import type { LiveConnectionOptions, UpstreamState } from "../../sync/live-connection.ts";
import { SWITCHED_OFF } from "../../sync/switched-off.ts";
import { Bell, sleep } from "../../sync/wait.ts";
import type { TabLink } from "./tab-link.ts";

export interface TabUpstreamOptions extends LiveConnectionOptions {
  link: TabLink;
  clientId: string;
}

const CONNECTING: UpstreamState = { name: "connecting", reason: undefined };

export class TabUpstream extends LiveConnection {
  private readonly options: TabUpstreamOptions;
  private readonly link: TabLink;
  private readonly moved = new Bell();
  private wanted: boolean;
  private failures = 0;
  /** Aborted to end an attempt early; replaced for each. */
  private attempt = new AbortController();
  private readonly running: Promise<void>;

  constructor(options: TabUpstreamOptions, startOffline: boolean) {
    super(options, startOffline ? { name: "offline", reason: SWITCHED_OFF } : CONNECTING);
    this.options = options;
    this.link = options.link;
    this.wanted = !startOffline;
    this.link.onTold(() => this.moved.ring());
    this.running = this.run();
  }

  override get token(): string | undefined {
    return this.link.token;
  }

  /** Reads and asks nothing any more until `goOnline`. */
  goOffline(): void {
    if (!this.wanted || this.isClosed()) return;
    this.wanted = false;
    this.attempt.abort();
    this.show({ name: "offline", reason: SWITCHED_OFF });
    this.current?.close(SWITCHED_OFF);
    this.link.setOnline(false);
    this.moved.ring();
  }

  goOnline(): void {
    if (this.wanted || this.isClosed()) return;
    this.wanted = true;
    this.show(CONNECTING);
    this.link.setOnline(true);
    this.moved.ring();
  }

  /** Resolves when nothing is under way any more. */
  async close(reason: string): Promise<void> {
    if (!this.isClosed()) {
      this.show({ name: "closed", reason });
      this.attempt.abort();
      this.current?.close(reason);
      this.moved.ring();
    }
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isClosed()) {
      const move = this.moved.next();
      const { state } = this.link;
      if (this.wanted && state.name === "live") {
        await this.connectOnce(move);
        continue;
      }
      // The tab that leads is closing, and another one will lead.
      if (this.wanted) this.show(state.name === "closed" ? CONNECTING : state);
      // A listener may have closed it just now.
      if (!this.isClosed()) await move;
    }
  }

  /** One connection's whole life. `move` resolves when something has changed since it was decided to connect. */
  private async connectOnce(move: Promise<void>): Promise<void> {
    this.attempt = new AbortController();
    const { signal } = this.attempt;
    const { link, clock, clientId } = this.options;
    let connection: Connection;
    try {
      connection = await Connection.open({ open: link.openTransport, clock, clientId }, signal);
    } catch {
      if (signal.aborted) return;
      // Where the other tab's connection has ended, its state says so.
      const waitMs = fullJitterMs(this.failures++, this.random, RETRY_BACK_OFF);
      await Promise.race([move, sleep(clock, waitMs, signal)]);
      return;
    }
    if (signal.aborted) return connection.close("no longer wanted");
    this.failures = 0;
    this.current = connection;
    this.show({ name: "live", reason: undefined });
    const reason = await connection.closed;
    this.current = undefined;
    if (!signal.aborted) this.show({ name: "connecting", reason });
  }

  private show(state: UpstreamState): void {
    if (state.name !== this.state.name || state.reason !== this.state.reason) this.setState(state);
  }
}
