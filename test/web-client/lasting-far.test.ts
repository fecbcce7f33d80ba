/** What a page has of its client's worker when that ends and another one takes its place, over real MessageChannels. */
import { afterEach, expect, test } from "vitest";
import { AskingChannel } from "../../web-client/remote/asking-channel.ts";
import { LastingFar } from "../../web-client/remote/lasting-far.ts";
import { countOf } from "../../sync/record-run.ts";
import type { RecordRun } from "../../sync/record-run.ts";
import { Publisher } from "../../web-client/remote/publishing.ts";
import type { Outcome } from "../../web-client/remote/publishing.ts";
import { Exposed } from "../../web-client/remote/service.ts";
import { ServingChannel } from "../../web-client/remote/serving-channel.ts";
import type { Far, Service, Tell } from "../../web-client/remote/service.ts";

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

const NEVER = new Promise<never>(() => undefined);

/** A worker with this service, and its end: what is under way then fails with `lost`. */
function worker<S extends Service>(
  service: S,
): { far: Far<S, undefined, Record<string, never>>; die: () => void } {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const page = new AskingChannel(port1, {});
  const channel = new ServingChannel(port2, service);
  port1.start();
  port2.start();
  const die = (): void => {
    channel.close(new Error("dead"), false);
    page.close(new Error("lost"), false);
  };
  return { far: page.root<S>(), die };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const item of items) got.push(item);
  return got;
}

function asked(name: string) {
  const told: string[] = [];
  const service = {
    ask: (what: string) => {
      told.push(what);
      return Promise.resolve(`${name}: ${what}`);
    },
    wait: (): Promise<string> => NEVER,
    count: async function* (_ended: AbortSignal, to: number) {
      for (let at = 0; at < to; at++) yield `${name}: ${at}`;
    },
  };
  return { told, service };
}

test("what is under way when a worker ends fails, and what is asked from that moment on waits for the next, in order", async () => {
  const [first, second] = [asked("first"), asked("second")];
  const { far, die } = worker(first.service);
  const lasting = new LastingFar(far);
  expect(await lasting.call("ask", "a")).toBe("first: a");
  // Whoever hears of the end, and asks again at once, is not sent to the dead.
  const again = lasting.call("wait").catch(() => lasting.call("ask", "b"));
  die();
  const later = [lasting.call("ask", "c"), lasting.call("ask", "d")];
  const counted = all(lasting.stream("count", undefined, 3));
  const stopped = new AbortController();
  const left = all(lasting.stream("count", stopped.signal, 3));
  stopped.abort();
  expect(await left).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve));
  expect(lasting.isPaused).toBe(true);
  lasting.resume(worker(second.service).far);
  const last = lasting.call("ask", "e");
  expect(await Promise.all([...later, again, last])).toEqual(
    ["c", "d", "b", "e"].map((what) => `second: ${what}`),
  );
  expect(await counted).toEqual(["second: 0", "second: 1", "second: 2"]);
  expect(second.told.at(-1)).toBe("e");
  expect(second.told.indexOf("c")).toBeLessThan(second.told.indexOf("d"));
  expect(first.told).toEqual(["a"]);
});

test("what is published while one worker takes the place of another keeps its order", async () => {
  const told: string[] = [];
  const service = {
    publish: async function* (_ended: AbortSignal, topic: string, run: RecordRun) {
      told.push(topic);
      yield [{ kind: "queued", ids: Array.from({ length: countOf(run) }, () => 1) }] satisfies Outcome[];
    },
    fates: async function* (_ended: AbortSignal, _ids: readonly number[]): AsyncGenerator<Outcome[]> {},
  };
  const first = worker(service);
  const lasting = new LastingFar(first.far);
  const publisher = new Publisher(lasting);
  const queued: Promise<void>[] = [];
  // Each a run of its own, sent at once.
  const publish = (topic: string): void => {
    queued.push(publisher.publish(topic, { key: null, value: null, headers: [] }).queued);
    publisher.sendGroup();
  };
  publish("0");
  await Promise.all(queued);
  first.die();
  publish("1");
  await new Promise((resolve) => setTimeout(resolve));
  publish("2");
  lasting.resume(worker(service).far);
  // In each of the moments in which those that have waited are handed over.
  for (let at = 3; at < 12; at++) {
    publish(`${at}`);
    await Promise.resolve();
  }
  await Promise.all(queued);
  expect(told).toEqual(Array.from({ length: 12 }, (_, at) => `${at}`));
});

