/** IndexedDB for one run: fake-indexeddb's classes as globals, its tasks as events of the world. */
import {
  IDBCursor,
  IDBCursorWithValue,
  IDBDatabase,
  IDBFactory,
  IDBIndex,
  IDBKeyRange,
  IDBObjectStore,
  IDBOpenDBRequest,
  IDBRequest,
  IDBTransaction,
  IDBVersionChangeEvent,
} from "fake-indexeddb";
import type { World } from "../kernel/world.ts";
import { plainClone } from "./plain-clone.ts";
import { steerTransactions } from "./steering.ts";

const classes: Readonly<Record<string, unknown>> = {
  IDBCursor,
  IDBCursorWithValue,
  IDBDatabase,
  IDBFactory,
  IDBIndex,
  IDBKeyRange,
  IDBObjectStore,
  IDBOpenDBRequest,
  IDBRequest,
  IDBTransaction,
  IDBVersionChangeEvent,
};

/** What one task of a browser's storage waits for its turn, in milliseconds. */
const TASK_MS = [0.002, 0.05] as const;

/** For one run at a time. The answer puts the globals back as they were. */
export function installIndexedDb(world: World): () => void {
  const random = world.random.fork("IndexedDB");
  const tasks: (() => void)[] = [];
  const setImmediate = (task: () => void): void => {
    // In the order in which they were asked for, as in a browser: the time alone is drawn.
    tasks.push(task);
    world.after(random.delay(...TASK_MS), () => tasks.shift()?.());
  };
  const globals: Readonly<Record<string, unknown>> = {
    ...classes,
    setImmediate,
    structuredClone: plainClone,
  };
  const before = Object.keys(globals).map(
    (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
  );
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  const stopSteering = steerTransactions();
  return () => {
    stopSteering();
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) Reflect.deleteProperty(globalThis, name);
      else Object.defineProperty(globalThis, name, descriptor);
    }
  };
}
