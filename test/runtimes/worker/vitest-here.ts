/**
 * Stands in for vitest where vitest does not run: gathers what a suite declares, and runs it when asked. Its `expect` is
 * vitest's own.
 */
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from "@vitest/expect";
import * as chai from "chai";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = chai.expect;

type Step = () => unknown;
type Body = (context: { skip(note: string): void }) => unknown;

const before: Step[] = [];
const after: Step[] = [];
const tests: { readonly name: string; readonly body: Body }[] = [];

export const describe = (_name: string, body: Step): unknown => body();
export const it = (name: string, body: Body): unknown => tests.push({ name, body });
export const beforeEach = (step: Step): unknown => before.push(step);
export const afterEach = (step: Step): unknown => after.push(step);

/** How one test ended; without `failure`: well, unless it was skipped. */
export interface Ended {
  readonly name: string;
  readonly failure?: string;
  readonly skipped?: string;
}

/** Runs all that was declared, one after the other. */
export async function runDeclared(): Promise<Ended[]> {
  const ended: Ended[] = [];
  for (const { name, body } of tests) {
    let skipped: string | undefined;
    try {
      for (const step of before) await step();
      await body({ skip: (note) => void (skipped = note) });
      for (const step of after) await step();
      ended.push(skipped === undefined ? { name } : { name, skipped });
    } catch (error) {
      ended.push({ name, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  return ended;
}
