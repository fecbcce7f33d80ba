/**
 * Made-up click-stream events as JSON: the data that web teams log most, with the repetition it really has (few users
 * make most events; sessions, user agents and campaigns come again, ids and times do not). The same seed makes the same
 * bytes everywhere.
 */
import { createRandom, type Random } from "./random.ts";

const EVENT_TYPES = ["view", "view", "view", "view", "click", "click", "search", "add_to_basket", "purchase"];
const GOODS = [
  "lamp",
  "kettle",
  "bicycle",
  "notebook",
  "raincoat",
  "headphones",
  "tent",
  "teapot",
  "desk",
  "blanket",
];
const LANGUAGES = ["en-GB", "en-US", "de-DE", "fr-FR", "pl-PL", "pt-BR", "ja-JP"];
const CAMPAIGNS = ["spring", "newsletter", "brand", "returning", "influencer", "none"];
const SCREENS = [[1920, 1080], [1440, 900], [1366, 768], [390, 844], [412, 915]]; // prettier-ignore
const USERS = 4000;
const BEGIN_MS = Date.UTC(2026, 0, 5, 8);

interface User {
  readonly id: string;
  readonly session: string;
  readonly language: string;
  readonly agent: string;
  readonly screen: readonly number[];
  readonly address: string;
}

/** An endless stream of events, as JSON texts in time order. */
export function* clickStream(seed: number): Generator<string, never> {
  const random = createRandom(seed);
  const users = Array.from({ length: USERS }, () => makeUser(random));
  let timeMs = BEGIN_MS;
  for (;;) {
    timeMs += random.below(15);
    // The product of two uniform numbers: a few users make most of the events.
    const user = users[Math.floor(random.next() * random.next() * USERS)];
    if (user !== undefined) yield JSON.stringify(makeEvent(random, user, timeMs));
  }
}

/** Exactly `bytes` bytes of events, one a line; the last line may be cut. */
export function clickStreamBytes(seed: number, bytes: number): Uint8Array {
  const lines: string[] = [];
  let made = 0;
  for (const event of clickStream(seed)) {
    lines.push(event, "\n");
    made += event.length + 1;
    if (made >= bytes) break;
  }
  // A copy of its own: a Buffer's memory may be shared with other Buffers.
  return Uint8Array.from(Buffer.from(lines.join("")).subarray(0, bytes));
}

/** `count` values of exactly `bytesEach` bytes: several events in a JSON array, filled up with spaces. */
export function clickStreamRecords(seed: number, count: number, bytesEach: number): Uint8Array[] {
  const events = clickStream(seed);
  return Array.from({ length: count }, () => {
    const held: string[] = [];
    let bytes = 2;
    for (;;) {
      const event = events.next().value;
      if (bytes + event.length + 1 > bytesEach) break;
      held.push(event);
      bytes += event.length + 1;
    }
    return Uint8Array.from(Buffer.from(`[${held.join(",")}]`.padEnd(bytesEach)));
  });
}

function makeUser(random: Random): User {
  const version = 118 + random.below(16);
  const agents = [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`,
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.${random.below(7)} Safari/605.1.15`,
    `Mozilla/5.0 (X11; Linux x86_64; rv:${version}.0) Gecko/20100101 Firefox/${version}.0`,
    `Mozilla/5.0 (iPhone; CPU iPhone OS 17_${random.below(7)} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148`,
  ];
  return {
    id: `user-${100_000 + random.below(900_000)}`,
    session: random.hex(32),
    language: random.pick(LANGUAGES),
    agent: random.pick(agents),
    screen: random.pick(SCREENS),
    address: `198.51.${random.below(256)}.${random.below(256)}`,
  };
}

function makeEvent(random: Random, user: User, timeMs: number): object {
  const type = random.pick(EVENT_TYPES);
  const item = random.pick(GOODS);
  const page = {
    url: `https://shop.example/${user.language.slice(0, 2)}/${item}/${random.below(50_000)}?campaign=${random.pick(CAMPAIGNS)}`,
    referrer:
      random.next() < 0.4 ? "https://search.example/" : `https://shop.example/list/${random.pick(GOODS)}`,
  };
  const event = {
    id: random.hex(24),
    at: new Date(timeMs).toISOString(),
    type,
    user: user.id,
    session: user.session,
  };
  const device = { agent: user.agent, language: user.language, screen: user.screen, address: user.address };
  const sold = type === "purchase" || type === "add_to_basket";
  return {
    ...event,
    ...page,
    device,
    position: [random.below(1920), random.below(4000)],
    dwellMs: random.below(40_000),
    ...(sold
      ? {
          items: [
            {
              sku: `SKU-${random.below(90_000)}`,
              quantity: 1 + random.below(3),
              cents: random.below(30_000),
            },
          ],
        }
      : {}),
  };
}
