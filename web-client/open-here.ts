/** Opens a client in the page itself, where no worker can be started: all its code comes as one. */
import { wholeEngine } from "../log/wasm-engine.ts";
import type { RivuletClient } from "./core/rivulet-client.ts";
import { openClient } from "./open-client.ts";
import { groundOf } from "./opening.ts";
import type { OfPage, Opening } from "./opening.ts";

export async function openHere(opening: Opening, page: OfPage): Promise<RivuletClient> {
  const { host, engine, ...options } = await groundOf(opening, page);
  return openClient(host, { ...options, engine: wholeEngine(engine) });
}
