/** The console page: opens the SDK on the gateway that served it, and draws what it knows. */
import { render } from "preact";
import { Group, Groups } from "./groups.tsx";
import { StateProvider, useConsole } from "./context.ts";
import { DevicePage } from "./device-page.tsx";
import { Icon } from "./icons.tsx";
import { Overview } from "./overview.tsx";
import { Publish } from "./publish.tsx";
import { sentence } from "./publishing.ts";
import { RecordPane } from "./record.tsx";
import { connectHere } from "./signing-in.ts";
import { createState, wasSwitchedOff, type View } from "./state.ts";
import { StatusBar } from "./status-bar.tsx";
import { Tail } from "./tail.tsx";
import { Topics } from "./topics.tsx";

function Page() {
  const { view, selected, place } = useConsole();
  const isSection = place.value !== undefined && place.value.page !== "topic";
  return (
    <div
      class="page"
      data-view={view.value}
      data-record={selected.value === undefined ? "closed" : "open"}
      data-tab={place.value?.page === "topic" ? place.value.tab : "records"}
    >
      <StatusBar />
      <Topics />
      {isSection ? <Section /> : <TopicPage />}
      <RecordPane />
      <ViewChoice />
    </div>
  );
}

function TopicPage() {
  return (
    <>
      <Tail />
      <Publish />
    </>
  );
}

/** Whatever is not one topic. */
function Section() {
  const { place } = useConsole();
  const at = place.value;
  if (at?.page === "topics") return <Overview />;
  if (at?.page === "groups") return <Groups />;
  if (at?.page === "group") return <Group key={at.group} groupId={at.group} />;
  return <DevicePage />;
}

const views: { name: View; icon: "topics" | "records" | "send"; label: string }[] = [
  { name: "topics", icon: "topics", label: "Topics" },
  { name: "records", icon: "records", label: "Records" },
  { name: "publish", icon: "send", label: "Publish" },
];

/** On a narrow screen, one thing at a time. */
function ViewChoice() {
  const { view, selected } = useConsole();
  return (
    <nav class="views" aria-label="Parts of the page">
      {views.map(({ name, icon, label }) => (
        <button
          key={name}
          type="button"
          aria-current={view.value === name ? "true" : undefined}
          onClick={() => {
            selected.value = undefined;
            view.value = name;
          }}
        >
          <Icon name={icon} /> {label}
        </button>
      ))}
    </nav>
  );
}

/** The page itself is kept on the device by a service worker, where there are any (not on insecure origins). */
async function keepPage(): Promise<void> {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  try {
    await workers?.register("/service-worker.js");
  } catch (error) {
    console.warn("rivulet: this page cannot be opened offline:", sentence(error));
  }
}

async function start(root: HTMLElement): Promise<void> {
  try {
    const rivulet = await connectHere(wasSwitchedOff());
    // For the developer tools: this page's own client.
    Object.assign(globalThis, { rivulet });
    const state = createState(rivulet);
    render(
      <StateProvider value={state}>
        <Page />
      </StateProvider>,
      root,
    );
  } catch (error) {
    render(
      <div class="empty" role="alert">
        <h1>The console could not start</h1>
        <p>{sentence(error)}</p>
        <p class="quiet">A reload may help. What is on this device stays there.</p>
      </div>,
      root,
    );
  }
}

const root = document.getElementById("console");
if (root === null) throw new Error("index.html has no #console");
void start(root);
void keepPage();
