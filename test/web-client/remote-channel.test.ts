/** Two threads' ends of a channel, over a real MessageChannel. */
import { afterEach, expect, test } from "vitest";
import { AskingChannel } from "../../web-client/remote/asking-channel.ts";
import { READ_AHEAD_BYTES } from "../../web-client/remote/limits.ts";
import { Exposed, Handed } from "../../web-client/remote/service.ts";
import { ServingChannel } from "../../web-client/remote/serving-channel.ts";
import type { Far, Service, Tell } from "../../web-client/remote/service.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

function connected<S extends Service>(
  service: S,
): { far: Far<S, undefined, Record<string, never>>; page: AskingChannel } {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const page = new AskingChannel(port1, {});
  void new ServingChannel(port2, service);
  port1.start();
  port2.start();
  return { far: page.root<S>(), page };
}

/** Everything that was posted before has been heard. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve));
}

test("errors keep what they are: Kafka's with code, records and cause, the platform's by name, and whatever else was thrown", async () => {
  const thrown: unknown[] = [
    new KafkaError(ErrorCode.NOT_ENOUGH_REPLICAS, "too few", {
      cause: new RangeError("why"),
      records: [{ index: 3, message: "bad" }],
    }),
    new DOMException("gone", "AbortError"),
    new TypeError("no such thing"),
    "text",
    () => undefined,
  ];
  const { far } = connected({
    fail: (index: number): Promise<string> => Promise.reject(thrown[index] as Error),
  });
  const caught = await Promise.all(
    thrown.map((_, index) =>
      far.call("fail", index).then(
        () => undefined,
        (error: unknown) => error,
      ),
    ),
  );
  expect(caught[0]).toBeInstanceOf(KafkaError);
  expect(caught[0]).toMatchObject({
    code: ErrorCode.NOT_ENOUGH_REPLICAS,
    retriable: true,
    message: "too few",
    records: [{ index: 3, message: "bad" }],
  });
  expect((caught[0] as KafkaError).cause).toBeInstanceOf(RangeError);
  expect(caught[1]).toBeInstanceOf(DOMException);
  expect(caught[1]).toMatchObject({ name: "AbortError", message: "gone" });
  expect(caught[2]).toBeInstanceOf(TypeError);
  expect(caught[3]).toBe("text");
  expect(caught[4]).toBe("a function that cannot be told");
});

test("an abort is told, and what fails with it fails with the caller's own reason", async () => {
  const { far } = connected({
    wait: ({ signal }: { signal: AbortSignal }) =>
      new Promise<void>((_, reject) => {
        const fail = (): void => reject(signal.reason as Error);
        if (signal.aborted) fail();
        signal.addEventListener("abort", fail);
      }),
  });
  const reason = { not: "an error" };
  const controller = new AbortController();
  const waiting = far.call("wait", { signal: controller.signal });
  await turns();
  controller.abort(reason);
  expect(await waiting.catch((error: unknown) => error)).toBe(reason);
  const before = far.call("wait", { signal: controller.signal });
  expect(await before.catch((error: unknown) => error)).toBe(reason);
});

test("a reader that does not read is not read ahead for without end, and a reader that leaves ends the stream", async () => {
  let given = 0;
  let ended: AbortSignal | undefined;
  let isOver = false;
  const itemBytes = READ_AHEAD_BYTES / 4;
  const { far } = connected({
    async *items(signal: AbortSignal) {
      ended = signal;
      try {
        for (;;) {
          const bytes = new Uint8Array(itemBytes).fill(given++);
          yield new Handed(bytes, [bytes.buffer], itemBytes);
        }
      } finally {
        isOver = true;
      }
    },
  });
  const stream = far.stream("items", undefined);
  await turns();
  expect(given).toBe(0);
  for (let taken = 0; taken < 3; taken++) {
    const { value } = await stream.next();
    expect(value?.[0]).toBe(taken);
    await turns();
    // Who has not come back for a second one is sent no more. What was taken and not come back for counts still.
    expect(given).toBe(taken === 0 ? 1 : taken + 4);
  }
  await stream.return();
  await turns();
  expect([ended?.aborted, isOver, given]).toEqual([true, true, 6]);
});

test("functions of a stream are called in order with its items", async () => {
  const { far } = connected({
    async *items(_signal: AbortSignal, { onGap }: { onGap: (at: number) => void }) {
      yield 1;
      onGap(2);
      yield 3;
      await Promise.resolve();
      onGap(4);
    },
  });
  const seen: number[] = [];
  for await (const item of far.stream("items", undefined, { onGap: (at) => seen.push(at) })) seen.push(item);
  expect(seen).toEqual([1, 2, 3, 4]);
});

test("an aborted stream ends without an error, also while it waits", async () => {
  const { far } = connected({
    async *items(signal: AbortSignal) {
      yield 1;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  const controller = new AbortController();
  const stream = far.stream("items", controller.signal);
  expect(await stream.next()).toEqual({ done: false, value: 1 });
  const next = stream.next();
  await turns();
  controller.abort();
  expect(await next).toEqual({ done: true, value: undefined });
  expect(await far.stream("items", controller.signal).next()).toEqual({ done: true, value: undefined });
});

test("an object that stays is mirrored: its state is there before its events and before the next answer", async () => {
  let count = 0;
  let tellAll: Tell<{ moved: undefined; jumped: number }> | undefined;
  const counter = new Exposed(
    {
      add: () => {
        count += 1;
        tellAll?.("moved", undefined);
      },
      jump: () => tellAll?.("jumped", (count += 100)),
    },
    {
      state: () => ({ count }),
      listen: (tell: Tell<{ moved: undefined; jumped: number }>) => {
        tellAll = tell;
        return () => (tellAll = undefined);
      },
    },
  );
  const { far } = connected({ open: () => counter });
  const one = await far.call("open");
  expect(await far.call("open")).toBe(one);
  const seen: string[] = [];
  one.listen("moved", () => seen.push(`moved ${one.state.count}`));
  one.listen("jumped", (to) => seen.push(`jumped ${to} ${one.state.count}`));
  await Promise.all([one.call("add"), one.call("add")]);
  expect(one.state.count).toBe(2);
  await one.call("jump");
  expect(seen.slice(-2)).toEqual(["moved 2", "jumped 102 102"]);
  one.release();
  await turns();
  expect(tellAll).toBeUndefined();
});

test.each([
  { how: "closed", isOrderly: true },
  { how: "lost", isOrderly: false },
])(
  "when the channel is $how all that is under way fails with why, and all that is asked after it",
  async ({ isOrderly }) => {
    const { far, page } = connected({
      wait: () => new Promise<void>(() => undefined),
      async *items(_signal: AbortSignal) {
        yield 1;
        await new Promise(() => undefined);
      },
    });
    const stream = far.stream("items", undefined);
    await stream.next();
    const under = [far.call("wait"), stream.next()];
    await turns();
    const why = new Error("over");
    page.close(why, isOrderly);
    for (const each of [...under, far.call("wait"), far.stream("items", undefined).next()])
      expect(await each.catch((error: unknown) => error)).toBe(why);
    // Who reads ends quietly only when it was to end.
    expect([far.isOver(why), far.ended.aborted]).toEqual([isOrderly, true]);
  },
);

test("a worker asks its page for plain calls, and hears what that answers, or why it fails", async () => {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const asked: unknown[][] = [];
  const page = {
    token: (...args: unknown[]) => {
      asked.push(args);
      return Promise.resolve("a token");
    },
    persist: () => Promise.reject(new RangeError("not here")),
    wait: () => new Promise<never>(() => undefined),
  };
  void new AskingChannel(port1, page);
  const worker = new ServingChannel(port2, {});
  port1.start();
  port2.start();
  expect(await worker.callRoot("token")).toBe("a token");
  expect(asked).toEqual([[]]);
  await expect(worker.callRoot("persist")).rejects.toThrow(new RangeError("not here"));
  await expect(worker.callRoot("nothing")).rejects.toThrow(TypeError);
  const waiting = worker.callRoot("wait");
  worker.close(new Error("the page is gone"), false);
  await expect(waiting).rejects.toThrow("the page is gone");
});

test("a message that cannot be read is told of: what it said would be waited for in vain", () => {
  const events = new EventTarget();
  let broken = 0;
  const port = {
    postMessage: () => undefined,
    addEventListener: (type: string, listener: unknown) =>
      events.addEventListener(type, listener as EventListener),
  };
  void new AskingChannel(port, {}, () => (broken += 1));
  events.dispatchEvent(new Event("messageerror"));
  expect(broken).toBe(1);
});