type One = ReturnType<typeof worker<ReturnType<typeof asked>["service"]>>;

test("a worker that has ended before it was taken is asked nothing: what waits goes to the next", async () => {
  const [first, second, third] = [asked("first"), asked("second"), asked("third")].map(({ service }) =>
    worker(service),
  ) as [One, One, One];
  const lasting = new LastingFar(first.far);
  first.die();
  const waiting = lasting.call("ask", "a");
  second.die();
  lasting.resume(second.far);
  const later = lasting.call("ask", "b");
  expect(lasting.isPaused).toBe(true);
  lasting.resume(third.far);
  expect(await Promise.all([waiting, later])).toEqual(["third: a", "third: b"]);
  // So is one that has ended before anything was made of it.
  const late = new LastingFar(second.far);
  expect(late.isPaused).toBe(true);
});

test("a call whose signal aborts while there is no worker is given up at once, and the next worker is not asked", async () => {
  const [first, second] = [asked("first"), asked("second")];
  const { far, die } = worker({
    ...first.service,
    askFor: (_options: { readonly signal?: AbortSignal }) => first.service.ask("with options"),
  });
  const lasting = new LastingFar(far);
  die();
  const controller = new AbortController();
  const given = lasting.call("askFor", { signal: controller.signal });
  const kept = lasting.call("askFor", { signal: new AbortController().signal });
  const reason = new Error("enough");
  controller.abort(reason);
  await expect(given).rejects.toBe(reason);
  await expect(lasting.call("askFor", { signal: controller.signal })).rejects.toBe(reason);
  const next = worker({
    ...second.service,
    askFor: (_options: { readonly signal?: AbortSignal }) => second.service.ask("with options"),
  });
  lasting.resume(next.far);
  expect(await kept).toBe("second: with options");
  expect(second.told).toEqual(["with options"]);
});

test("a part that is closed while there is no worker ends, and is not asked for again; where there is one, that is told", async () => {
  let asks = 0;
  const opened = new Exposed({ read: () => Promise.resolve("read") });
  const service = {
    replicate: () => {
      asks += 1;
      return Promise.resolve(opened);
    },
  };
  const [first, second] = [worker(service), worker(service)];
  const client = new LastingFar(first.far);
  const replica = client.part(await client.call("replicate"), () => client.call("replicate"));
  expect(client.drop(replica)).toBe(false);
  expect(await replica.call("read")).toBe("read");
  first.die();
  const reading = replica.call("read").catch((error: unknown) => replica.isOver(error));
  expect(client.drop(replica)).toBe(true);
  expect(await reading).toBe(true);
  expect(replica.ended.aborted).toBe(true);
  client.resume(second.far);
  await client.call("replicate");
  expect(asks).toBe(2);
});

