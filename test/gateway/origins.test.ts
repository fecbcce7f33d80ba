import { describe, expect, it } from "vitest";
import { originPolicy } from "../../gateway/origins.ts";

describe("who may call", () => {
  const policy = originPolicy("127.0.0.1", 8080, ["https://app.example", "http://localhost:5173"]);

  it.each([
    "http://127.0.0.1:8080",
    "http://localhost:8080",
    "http://[::1]:8080",
    "https://app.example",
    "http://localhost:5173",
    "",
  ])("lets origin %j in", (origin) => expect(policy.allowsOrigin(origin)).toBe(true));

  it.each([
    "null",
    "https://evil.example",
    "https://app.example.evil.example",
    "https://evilapp.example",
    "https://app.example:444",
    "http://app.example",
    "http://127.0.0.1:8081",
    "https://127.0.0.1:8080",
    "HTTPS://APP.EXAMPLE",
    "http://127.0.0.1:8080/",
    "*",
  ])("keeps origin %j out", (origin) => expect(policy.allowsOrigin(origin)).toBe(false));

  it("knows its own names, so that a name that was made to lead here is none", () => {
    expect(policy.allowsHost("localhost:8080")).toBe(true);
    expect(policy.allowsHost("LOCALHOST:8080")).toBe(true);
    expect(policy.allowsHost("app.example")).toBe(true);
    expect(policy.allowsHost("rebound.evil.example:8080")).toBe(false);
    expect(policy.allowsHost("localhost:9999")).toBe(false);
    expect(policy.allowsHost("")).toBe(false);
  });

  it("leaves away the port that browsers leave away", () => {
    const onPort80 = originPolicy("127.0.0.1", 80, []);
    expect(onPort80.allowsOrigin("http://localhost")).toBe(true);
    expect(onPort80.allowsHost("localhost")).toBe(true);
  });

  it("counts the machine's own addresses when it listens on all of them", () => {
    const everywhere = originPolicy("0.0.0.0", 8080, []);
    expect(everywhere.allowsOrigin("http://localhost:8080")).toBe(true);
    expect(everywhere.allowsOrigin("http://0.0.0.0:8080")).toBe(false);
    expect(everywhere.allowsOrigin("http://evil.example:8080")).toBe(false);
  });
});
