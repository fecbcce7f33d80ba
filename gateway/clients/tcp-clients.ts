import type { TcpClient } from "./tcp-client.ts";

/** How often `sweep` is to be called, in milliseconds. */
export const SWEEP_MS = 1000;
/** Who does nothing is looked at in one sweep of so many: it is only to see whether that has been so for ten minutes. */
const IDLE_SWEEPS = 30;

/**
 * The deadlines of all TCP clients, on one timer of its owner's. A client with nothing under way costs next to nothing:
 * neither a timer nor a look each second.
 */
export class TcpClients {
  private readonly clients = new Set<TcpClient>();
  private readonly busy = new Set<TcpClient>();
  private sweeps = 0;

  /** Clients that are there. */
  get size(): number {
    return this.clients.size;
  }

  [Symbol.iterator](): Iterator<TcpClient> {
    return this.clients.values();
  }

  add(client: TcpClient): void {
    this.clients.add(client);
  }

  delete(client: TcpClient): void {
    this.clients.delete(client);
    this.busy.delete(client);
  }

  /** The client has something under way from now on. */
  watch(client: TcpClient): void {
    this.busy.add(client);
  }

  sweep(): void {
    for (const client of this.busy) if (!client.sweep()) this.busy.delete(client);
    if (++this.sweeps % IDLE_SWEEPS !== 0) return;
    for (const client of this.clients) client.sweepIdle();
  }
}
