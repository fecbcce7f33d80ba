/** What the worker runs: one client, for the page that has started it. */
import { chunks, loadWhole } from "../chunks.ts";
import { CoreClient } from "../core/core-client.ts";
import type { CoreClientOptions } from "../core/core-client.ts";
import { openCore } from "../open-core.ts";
import { groundOf } from "../opening.ts";
import type { Opening } from "../opening.ts";
import { loadEngine } from "../load-engine.ts";
import { ServingChannel } from "./serving-channel.ts";
import type { ChannelPort } from "./channel.ts";
import { holdForLife } from "./life-lock.ts";
import { clientService } from "./client-service.ts";
import type { PageService } from "./start-worker.ts";

const service = {
  hold: holdForLife,

  /** Rejects when the engine cannot be had here; the page may have more luck. */
  prepare: async (engineUrl: string | undefined): Promise<void> => {
    await loadEngine(engineUrl);
  },

  open: async (opening: Opening) => {
    const ask = <Name extends keyof PageService>(name: Name) =>
      channel.callRoot(name) as ReturnType<PageService[Name]>;
    const { host, engine, ...options } = await groundOf(opening, {
      tokens: opening.isSignedIn ? () => ask("token") : undefined,
      persist: () => ask("persist").catch(() => false),
      signal: undefined,
    });
    const create = (parts: CoreClientOptions): CoreClient => new CoreClient(parts);
    return clientService(
      await openCore(host, {
        ...options,
        engine,
        wholeEngine: () => loadWhole(engine),
        code: chunks,
        create,
      }),
      chunks,
    );
  },
};

export type WorkerService = typeof service;

// What the page has said and could not be read, it waits for in vain: it is told by our end.
const channel = new ServingChannel(globalThis as unknown as ChannelPort, service, () => globalThis.close());
