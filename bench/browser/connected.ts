/** The SDK as a bench's page uses it. */
import type { Rivulet } from "../../web-client/index.ts";

/** Resolves when the client is connected. */
export async function isLive(rivulet: Rivulet): Promise<void> {
  for await (const { name, reason } of rivulet.states()) {
    if (name === "live") return;
    if (name === "closed") throw new Error(`the client closed: ${reason}`);
  }
}

/** Deletes all that the origin keeps in IndexedDB, so that no round finds what an earlier one has left. */
export async function deleteDatabases(): Promise<void> {
  for (const { name } of await indexedDB.databases()) {
    if (name === undefined) continue;
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.addEventListener("success", () => resolve());
      request.addEventListener("error", () => reject(request.error ?? new Error(`${name} is not deleted`)));
      request.addEventListener("blocked", () => reject(new Error(`${name} is still open`)));
    });
  }
}
