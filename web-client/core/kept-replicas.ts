/** In the tab that leads: the replicas that other tabs keep, which this one writes for them. */
import type { Clock } from "../../log/clock.ts";
import type { ReplicaKeeper } from "./replica-client.ts";
import type { KeptReplica } from "./tab-link.ts";

export interface KeptReplicasOptions {
  readonly clock: Clock;
  readonly open: (replica: KeptReplica) => Promise<ReplicaKeeper>;
  readonly report: (what: string, error: unknown) => void;
}

/** After a replica could not be opened. */
const OPEN_AGAIN_MS = 5000;

export class KeptReplicas {
  private readonly options: KeptReplicasOptions;
  private readonly wanted = new Map<string, readonly KeptReplica[]>();
  /** What this tab's own app keeps: its own replica writes that, and shows how it is. */
  private own: readonly KeptReplica[] = [];
  private readonly keepers = new Map<string, Promise<ReplicaKeeper>>();
  private readonly closings = new Set<Promise<void>>();
  private isClosed = false;

  constructor(options: KeptReplicasOptions) {
    this.options = options;
  }

  /** All that a tab keeps, from now on; `isOwn`: the one that leads itself. */
  want({ name, isOwn }: { name: string; isOwn: boolean }, replicas: readonly KeptReplica[]): void {
    if (isOwn) this.own = replicas;
    else if (replicas.length === 0) this.wanted.delete(name);
    else this.wanted.set(name, replicas);
    this.reconcile();
  }

  /** Resolves when nothing that nobody wants any more is written. */
  async settled(): Promise<void> {
    while (this.closings.size > 0) await Promise.all(this.closings);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.wanted.clear();
    this.reconcile();
    await this.settled();
  }

  private reconcile(): void {
    const all = new Map([...this.wanted.values()].flat().map((replica) => [keyOf(replica), replica]));
    for (const replica of this.own) all.delete(keyOf(replica));
    for (const [key, keeper] of this.keepers) {
      if (all.has(key)) continue;
      this.keepers.delete(key);
      const closing = keeper
        .then((opened) => opened.close())
        .catch(() => undefined)
        .finally(() => this.closings.delete(closing));
      this.closings.add(closing);
    }
    for (const [key, replica] of all) {
      const keeper = this.keepers.get(key);
      if (keeper === undefined) this.open(key, replica);
      // How much is kept, whoever of the tabs has said it last.
      else keeper.then((opened) => opened.keep(replica.keep)).catch(() => undefined);
    }
  }

  private open(key: string, replica: KeptReplica): void {
    const { clock, open, report } = this.options;
    const keeper = open(replica);
    this.keepers.set(key, keeper);
    keeper.catch((error: unknown) => {
      if (this.keepers.get(key) === keeper) this.keepers.delete(key);
      if (this.isClosed) return;
      report(`what another tab keeps of ${replica.topic} cannot be written`, error);
      clock.setTimer(OPEN_AGAIN_MS, () => !this.isClosed && this.reconcile());
    });
  }
}

function keyOf({ clusterId, topicId, partitions, isWhole }: KeptReplica): string {
  return `${clusterId}/${topicId}/${isWhole ? "all" : partitions.join(",")}`;
}
