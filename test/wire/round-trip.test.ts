import { describe, expect, test } from "vitest";
import type { Api } from "../../wire/api.ts";
import { apis } from "../../wire/apis.ts";
import { KafkaError } from "../../wire/errors.ts";
import { decodeRequest, encodeRequest } from "../../wire/request.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { decodeResponse, encodeResponse } from "../../wire/response.ts";
import { expectSame } from "./expect-same.ts";
import { Random } from "./random.ts";
import { randomValue, versionsOf } from "./random-body.ts";

const SEED = 20260101;
const BODIES = 60;

describe.each(apis)("$name", (api) => {
  test.each(versionsOf(api))("version %d: what is written is what is read", (version) => {
    for (let seed = SEED; seed < SEED + BODIES; seed++) {
      const random = new Random(seed);
      const header = { correlationId: random.uint32() | 0, clientId: random.pick(["a", "", "é", null]) };
      const request = randomValue(api.request, version, random);
      const response = randomValue(api.response, version, random);
      const sent = encodeRequest(api, version, header, request);
      const { bodyAt, ...read } = decodeRequestHeader(sent);
      expectSame(read, { apiKey: api.key, apiVersion: version, ...header }, `seed ${seed}`);
      expectSame(decodeRequest(api, version, sent, bodyAt), request, `seed ${seed}`);
      const answer = new Uint8Array(
        Buffer.concat(encodeResponse(api, version, header.correlationId, response)),
      );
      expectSame(
        decodeResponse(api, version, answer),
        {
          correlationId: header.correlationId,
          body: response,
        },
        `seed ${seed}`,
      );
    }
  });

  test("every byte of the body is wanted: a body cut short at any byte is refused", () => {
    const random = new Random(SEED);
    for (const version of versionsOf(api)) {
      const sent = encodeRequest(
        api,
        version,
        { correlationId: 1, clientId: "c" },
        randomValue(api.request, version, random),
      );
      const { bodyAt } = decodeRequestHeader(sent);
      for (let end = bodyAt; end < sent.length; end++)
        expect(readsCutAt(api, version, sent, end)).toBe(false);
    }
  });
});

/** Whether a request is read although it is cut off at `end`. */
function readsCutAt(api: Api, version: number, sent: Uint8Array, end: number): boolean {
  const cut = sent.subarray(0, end);
  try {
    decodeRequest(api, version, cut, decodeRequestHeader(sent).bodyAt);
    return true;
  } catch (error) {
    if (error instanceof KafkaError && error.message.includes("is malformed")) return false;
    throw error;
  }
}
