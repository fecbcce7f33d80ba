import { expect, test } from "vitest";
import { ReplicaHandle, ReplicaNews } from "../../web-client/core/replica-handle.ts";

/** Counts who hears. */
function setUp() {
  const news = new ReplicaNews();
  let hearing = 0;
  const hear = news.hear.bind(news);
  news.hear = (listener) => {
    const stop = hear(listener);
    hearing += 1;
    return () => {
      hearing -= 1;
      stop();
    };
  };
  const heard: string[] = [];
  const listener =
    (name: string) =>
    ({ type }: Event): void =>
      void heard.push(`${name} ${type}`);
  return { news, handle: new ReplicaHandle(news), heard, listener, hearing: () => hearing };
}

test("a replica's handle that nobody listens to any more is held by nothing: each component that came and went was kept", () => {
  const { news, handle, heard, listener, hearing } = setUp();
  const [one, two] = [listener("one"), listener("two")];
  const stop = new AbortController();
  expect(hearing()).toBe(0);
  handle.addEventListener("progress", one);
  handle.addEventListener("progress", one);
  handle.addEventListener("gap", two, { signal: stop.signal });
  handle.addEventListener("rebuild", two, { once: true });
  news.progress();
  news.gap({ partition: 0, from: 0n, to: 1n });
  expect(heard.splice(0)).toEqual(["one progress", "two gap"]);
  handle.removeEventListener("progress", one);
  news.progress();
  expect(heard).toEqual([]);
  stop.abort();
  expect(hearing()).toBe(1);
  news.rebuild({ partition: 0, reason: "why" });
  expect(heard.splice(0)).toEqual(["two rebuild"]);
  expect(hearing()).toBe(0);
  handle.addEventListener("progress", one, { signal: stop.signal });
  expect(hearing()).toBe(0);
  handle.addEventListener("progress", two);
  news.progress();
  expect(heard).toEqual(["two progress"]);
  handle.removeEventListener("progress", two);
  expect(hearing()).toBe(0);
});
