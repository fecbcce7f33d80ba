import type { Engine } from "../log/engine.ts";
import type { WasmRecordEngine } from "../log/wasm-record-engine.ts";
import type { ClientCode } from "./client-code.ts";

/** A client's code, and what shows it to the page, in the chunks that a worker fetches when they are needed. */
export const chunks = {
  admin: () => import("./core/admin/admin-client.ts"),
  delivery: () => import("../sync/delivery.ts"),
  groups: () => import("./remote/groups.ts"),
  history: () => import("../sync/bulk-history.ts"),
  memory: () => import("./core/memory-device.ts"),
  pending: () => import("./core/pending.ts"),
  replicaDatabase: () => import("./replica-database.ts"),
  replicas: () => import("./remote/replicas.ts"),
} satisfies ClientCode;

/** What only replicas need of the engine. */
export async function loadWhole(engine: WasmRecordEngine): Promise<Engine> {
  return (await import("../log/wasm-engine.ts")).wholeEngine(engine);
}
