/**
 * What every Store must keep, whatever it keeps its bytes in. Imports nothing of a host, so that it runs in a browser too.
 *
 * `reopen`, where a store outlives its object, answers a second store on the same bytes after the first was closed.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../log/store.ts";

export interface StoreUnderTest {
  store: Store;
  reopen?: () => Promise<Store>;
  dispose?: () => Promise<void>;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

export function storeContract(kind: string, create: () => Promise<StoreUnderTest>): void {
  describe(`${kind} as a Store`, () => {
    let subject: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      subject = await create();
      store = subject.store;
    });
    afterEach(async () => {
      await store.close();
      await subject.dispose?.();
    });

    it("opens a file that is not there as an empty one, and lists it", async () => {
      const file = await store.open("a-0/00.log");
      expect(file.name).toBe("a-0/00.log");
      expect(file.size).toBe(0);
      expect(await file.read(0, 10)).toEqual(bytes());
      await file.sync();
      expect(await store.list("")).toEqual(["a-0/00.log"]);
    });

    it("appends pieces in order and reads any range of them", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([bytes(1, 2), bytes(), bytes(3)]);
      await file.append([bytes(4, 5)]);
      expect(file.size).toBe(5);
      expect(await file.read(0, 5)).toEqual(bytes(1, 2, 3, 4, 5));
      expect(await file.read(1, 3)).toEqual(bytes(2, 3, 4));
      expect(await file.read(2, 0)).toEqual(bytes());
    });

    it("gives a file another name, in place of the one that has it", async () => {
      const old = await store.open("a-0/00.log");
      await old.append([filled(3000, 1)]);
      await old.sync();
      const file = await store.open("a-0/00.log.swap");
      await file.append([bytes(1, 2), bytes(3)]);
      await file.sync();
      await store.rename("a-0/00.log.swap", "a-0/00.log");
      expect(await store.list("")).toEqual(["a-0/00.log"]);
      const renamed = await store.open("a-0/00.log");
      expect([renamed.name, renamed.size]).toEqual(["a-0/00.log", 3]);
      expect(await renamed.read(0, 10)).toEqual(bytes(1, 2, 3));
      await renamed.append([bytes(4)]);
      expect(await store.read("a-0/00.log")).toEqual(bytes(1, 2, 3, 4));
      await expect(store.rename("a-0/00.log.swap", "a-0/00.log")).rejects.toThrow();
      expect(await store.read("a-0/00.log")).toEqual(bytes(1, 2, 3, 4));
    });

    it("appending nothing changes nothing", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([]);
      await file.append([bytes()]);
      expect(file.size).toBe(0);
    });

    it("reads fewer bytes at the end and none beyond it", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([bytes(1, 2, 3)]);
      expect(await file.read(2, 100)).toEqual(bytes(3));
      expect(await file.read(3, 100)).toEqual(bytes());
      expect(await file.read(1000, 100)).toEqual(bytes());
    });

    it("hands out bytes that nobody else holds", async () => {
      const file = await store.open("a-0/00.log");
      const given = bytes(1, 2, 3);
      await file.append([given]);
      given.fill(9);
      const first = await file.read(0, 3);
      expect(first).toEqual(bytes(1, 2, 3));
      first.fill(7);
      expect(await file.read(0, 3)).toEqual(bytes(1, 2, 3));
      expect(first.byteLength).toBe(first.buffer.byteLength);
    });

    it("lands overlapping appends in call order and counts their bytes at once", async () => {
      const file = await store.open("a-0/00.log");
      const appended: Promise<void>[] = [];
      for (let value = 0; value < 50; value++) appended.push(file.append([filled(100 + value, value)]));
      expect(file.size).toBe(50 * 100 + (49 * 50) / 2);
      await Promise.all(appended);
      let position = 0;
      for (let value = 0; value < 50; value++) {
        expect(await file.read(position, 100 + value)).toEqual(filled(100 + value, value));
        position += 100 + value;
      }
    });

    it("lets a read see every append that has resolved while others are on their way", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([filled(1000, 1)]);
      const later = file.append([filled(1000, 2)]);
      expect(await file.read(0, 1000)).toEqual(filled(1000, 1));
      await later;
      expect(await file.read(1000, 1000)).toEqual(filled(1000, 2));
    });

    it("keeps appends across chunks of any size", async () => {
      const file = await store.open("a-0/00.log");
      const pieces = Array.from({ length: 40 }, (_, at) => filled(1 + at * 7919, at));
      await file.append(pieces);
      const whole = await file.read(0, file.size);
      let position = 0;
      for (const [at, piece] of pieces.entries()) {
        const found = whole.subarray(position, position + piece.length);
        expect(found.length === piece.length && found.every((value) => value === at), `piece ${at}`).toBe(
          true,
        );
        position += piece.length;
      }
      expect(whole.length).toBe(position);
    });

    it("writes thousands of pieces as one append", async () => {
      const file = await store.open("a-0/00.log");
      await file.append(Array.from({ length: 3000 }, (_, at) => bytes(at & 255)));
      const found = await file.read(0, 3000);
      expect(found.every((value, at) => value === (at & 255))).toBe(true);
      expect(found.length).toBe(3000);
    });

    it("truncates, and appends after the cut", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([bytes(1, 2, 3, 4)]);
      await file.truncate(2);
      expect(file.size).toBe(2);
      expect(await file.read(0, 10)).toEqual(bytes(1, 2));
      await file.append([bytes(9)]);
      expect(await file.read(0, 10)).toEqual(bytes(1, 2, 9));
      await file.truncate(0);
      expect(await file.read(0, 10)).toEqual(bytes());
      await file.sync();
    });

    it("refuses to truncate beyond the end", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([bytes(1)]);
      await expect(file.truncate(2)).rejects.toThrow();
      expect(await file.read(0, 10)).toEqual(bytes(1));
    });

    it("resolves overlapping syncs", async () => {
      const file = await store.open("a-0/00.log");
      const all: Promise<void>[] = [];
      for (let at = 0; at < 20; at++) {
        all.push(file.append([bytes(at)]));
        all.push(file.sync());
      }
      await Promise.all(all);
      expect(await file.read(0, 20)).toEqual(Uint8Array.from({ length: 20 }, (_, at) => at));
    });

    it("opens a closed file again with everything in it", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([bytes(1, 2, 3)]);
      await file.close();
      const again = await store.open("a-0/00.log");
      expect(again.size).toBe(3);
      await again.append([bytes(4)]);
      expect(await again.read(0, 10)).toEqual(bytes(1, 2, 3, 4));
    });

    it("reads and replaces small files whole", async () => {
      expect(await store.read("meta")).toBeUndefined();
      await store.write("meta", bytes(1, 2, 3));
      expect(await store.read("meta")).toEqual(bytes(1, 2, 3));
      await store.write("meta", bytes(4));
      expect(await store.read("meta")).toEqual(bytes(4));
      await store.write("meta", bytes());
      expect(await store.read("meta")).toEqual(bytes());
      expect(await store.list("")).toEqual(["meta"]);
    });

    it("resolves overlapping writes of one small file to the last of them", async () => {
      await Promise.all([1, 2, 3, 4, 5].map((value) => store.write("a-0/meta", bytes(value))));
      expect(await store.read("a-0/meta")).toEqual(bytes(5));
      expect(await store.list("")).toEqual(["a-0/meta"]);
    });

    it("reads what was appended as a small file", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([bytes(1, 2)]);
      expect(await store.read("a-0/00.log")).toEqual(bytes(1, 2));
    });

    it("lists by prefix, sorted by code point, files of other prefixes left out", async () => {
      for (const name of ["b-0/1", "a-0/2", "a-0/10", "a-01/1", "a-0/Z", "a-0/a", "top"])
        await store.write(name, bytes(1));
      expect(await store.list("a-0/")).toEqual(["a-0/10", "a-0/2", "a-0/Z", "a-0/a"]);
      expect(await store.list("a-0")).toEqual(["a-0/10", "a-0/2", "a-0/Z", "a-0/a", "a-01/1"]);
      expect(await store.list("a-0/1")).toEqual(["a-0/10"]);
      expect(await store.list("nothing/")).toEqual([]);
      expect(await store.list("")).toEqual(["a-0/10", "a-0/2", "a-0/Z", "a-0/a", "a-01/1", "b-0/1", "top"]);
    });

    it("deletes files, ignoring those that are not there", async () => {
      const file = await store.open("a-0/00.log");
      await file.append([bytes(1)]);
      await store.write("a-0/meta", bytes(1));
      await store.write("b-0/meta", bytes(2));
      await store.delete(["a-0/00.log", "a-0/never", "c-0/never", "a-0/meta"]);
      expect(await store.list("")).toEqual(["b-0/meta"]);
      expect(await store.read("a-0/meta")).toBeUndefined();
      expect((await store.open("a-0/00.log")).size).toBe(0);
    });

    it("keeps two files apart while both are written", async () => {
      const [one, two] = [await store.open("a-0/00.log"), await store.open("b-0/00.log")];
      const all: Promise<void>[] = [];
      for (let at = 0; at < 30; at++)
        all.push(one.append([bytes(1)]), two.append([bytes(2)]), one.sync(), two.sync());
      await Promise.all(all);
      expect(await one.read(0, 100)).toEqual(filled(30, 1));
      expect(await two.read(0, 100)).toEqual(filled(30, 2));
    });

    it("keeps everything across a reopening", async ({ skip }) => {
      if (subject.reopen === undefined) return skip("this store does not outlive its object");
      const file = await store.open("a-0/00.log");
      await file.append([filled(300_000, 5)]);
      await file.sync();
      await store.write("a-0/meta", bytes(1, 2));
      await store.write("gone", bytes(1));
      await store.delete(["gone"]);
      await file.close();
      await store.close();
      store = await subject.reopen();
      expect(await store.list("")).toEqual(["a-0/00.log", "a-0/meta"]);
      const again = await store.open("a-0/00.log");
      expect(again.size).toBe(300_000);
      expect((await again.read(299_999, 5)).length).toBe(1);
      await again.append([bytes(6)]);
      expect(await again.read(299_999, 5)).toEqual(bytes(5, 6));
      expect(await store.read("a-0/meta")).toEqual(bytes(1, 2));
    });
  });
}
