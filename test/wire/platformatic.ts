/** What the comparisons with @platformatic/kafka's own protocol code share. */
import type { Api } from "../../wire/api.ts";

export const TOPIC_ID = "AAECAwQFBgcICQoLDA0ODw";
export const TOPIC_ID_HEX = "00010203-0405-0607-0809-0a0b0c0d0e0f";
export const CLIENT_ID = "walker";

/** A whole request around a body of theirs: header version 2, as their connection writes it. */
export function whole(api: Api, version: number, body: Uint8Array): Uint8Array {
  const start = Buffer.alloc(10);
  start.writeInt16BE(api.key, 0);
  start.writeInt16BE(version, 2);
  start.writeInt32BE(77, 4);
  start.writeInt16BE(CLIENT_ID.length, 8);
  return new Uint8Array(Buffer.concat([start, Buffer.from(CLIENT_ID), Buffer.from([0]), body]));
}
