// Parts of a page that stay current: the page is asked for again, and what changed in such a part takes its place.
// `data-follow` names the events that matter ("incident,file"), `data-seconds` asks every so often; 0 is never.
import { localTime, plainTime, showLocalTimes } from "./times.js";
import { offerCopies } from "./copy.js";

const SOONEST = 1000; // milliseconds between two questions at least
const SILENT = 40000; // a heartbeat comes each 15 s, and each is a question
const AGAIN = 5000;
let timer = null;
let asked = 0;
let current = Date.now(); // when the page was last known to be so
let events = null;
const shown = new WeakMap(); // what each part was last made of

/** Keep the parts in `root` current. */
export function followParts(root) {
  const kinds = new Set([...root.querySelectorAll("[data-follow]")].flatMap((part) => part.dataset.follow.split(",")));
  kinds.delete("");
  if (kinds.size) listen(kinds);
  again();
}

function listen(kinds) {
  open(kinds);
  addEventListener("pagehide", () => events.close());
  setInterval(() => {
    if (document.hidden) return;
    if (events.readyState === EventSource.CLOSED) open(kinds);
    if (Date.now() - asked > SILENT) soon(0);
  }, AGAIN);
}

function open(kinds) {
  events = new EventSource(`/api/v1/events?only=${[...kinds].join(",")}`);
  for (const kind of [...kinds, "heartbeat", "resync", "error"]) events.addEventListener(kind, () => soon(0));
}

/** Ask in so many milliseconds, or when the last question is long enough ago. */
function soon(milliseconds) {
  if (timer !== null) return;
  timer = setTimeout(ask, Math.max(milliseconds, asked + SOONEST - Date.now()));
}

/** Ask again where a part wants it every so often. */
function again() {
  const seconds = [...document.querySelectorAll("[data-seconds]")].map((part) => Number(part.dataset.seconds)).filter(Boolean);
  if (seconds.length) soon(1000 * Math.min(...seconds));
}

async function ask() {
  timer = null;
  asked = Date.now();
  try {
    const answer = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html", "X-Follow": "1" } });
    if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    tell(answer.ok ? "" : answer.type === "opaqueredirect" ? "your session has ended" : "the gateway cannot show it now");
  } catch {
    tell("the gateway does not answer");
  }
  again();
}

/** Say above the page that it is old, and why; nothing where it is not. */
function tell(why) {
  let notice = document.querySelector("#not-current");
  if (!why) {
    current = Date.now();
    notice?.remove();
    return;
  }
  if (!notice) {
    notice = document.createElement("div");
    notice.id = "not-current";
    notice.className = "notice bad";
    notice.setAttribute("role", "status");
    document.querySelector("h1").before(notice);
  }
  const words = `This page is not current: ${why}. It shows how things were at ${plainTime(current)}.`;
  if (notice.dataset.words === words) return;
  notice.dataset.words = words;
  const [text, way] = [document.createElement("p"), document.createElement("a")];
  text.textContent = `${words} `;
  text.title = localTime(current);
  way.href = location.href;
  way.textContent = "Look again";
  text.append(way);
  notice.replaceChildren(text);
}

function take(fresh) {
  for (const part of document.querySelectorAll("[data-follow]")) {
    const other = fresh.getElementById(part.id);
    if (other && other.outerHTML !== shown.get(part)) replace(part, other);
  }
}

function replace(part, other) {
  const focusable = "a[href], button, input, [tabindex]";
  const place = [...part.querySelectorAll(focusable)].indexOf(document.activeElement);
  shown.set(part, other.outerHTML);
  part.innerHTML = other.innerHTML;
  if (other.dataset.seconds !== undefined) part.dataset.seconds = other.dataset.seconds;
  showLocalTimes(part);
  offerCopies(part);
  if (place >= 0) part.querySelectorAll(focusable)[place]?.focus();
}
