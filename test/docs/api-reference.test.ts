import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { expect, test } from "vitest";
import { projectRoot } from "../tools/project-root.ts";
import { apiReference } from "./api-reference.ts";

const root = projectRoot();
const page = join(root, "docs/api.md");

test("docs/api.md is what the docstrings say (`npm run docs:api` writes it)", async () => {
  const written = await format(apiReference(root), { ...(await resolveConfig(page)), filepath: page });
  await expect(written).toMatchFileSnapshot(page);
});

test("every link within docs/api.md leads to one heading", () => {
  const text = apiReference(root);
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
  expect(new Set(headings).size).toBe(headings.length);
  const links = [...text.matchAll(/\]\(#([^)]*)\)/g)].map(([, target = ""]) => target);
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter((target) => !headings.includes(target))).toEqual([]);
});