test("an object that a worker has answered with is asked for again, and is heard as before; one that cannot be had ends", async () => {
  function replicaOf(name: string) {
    let tell: Tell<{ news: string }> = () => undefined;
    const replica = new Exposed(
      { read: () => Promise.resolve(name) },
      {
        state: () => name,
        listen: (hear: Tell<{ news: string }>) => {
          tell = hear;
          return () => undefined;
        },
      },
    );
    const service = {
      replicate: (topic: string) =>
        topic === "gone" ? Promise.reject(new Error("no topic")) : Promise.resolve(replica),
    };
    return { ...worker(service), news: (what: string) => tell("news", what) };
  }
  const [first, second, third] = ["first", "second", "third"].map(replicaOf) as [
    ReturnType<typeof replicaOf>,
    ReturnType<typeof replicaOf>,
    ReturnType<typeof replicaOf>,
  ];
  const client = new LastingFar(first.far);
  const far = await client.call("replicate", "a");
  let topic = "a";
  const replica = client.part(far, () => client.call("replicate", topic));
  expect(client.part(far, () => client.call("replicate", topic))).toBe(replica);
  const heard: string[] = [];
  replica.listen("news", (what) => heard.push(what));
  first.news("one");
  expect([await replica.call("read"), replica.state]).toEqual(["first", "first"]);
  first.die();
  const waiting = replica.call("read");
  // Another one that ends before it has answered.
  client.resume(second.far);
  second.die();
  client.resume(third.far);
  expect([await waiting, replica.state]).toEqual(["third", "third"]);
  third.news("two");
  expect(await replica.call("read")).toBe("third");
  expect(heard).toEqual(["one", "two"]);
  expect(replica.ended.aborted).toBe(false);
  third.die();
  topic = "gone";
  const fourth = replicaOf("fourth");
  client.resume(fourth.far);
  await expect(replica.call("read")).rejects.toThrow("no topic");
  expect(replica.ended.aborted).toBe(true);
  expect(client.ended.aborted).toBe(false);
});

test("a client that is closed while it has no worker ends quietly; one that gets no other says why", async () => {
  for (const isOrderly of [true, false]) {
    const { far, die } = worker(asked("only").service);
    const lasting = new LastingFar(far);
    die();
    const waiting = lasting.call("ask", "a").catch((error: unknown) => error);
    const end = new Error("the end");
    lasting.end(end, isOrderly);
    expect(await waiting).toBe(end);
    expect(lasting.isOver(end)).toBe(isOrderly);
    await expect(lasting.call("ask", "b")).rejects.toBe(end);
    expect(lasting.ended.aborted).toBe(true);
  }
});

test("records that were queued are followed by the next worker; those that perhaps were not are refused with what is not known", async () => {
  const record = { key: null, value: null, headers: [] };
  const told: unknown[] = [];
  let begun = (): void => undefined;
  const isBegun = new Promise<void>((resolve) => (begun = resolve));
  const dying = worker({
    publish: async function* (_ended: AbortSignal, topic: string, run: RecordRun) {
      if (topic === "notes") {
        yield [{ kind: "queued", ids: [7, 8] }] satisfies Outcome[];
        const position = { partition: 1, offset: 5n };
        yield [{ index: 0, count: 1, kind: "delivered", position }] satisfies Outcome[];
      }
      told.push([topic, countOf(run)]);
      if (told.length === 2) begun();
      await NEVER;
    },
    fates: async function* (_ended: AbortSignal, _ids: readonly number[]): AsyncGenerator<Outcome[]> {},
  });
  const next = worker({
    publish: async function* (
      _ended: AbortSignal,
      _topic: string,
      _run: RecordRun,
    ): AsyncGenerator<Outcome[]> {},
    fates: async function* (_ended: AbortSignal, ids: readonly number[]) {
      told.push(ids);
      yield ids.map((_, index) => ({
        index,
        count: 1,
        kind: "delivered" as const,
        position: { partition: 2, offset: 6n },
      }));
    },
  });
  const lasting = new LastingFar(dying.far);
  const publisher = new Publisher(lasting);
  const [first, second, third] = ["notes", "notes", "drafts"].map((topic) =>
    publisher.publish(topic, record),
  );
  await Promise.all([first?.queued, second?.queued, isBegun]);
  expect(await first?.delivered).toEqual({ partition: 1, offset: 5n });
  dying.die();
  await expect(third?.queued).rejects.toThrow("lost");
  await expect(third?.delivered).rejects.toThrow("lost");
  lasting.resume(next.far);
  expect(await second?.delivered).toEqual({ partition: 2, offset: 6n });
  expect(told.slice(0, 2)).toEqual(
    expect.arrayContaining([
      ["drafts", 1],
      ["notes", 2],
    ]),
  );
  expect(told.slice(2)).toEqual([[8]]);
});
