/** What a bench or a test has started must not go on when that is killed: a Kafka that is left behind takes a processor and a gigabyte. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { expect, it, vi } from "vitest";
import { endingWithUs } from "../tools/ending-with-us.ts";
import { describeWith } from "../tools/require-tool.ts";

const STARTS_AND_STAYS = `
  const [command, ...args] = process.argv.slice(1);
  const child = require("node:child_process").spawn(command, args, { stdio: "ignore" });
  console.log(child.pid);
  setInterval(() => {}, 1000);
`;

describeWith(["setpriv"], "a child", () => {
  it("ends when its parent is killed with SIGKILL, under the id that the parent has seen", async () => {
    const { command, args } = endingWithUs("sleep", ["600"]);
    const parent = spawn(process.execPath, ["-e", STARTS_AND_STAYS, command, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
    const pid = Number(line);
    await vi.waitFor(() => expect(nameOf(pid)).toBe("sleep"), 20_000);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await vi.waitFor(() => expect(nameOf(pid)).toBe(""), 20_000);
  });
});

/** The program that a Linux process runs; empty: there is none, or nothing of it but what nobody has taken note of. */
function nameOf(pid: number): string {
  try {
    const [, name = "", state] = /\((.+)\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return state === "Z" ? "" : name;
  } catch {
    return "";
  }
}
