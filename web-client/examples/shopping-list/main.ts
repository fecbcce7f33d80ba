/** A list that several people share: the log of what they did, folded into what is to be bought. */
import { connect, json, type PendingRecord } from "@rivulet/client";
import { gatewayUrl } from "../gateway-url.ts";

/** What somebody did. The item's id is the record's key, so that what is done to one item stays in order. */
type Change = { readonly did: "add"; readonly name: string } | { readonly did: "tick" | "untick" | "remove" };

interface Item {
  readonly name: string;
  readonly isTicked: boolean;
}

type Items = ReadonlyMap<string, Item>;

/** The state after one more change: all that there is to it. */
function fold(items: Items, id: string, change: Change): Items {
  const next = new Map(items);
  const item = next.get(id);
  if (change.did === "add") next.set(id, { name: change.name, isTicked: false });
  else if (change.did === "remove") next.delete(id);
  else if (item !== undefined) next.set(id, { ...item, isTicked: change.did === "tick" });
  return next;
}

const rivulet = await connect({ url: gatewayUrl });
const changes = rivulet.topic<Change>("shopping-list", { value: json<Change>() });

/** As the log has it, and what was done here and is not in this device's copy yet: shown at once, offline too. */
let shared: Items = new Map();
const waiting = new Map<string, PendingRecord<Change>>();

function act(id: string, change: Change): void {
  changes.publish({ key: id, value: change });
}

const form = document.querySelector("form")!;
const list = document.querySelector("#items")!;
const state = document.querySelector("#state")!;

function render(): void {
  let items = shared;
  for (const { key, value } of waiting.values())
    if (key !== null && value !== null) items = fold(items, key, value);
  list.replaceChildren(...Array.from(items, ([id, item]) => line(id, item)));
  state.textContent = `${rivulet.state.name}${waiting.size > 0 ? `, ${waiting.size} to send` : ""}`;
}

function line(id: string, { name, isTicked }: Item): HTMLLIElement {
  const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: isTicked });
  box.addEventListener("change", () => act(id, { did: box.checked ? "tick" : "untick" }));
  const label = document.createElement("label");
  label.append(box, ` ${name}`);
  const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" });
  remove.setAttribute("aria-label", `Remove ${name}`);
  remove.addEventListener("click", () => act(id, { did: "remove" }));
  const item = document.createElement("li");
  item.append(label, remove);
  return item;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = form.elements.namedItem("item") as HTMLInputElement;
  act(crypto.randomUUID(), { did: "add", name: field.value });
  field.value = "";
});
(form.elements.namedItem("offline") as HTMLInputElement).addEventListener("change", (event) => {
  if ((event.target as HTMLInputElement).checked) rivulet.goOffline();
  else rivulet.goOnline();
});
rivulet.addEventListener("state", render);

const replica = await changes.replicate();
for await (const record of replica.follow({ pending: true })) {
  const { id, key, value } = record;
  if (record.isPending && record.state !== "gone") waiting.set(id, record);
  else waiting.delete(id);
  if (!record.isPending && key !== null && value !== null) shared = fold(shared, key, value);
  render();
}
