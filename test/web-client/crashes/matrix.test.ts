/**
 * The browser's crash matrix, in one real browser for all of it. RIVULET_SEED repeats what was drawn; `npm run crashes` is the
 * long run.
 */
import { afterAll, beforeAll, describe } from "vitest";
import { Browsers } from "./browsers.ts";
import { comingBack } from "./scenarios/away.ts";
import { troubleOnTheDevice } from "./scenarios/device-trouble.ts";
import { everythingAtOnce } from "./scenarios/everything.ts";
import { leadersThatGo } from "./scenarios/leaders.ts";
import { publishSteps } from "./scenarios/publish-steps.ts";
import { IS_WHOLE, SEED } from "./settings.ts";

let browsers: Browsers;

beforeAll(async () => {
  console.log(`RIVULET_SEED=${SEED}`);
  browsers = await Browsers.open();
});
afterAll(() => browsers?.close());

describe("publish", () => publishSteps(() => browsers));
describe("away", () => comingBack(() => browsers));
describe("device", () => troubleOnTheDevice(() => browsers));
if (IS_WHOLE) {
  describe("leaders", () => leadersThatGo(() => browsers));
  describe("everything", () => everythingAtOnce(() => browsers));
}
