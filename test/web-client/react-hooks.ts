/** The hooks in one React or another, with a DOM and a real gateway, in StrictMode: each effect is begun, ended and begun again. */
import { getEventListeners } from "node:events";
import { Window } from "happy-dom";
import type * as React from "react";
import type { FunctionComponent } from "react";
import type { createRoot, Root } from "react-dom/client";
import type { renderToString } from "react-dom/server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { ReceivedRecord, Topic } from "../../web-client/core/api.ts";
import type { LocalRecord } from "../../web-client/core/api-pending.ts";
import type { ReplicaClient } from "../../web-client/core/replica-client.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { usePublish, useRecords, useReplica, useStatus } from "../../web-client/react/index.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { FarClientGround } from "./far-client.ts";
import { openNodeClient, stubBrowser, untilState } from "./node-client.ts";

interface Lines {
  readonly records: readonly (ReceivedRecord<string> | LocalRecord<string>)[];
  readonly error: Error | undefined;
}

/** Two that are each in a partition of their own. */
async function keysApart(topic: Topic<string>): Promise<[string, string]> {
  const byPartition = new Map<number, string>();
  for (let at = 0; byPartition.size < 2; at++) {
    const key = `k${at}`;
    const { partition } = await topic.publish({ key, value: "before" }).delivered;
    if (!byPartition.has(partition)) byPartition.set(partition, key);
  }
  return [...byPartition.values()] as [string, string];
}

export interface LoadedReact extends Pick<typeof React, "createElement" | "StrictMode" | "version"> {
  readonly createRoot: typeof createRoot;
  readonly renderToString: typeof renderToString;
}

