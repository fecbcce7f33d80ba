import type { Engine } from "../log/engine.ts";
import type { WasmRecordEngine } from "../log/wasm-record-engine.ts";
import type { ClientCode } from "./client-code.ts";

/** A client's code in the chunks that a worker fetches when they are needed. */
export const chunks: ClientCode = {
  admin: () => import("./core/admin/admin-client.ts"),
  delivery: () => import("../sync/delivery.ts"),
  groups: () => import("./core/group/group-client.ts"),
  history: () => import("../sync/bulk-history.ts"),
  memory: () => import("./core/memory-device.ts"),
  pending: () => import("./core/pending.ts"),
  replicaDatabase: () => import("./replica-database.ts"),
  replicas: () => import("./core/replicas.ts"),
};

/** What only replicas need of the engine. */
export async function loadWhole(engine: WasmRecordEngine): Promise<Engine> {
  return (await import("../log/wasm-engine.ts")).wholeEngine(engine);
}
