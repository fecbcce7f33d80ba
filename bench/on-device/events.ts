/** What a web app logs of its users, as plain objects of about 110 bytes as JSON. The same seed makes the same ones everywhere. */
import { createRandom } from "../random.ts";

export interface DeviceEvent {
  readonly id: string;
  /** Milliseconds since the epoch; no two events have the same. */
  readonly at: number;
  readonly user: string;
  readonly page: string;
  readonly action: string;
  readonly ms: number;
}

const BEGIN_MS = Date.UTC(2026, 0, 5, 8);
const STEP_MS = 20;
const PAGES = ["/", "/lamps", "/kettles", "/bicycles", "/basket", "/checkout"];
const ACTIONS = ["view", "view", "view", "click", "click", "search", "buy"];

export function deviceEvents(seed: number, count: number): DeviceEvent[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => ({
    id: random.hex(16),
    at: BEGIN_MS + index * STEP_MS + random.below(STEP_MS),
    user: `user-${1000 + random.below(4000)}`,
    page: random.pick(PAGES),
    action: random.pick(ACTIONS),
    ms: random.below(40_000),
  }));
}
