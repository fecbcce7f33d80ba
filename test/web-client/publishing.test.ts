/** What was published in one go, and what becomes of it, across two threads. */
import { expect, test } from "vitest";
import type { RunFate } from "../../sync/outbox.ts";
import { countOf } from "../../sync/record-run.ts";
import type { RecordRun } from "../../sync/record-run.ts";
import { deferred } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";
import type { TextRecord } from "../../web-client/core/pack-records.ts";
import { outcomes, Publisher } from "../../web-client/remote/publishing.ts";
import type { PublishingFar } from "../../web-client/remote/publishing.ts";

interface Sent {
  readonly topic: string;
  readonly run: RecordRun;
  readonly fate: RunFate;
  readonly queued: Deferred<readonly number[]>;
}

/** Records that were queued before, and who is told what becomes of them. */
interface Asked {
  readonly ids: readonly number[];
  readonly fate: RunFate;
}

/** A publisher, what has come to the other side, and how that side is lost; `isLast`: no other one will come. */
function setUp() {
  const sent: Sent[] = [];
  const asked: Asked[] = [];
  const over = new AbortController();
  let loss = deferred<void>();
  const far: PublishingFar = {
    ended: over.signal,
    stream: (name: string, _signal: undefined, what: unknown, run?: RecordRun) =>
      untilLost(
        loss.promise,
        run === undefined
          ? outcomes((what as number[]).length, (fate) => {
              asked.push({ ids: what as number[], fate });
              return Promise.resolve(what as number[]);
            })
          : outcomes(countOf(run), (fate) => {
              expect(name).toBe("publish");
              const queued = deferred<readonly number[]>();
              sent.push({ topic: what as string, run, fate, queued });
              return queued.promise;
            }),
      ),
  };
  const lose = (isLast: boolean): void => {
    if (isLast) over.abort();
    loss.reject(new Error("the worker is gone"));
    loss = deferred<void>();
  };
  const publisher = new Publisher(far);
  const record = (value: string): TextRecord => ({ key: null, value, headers: [] });
  const publish = (topic: string, count: number) =>
    Array.from({ length: count }, (_, index) => publisher.publish(topic, record(`${topic} ${index}`)));
  return { sent, asked, lose, publisher, record, publish };
}

async function* untilLost<T>(loss: Promise<void>, told: AsyncGenerator<T, void, void>) {
  loss.catch(() => undefined);
  for (;;) {
    const next = await Promise.race([told.next(), loss]);
    if (next === undefined || next.done === true) return;
    yield next.value;
  }
}

test("records of one turn go together, by topic, in order; another turn is another run", async () => {
  const { sent, publish } = setUp();
  publish("a", 3);
  publish("b", 1);
  publish("a", 2);
  await Promise.resolve();
  publish("a", 1);
  await Promise.resolve();
  expect(sent.map(({ topic, run }) => [topic, countOf(run)])).toEqual([
    ["a", 3],
    ["b", 1],
    ["a", 2],
    ["a", 1],
  ]);
});

test("much of it goes before the turn is over, and is queued by itself", async () => {
  const { sent, publisher, record } = setUp();
  const large = Array.from({ length: 5 }, () => publisher.publish("a", record("x".repeat(600_000))));
  expect(sent.map(({ run }) => countOf(run))).toEqual([2, 2]);
  sent[0]?.queued.resolve([1, 2]);
  await Promise.all([large[0]?.queued, large[1]?.queued]);
  const rest = Promise.race([
    large[2]?.queued.then(() => "queued"),
    new Promise((done) => setImmediate(done, "open")),
  ]);
  expect(await rest).toBe("open");
  expect(sent.map(({ run }) => countOf(run))).toEqual([2, 2, 1]);
});

test("records with large headers do not wait for the end of the turn either", () => {
  const { sent, publisher } = setUp();
  const headers = [{ key: "trace", value: new Uint8Array(600_000) }];
  for (let left = 5; left > 0; left--) publisher.publish("a", { key: null, value: "x", headers });
  expect(sent.map(({ run }) => countOf(run))).toEqual([2, 2]);
});

