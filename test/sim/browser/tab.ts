/** One tab: the SDK as `connect` puts it together, with a simulated browser for its host. */
import type { RunFate } from "../../../sync/outbox.ts";
import type { RecordRun } from "../../../sync/record-run.ts";
import type { Rivulet } from "../../../web-client/core/api.ts";
import type { CoreClient } from "../../../web-client/core/core-client.ts";
import type { Process } from "../kernel/process.ts";

/** What a client keeps to itself, and no app needs. */
interface InnerClient {
  readonly parts: { readonly device: { topics(): ReadonlyMap<string, { readonly id: string }> } };
  readonly publishRun: CoreClient["publishRun"];
}

export class Tab {
  readonly name: string;
  readonly principal: string;
  readonly process: Process;
  readonly client: Rivulet;
  private isClosing = false;

  constructor(principal: string, process: Process, client: Rivulet) {
    this.name = process.name;
    this.principal = principal;
    this.process = process;
    this.client = client;
  }

  /** Neither dead nor being closed. A tab whose store was thrown away is open still (see `isLost`). */
  get isOpen(): boolean {
    return this.process.isAlive && !this.isClosing;
  }

  /** Its client has closed itself: the browser has taken the store away, and somebody has to reload the page. */
  get isLost(): boolean {
    return this.isOpen && this.client.state.name === "closed";
  }

  /** The id that its client knows a topic by: what is published now is meant for that one. */
  knownTopicId(name: string): string | undefined {
    const { parts } = this.client as Rivulet & InnerClient;
    return parts.device.topics().get(name)?.id;
  }

  /** As a worker publishes for its page. */
  publishRun(topic: string, run: RecordRun, fate: RunFate): Promise<readonly number[]> {
    return (this.client as Rivulet & InnerClient as InnerClient).publishRun(topic, run, fate);
  }

  /** Dies between two instructions. Nothing in it goes on, and no promise of its client settles any more. */
  crash(): void {
    if (!this.process.isAlive) return;
    const { trace } = this.process.world;
    trace.say(this.name, "crashes");
    trace.count("tab: crashed");
    this.process.kill();
  }

  /** Stands still, and keeps its locks, until it wakes. */
  freeze(): void {
    if (!this.process.isAlive || this.process.isFrozen) return;
    const { trace } = this.process.world;
    trace.say(this.name, "freezes");
    trace.count("tab: frozen");
    this.process.freeze();
  }

  wake(): void {
    if (!this.process.isAlive || !this.process.isFrozen) return;
    this.process.world.trace.say(this.name, "wakes");
    this.process.wake();
  }

  /** Closes the client, then the tab. Resolves also when it dies meanwhile; rejects as the client's `close` does. */
  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isClosing = true;
    const died = new Promise<void>((resolve) => this.process.onKilled(resolve));
    try {
      await Promise.race([this.client.close(), died]);
    } finally {
      this.process.kill();
    }
  }
}
