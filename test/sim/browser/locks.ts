/** Web Locks of one device: who waits first gets it first, and a dead tab gives back what it had. */
import type { LockedWork, Locks } from "../../../web-client/core/locks.ts";
import type { Process } from "../kernel/process.ts";
import type { World } from "../kernel/world.ts";

/** A tab that has a lock, or waits for it. */
interface Claim {
  readonly process: Process;
  readonly granted: () => void;
  readonly stolen: AbortController;
}

/** What asking, granting and giving back take each, in milliseconds. */
const TURN_MS = [0.01, 1] as const;

export class DeviceLocks {
  private readonly world: World;
  /** By name: the first one has the lock. */
  private readonly claims = new Map<string, Claim[]>();

  constructor(world: World) {
    this.world = world;
  }

  /** The locks as one tab sees them. */
  of(process: Process): Locks {
    process.onKilled(() => this.releaseAll(process));
    const soon = (run: () => void): void => {
      this.world.after(process.random.delay(...TURN_MS), run);
    };
    const ask = (name: string, claim: Claim): void => {
      const queue = this.claims.get(name) ?? [];
      this.claims.set(name, queue);
      queue.push(claim);
      if (queue.length === 1) this.grant(claim);
    };
    const run = (name: string, claim: Claim, work: LockedWork): Promise<void> =>
      new Promise((resolve, reject) => {
        const giveBack = (settle: () => void): void =>
          soon(() => {
            this.release(name, claim);
            process.enter(settle);
          });
        work(claim.stolen.signal).then(
          () => giveBack(resolve),
          (error: Error) => giveBack(() => reject(error)),
        );
      });
    return {
      hold: (name, signal, work) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return resolve();
          const claim: Claim = {
            process,
            stolen: new AbortController(),
            granted: () => {
              signal.removeEventListener("abort", giveUp);
              run(name, claim, work).then(resolve, reject);
            },
          };
          const giveUp = (): void => {
            this.release(name, claim);
            resolve();
          };
          signal.addEventListener("abort", giveUp, { once: true });
          soon(() => {
            if (process.isAlive && !signal.aborted) ask(name, claim);
          });
        }),
      steal: (name, work) =>
        new Promise((resolve, reject) => {
          const claim: Claim = {
            process,
            stolen: new AbortController(),
            granted: () => void run(name, claim, work).then(resolve, reject),
          };
          soon(() => {
            if (process.isAlive) this.take(name, claim);
          });
        }),
    };
  }

  /** From whoever has it, who hears of it when it wakes. */
  private take(name: string, claim: Claim): void {
    const queue = this.claims.get(name) ?? [];
    this.claims.set(name, queue);
    const [robbed] = queue.splice(0, 1, claim);
    if (robbed !== undefined) {
      this.world.trace.count("tab: stole the lead");
      this.world.after(claim.process.random.delay(...TURN_MS), () =>
        robbed.process.enter(() => robbed.stolen.abort()),
      );
    }
    this.grant(claim);
  }

  /** The lock is its own from now on, also before it hears of it: a frozen tab keeps the others waiting. */
  private grant(claim: Claim): void {
    const { process } = claim;
    this.world.after(process.random.delay(...TURN_MS), () => process.enter(claim.granted));
  }

  private release(name: string, claim: Claim): void {
    const queue = this.claims.get(name) ?? [];
    const at = queue.indexOf(claim);
    if (at < 0) return;
    queue.splice(at, 1);
    const [next] = queue;
    if (next === undefined) this.claims.delete(name);
    else if (at === 0) this.grant(next);
  }

  private releaseAll(process: Process): void {
    for (const [name, queue] of this.claims) {
      const [holder, next] = queue;
      const isLead = name.endsWith("/leader");
      if (isLead && holder?.process === process && next !== undefined && next.process !== process)
        this.world.trace.count("tab: took over the lead");
      for (const claim of queue.filter((each) => each.process === process)) this.release(name, claim);
    }
  }
}