test("each record hears its own fate, whether it is asked for before or after, and in whatever order it is told", async () => {
  const { sent, publish } = setUp();
  const published = publish("a", 6);
  const early = published.map((each, index) => (index % 2 === 0 ? each.delivered : undefined));
  await Promise.resolve();
  const [{ fate, queued } = expect.fail("nothing was sent")] = sent;
  queued.resolve([1, 2, 3, 4, 5, 6]);
  fate.delivered(2, { partition: 1, offset: 8n });
  fate.delivered(3, { partition: 1, offset: 9n });
  fate.delivered(5, { partition: 1, offset: 10n });
  fate.delivered(0, { partition: 0, offset: -1n });
  fate.delivered(1, { partition: 0, offset: -1n });
  fate.rejected(4, new RangeError("refused"));
  await Promise.all(published.map((each) => each.queued));
  await expect(early[4]).rejects.toThrow("refused");
  const told = await Promise.allSettled(published.map((each) => each.delivered));
  expect(told.map((each) => (each.status === "fulfilled" ? each.value : String(each.reason)))).toEqual([
    { partition: 0, offset: -1n },
    { partition: 0, offset: -1n },
    { partition: 1, offset: 8n },
    { partition: 1, offset: 9n },
    "RangeError: refused",
    { partition: 1, offset: 10n },
  ]);
  expect(await early[2]).toEqual({ partition: 1, offset: 8n });
});

test("what cannot be queued is not delivered either, and an app that does not ask is not stopped by it", async () => {
  const { sent, publish } = setUp();
  const [first, second] = publish("a", 2);
  const delivered = first?.delivered;
  await Promise.resolve();
  sent[0]?.queued.reject(new Error("the store is full"));
  await expect(first?.queued).rejects.toThrow("the store is full");
  await expect(delivered).rejects.toThrow("the store is full");
  await expect(second?.delivered).rejects.toThrow("the store is full");
});

test("records that no memory can be had for are refused, what was published with them in another run is not", async () => {
  const { sent, publisher, record } = setUp();
  // As texts look to the packer that are far too long together.
  const huge = publisher.publish("a", { ...record(""), value: { length: 2 ** 53 } as unknown as Uint8Array });
  const delivered = huge.delivered;
  const next = publisher.publish("b", record("small"));
  await Promise.resolve();
  await expect(huge.queued).rejects.toThrow(RangeError);
  await expect(delivered).rejects.toThrow(RangeError);
  expect(sent.map(({ topic, run }) => [topic, countOf(run)])).toEqual([["b", 1]]);
  sent[0]?.queued.resolve([1]);
  await next.queued;
});

test("when the worker is lost another one is asked about what was queued, by its ids; nobody can tell of the rest", async () => {
  const { sent, asked, lose, publish } = setUp();
  const [first, second, third] = publish("a", 3);
  await Promise.resolve();
  const [late] = publish("a", 1);
  await Promise.resolve();
  sent[0]?.queued.resolve([7, 8, 11]);
  sent[0]?.fate.delivered(1, { partition: 0, offset: 4n });
  await expect(second?.delivered).resolves.toEqual({ partition: 0, offset: 4n });
  lose(false);
  await expect(late?.queued).rejects.toThrow("the worker is gone");
  await expect(late?.delivered).rejects.toThrow("the worker is gone");
  await expect.poll(() => asked.map(({ ids }) => ids)).toEqual([[7, 11]]);
  asked[0]?.fate.delivered(1, { partition: 2, offset: 9n });
  await expect(third?.delivered).resolves.toEqual({ partition: 2, offset: 9n });
  await expect(first?.queued).resolves.toBeUndefined();
  // That one, too, and there is no other.
  lose(true);
  await expect(first?.delivered).rejects.toThrow("the worker is gone");
  await expect(third?.delivered).resolves.toEqual({ partition: 2, offset: 9n });
  expect(asked).toHaveLength(1);
});
