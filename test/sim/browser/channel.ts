/** BroadcastChannel of one device: late, in order, lost for the dead, kept for the frozen. */
import type { OpenPort } from "../../../web-client/core/tab-channel.ts";
import type { Process } from "../kernel/process.ts";
import type { World } from "../kernel/world.ts";
import type { BrowserFaults } from "./faults.ts";

interface Ear {
  readonly process: Process;
  readonly hear: (message: unknown) => void;
  /** On their way, in order. */
  readonly inbox: unknown[];
}

export class DeviceChannels {
  private readonly world: World;
  private readonly faults: BrowserFaults;
  private readonly ears = new Map<string, Set<Ear>>();

  constructor(world: World, faults: BrowserFaults) {
    this.world = world;
    this.faults = faults;
  }

  /** How one tab joins the channels. */
  of(process: Process): OpenPort {
    return <Message>(name: string, hear: (message: Message) => void) => {
      const ears = this.ears.get(name) ?? new Set();
      this.ears.set(name, ears);
      const own: Ear = { process, hear: hear as (message: unknown) => void, inbox: [] };
      ears.add(own);
      const leave = (): void => void ears.delete(own);
      process.onKilled(leave);
      return {
        post: (message: Message) => {
          if (!process.isAlive) return;
          for (const ear of ears) if (ear !== own) this.send(ears, ear, structuredClone(message));
        },
        close: leave,
      };
    };
  }

  private send(ears: ReadonlySet<Ear>, ear: Ear, message: unknown): void {
    const { process, inbox, hear } = ear;
    inbox.push(message);
    const [least, most] = this.faults.messageMs;
    this.world.after(process.random.delay(least, most), () => {
      const next = inbox.shift();
      process.enter(() => {
        if (ears.has(ear)) hear(next);
      });
    });
  }
}