/** `load` is called when there is a DOM. */
export function reactHooks(version: number, load: () => Promise<LoadedReact>): void {
  describe(`the hooks in React ${version}`, () => {
    let gateway: TestGateway;
    let client: RivuletClient;
    let root: Root;
    let react: LoadedReact;
    let element: HTMLElement;
    const page = new Window();

    beforeAll(async () => {
      stubBrowser();
      vi.stubGlobal("navigator", { userAgent: "test" });
      vi.stubGlobal("window", page);
      vi.stubGlobal("document", page.document);
      gateway = await startTestGateway();
      // React looks for its DOM when it is loaded.
      react = await load();
      expect(react.version).toMatch(new RegExp(`^${version}\\.`));
    });
    afterAll(async () => {
      await gateway.stop();
      await page.happyDOM.close();
      vi.unstubAllGlobals();
    });
    beforeEach(async () => {
      client = await openNodeClient(gateway);
      element = document.createElement("div");
      root = react.createRoot(element);
    });
    afterEach(async () => {
      root.unmount();
      await client.close();
    });

    function draw(component: FunctionComponent): void {
      const { createElement, StrictMode } = react;
      root.render(createElement(StrictMode, null, createElement(component)));
    }

    function until(shown: string | RegExp): Promise<void> {
      return vi.waitFor(() => expect(element.textContent).toMatch(shown), { timeout: 25_000, interval: 10 });
    }

    const lines = (name: string): Topic<string> => client.topic(name, { value: text() });

    test("records are drawn as they come, the newest ones, each once", async () => {
      const topic = lines("drawn");
      await topic.publish({ value: "a" }).delivered;
      draw(() => {
        const { records, error } = useRecords(topic, { from: "earliest", limit: 3 });
        return `${records.map(({ value }) => value).join(",")} ${error?.message ?? "well"}`;
      });
      await until(/^a well$/);
      for (const value of ["b", "c", "d"]) await topic.publish({ key: "k", value }).delivered;
      await until(/^b,c,d well$/);
    });

    test("another place to begin begins anew, and what goes wrong is told", async () => {
      const topic = lines("places");
      await topic.publish({ key: "k", value: "one" }).delivered;
      await topic.publish({ key: "k", value: "two" }).delivered;
      let offset = 0n;
      const view: FunctionComponent = () => {
        const { records, isDone, error } = useRecords(topic, {
          from: { partition: 0, offset },
          until: "end",
        });
        return `${records.map(({ value }) => value).join(",")} ${isDone ? "done" : "reading"} ${error?.name ?? "well"}`;
      };
      draw(view);
      await until(/^one,two done well$/);
      offset = 1n;
      draw(view);
      await until(/^two done well$/);
      offset = -1n;
      draw(view);
      await until(/^ reading RangeError$/);
    });

    test("a replica, and what is published, are shown until everything is here", async () => {
      const topic = lines("kept");
      await topic.publish({ value: "first" }).delivered;
      const published: Promise<unknown>[] = [];
      let publishOnce: (() => void) | undefined;
      draw(() => {
        const { progress, error } = useReplica(topic);
        const { publish, pending } = usePublish(topic);
        publishOnce = () => void published.push(publish({ value: "second" }).delivered);
        return `${progress?.heldRecords ?? "-"}/${progress?.missingRecords ?? "-"} ${pending} ${error?.message ?? "well"}`;
      });
      await until(/^1\/0 0 well$/);
      publishOnce?.();
      await until(/^2\/0 0 well$/);
      await Promise.all(published);
    });

    test("the status follows the connection and the outbox", async () => {
      draw(() => {
        const { connection, outbox } = useStatus(client);
        return `${connection.name} ${outbox.pending}`;
      });
      await until(/^live 0$/);
      client.goOffline();
      await until(/^offline 0$/);
      const sent = lines("status").publish({ value: "later" });
      await until(/^offline 1$/);
      client.goOnline();
      await sent.delivered;
      await until(/^live 0$/);
      root.unmount();
      client.goOffline();
      expect(element.textContent).toBe("");
    });

    test.each(["replica", "subscription"])(
      "what is published is drawn at once with a %s, offline too, and is the same line when it has come",
      async (kind) => {
        const topic = lines(`pending-${kind}`);
        const useLines = () =>
          kind === "replica"
            ? useReplica(topic, { pending: true, limit: 2 })
            : useRecords(topic, { pending: true, limit: 2, from: "earliest" });
        await topic.publish({ key: "k", value: "a" }).delivered;
        let ids: string[] = [];
        draw(() => {
          const { records, error } = useLines();
          ids = records.map(({ id }) => id);
          const all = records.map(({ value, isPending }) => `${isPending ? "~" : ""}${value}`);
          return `${all.join(",")} ${error?.message ?? "well"}`;
        });
        await until(/^a well$/);
        client.goOffline();
        const sent = ["b", "c"].map((value) => topic.publish({ key: "k", value }));
        await until(/^a,~b,~c well$/);
        const pending = ids.slice(1);
        client.goOnline();
        await Promise.all(sent.map(({ delivered }) => delivered));
        await until(/^b,c well$/);
        expect(ids).toEqual(pending);
      },
    );

    describe("when the browser ends the client's worker", () => {
      let ground: FarClientGround;
      beforeEach(async () => {
        ground = await FarClientGround.open(gateway);
      });
      afterEach(async () => {
        root.unmount();
        await ground.close();
      });

      /** What is drawn, each time. */
      function drawAll(useLines: () => Lines): readonly string[][] {
        const drawn: string[][] = [];
        draw(() => {
          const { records, error } = useLines();
          const all = records.map(({ value, ...record }) => {
            const isPending = "isPending" in record && record.isPending === true;
            return `${isPending ? "~" : ""}${value}`;
          });
          drawn.push(all);
          return `${all.toSorted().join(",")} ${error?.message ?? "well"}`;
        });
        return drawn;
      }

      function expectNoGapNorDouble(drawn: readonly string[][]): void {
        let before: string[] = [];
        for (const values of drawn) {
          const plain = values.map((value) => value.replace("~", ""));
          expect(new Set(plain).size).toBe(plain.length);
          expect(plain).toEqual(expect.arrayContaining(before));
          before = plain;
        }
      }

      test("a list of what comes from now on goes on, of partitions too that nothing had come from", async () => {
        await client.admin.createTopic("goes-on", { partitions: 2 });
        const writer = lines("goes-on");
        const topic = ground.client.topic("goes-on", { value: text() });
        // Of two keys that are each in a partition of their own.
        const [here, there] = await keysApart(writer);
        const drawn = drawAll(() => useRecords(topic));
        let probes = 0;
        await vi.waitFor(
          async () => {
            await writer.publish({ key: here, value: `0 probe ${++probes}` }).delivered;
            expect(element.textContent).toContain("probe");
          },
          { timeout: 25_000, interval: 100 },
        );
        // By then the other partition is subscribed, too.
        await writer.publish({ key: here, value: "a" }).delivered;
        await until(/a well$/);
        await ground.endWorker(async () => {
          for (const key of [here, there]) await writer.publish({ key, value: `b ${key}` }).delivered;
        });
        for (const key of [here, there]) await writer.publish({ key, value: `c ${key}` }).delivered;
        await until(/b [^,]*,b [^,]*,c [^,]*,c [^,]* well$/);
        expectNoGapNorDouble(drawn);
      });

      test.each(["replica", "subscription"])(
        "a list with what is pending goes on with a %s: no line is gone, twice, or another one",
        async (kind) => {
          const name = `goes-on-with-${kind}`;
          const topic = ground.client.topic(name, { value: text() });
          await topic.publish({ key: "k", value: "a" }).delivered;
          const drawn = drawAll(() =>
            kind === "replica"
              ? useReplica(topic, { pending: true })
              : useRecords(topic, { pending: true, from: "earliest" }),
          );
          await until(/^a well$/);
          ground.client.goOffline();
          await topic.publish({ key: "k", value: "c" }).queued;
          await until(/^a,~c well$/);
          await ground.endWorker(() => lines(name).publish({ key: "k", value: "b" }).delivered);
          await topic.publish({ key: "k", value: "d" }).queued;
          await until(/^a,~c,~d well$/);
          ground.client.goOnline();
          await until(/^a,b,c,d well$/);
          await ground.endWorker();
          await topic.publish({ key: "k", value: "e" }).delivered;
          await until(/^a,b,c,d,e well$/);
          expectNoGapNorDouble(drawn);
          expect(drawn.at(-1)).toEqual(["a", "b", "c", "d", "e"]);
        },
      );

      test("a replica without a list is shown on and on", async () => {
        const topic = ground.client.topic("shown-on", { value: text() });
        draw(() => {
          const { progress, error } = useReplica(topic);
          return `${progress?.heldRecords ?? "-"}/${progress?.missingRecords ?? "-"} ${error?.message ?? "well"}`;
        });
        await topic.publish({ value: "a" }).delivered;
        await until(/^1\/0 well$/);
        await ground.endWorker(() => lines("shown-on").publish({ value: "b" }).delivered);
        await until(/^2\/0 well$/);
      });
    });

    test("a replica's newest records are drawn, and a component that comes and goes leaves no listener behind", async () => {
      const warnings: Error[] = [];
      const hear = (warning: Error): void => void warnings.push(warning);
      process.on("warning", hear);
      const topic = lines("newest");
      for (const value of ["a", "b", "c"]) await topic.publish({ key: "k", value }).delivered;
      const view: FunctionComponent = () => {
        const { records } = useReplica(topic, { limit: 2 });
        return records.map(({ value }) => value).join(",");
      };
      const replica = (await topic.replicate()) as ReplicaClient<string, string>;
      for (let times = 0; times < 30; times++) {
        draw(view);
        await until(/^b,c$/);
        root.render(null);
        await until(/^$/);
      }
      expect(getEventListeners(replica.keeper.signal, "abort").length).toBeLessThan(3);
      process.off("warning", hear);
      expect(warnings).toEqual([]);
    });

    test("drawn on a server, where nothing goes on, the hooks show what they begin with and open nothing", async () => {
      await untilState(client, "live");
      const WebSocket = vi.fn();
      const asked = vi.fn();
      const topic = lines("on a server");
      const silent: Topic<string> = Object.create(topic, {
        subscribe: { value: asked },
        replicate: { value: asked },
        publish: { value: asked },
      });
      vi.stubGlobal("WebSocket", WebSocket);
      try {
        const drawn = react.renderToString(
          react.createElement(() => {
            const newest = useRecords(silent);
            const { records, replica, error } = useReplica(silent, { pending: true });
            const { pending } = usePublish(silent);
            const { outbox } = useStatus(client);
            return `${newest.records.length} ${records.length} ${typeof replica} ${error} ${pending} ${outbox.pending}`;
          }),
        );
        expect(drawn).toBe("0 0 undefined undefined 0 0");
        await new Promise((resolve) => setTimeout(resolve));
        expect([WebSocket.mock.calls, asked.mock.calls]).toEqual([[], []]);
      } finally {
        stubBrowser();
        vi.stubGlobal("navigator", { userAgent: "test" });
      }
    });
  });
}
