// Parts of a page that stay current: the page is asked for again, and what changed in such a part takes its place.
// `data-follow` names the events that matter ("incident,file"), `data-seconds` asks every so often; 0 is never.
import { showLocalTimes } from "./times.js";
import { offerCopies } from "./copy.js";

const SOONEST = 1000; // milliseconds between two questions at least
let timer = null;
let asked = 0;
const shown = new WeakMap(); // what each part was last made of

/** Keep the parts in `root` current. */
export function followParts(root) {
  const kinds = new Set([...root.querySelectorAll("[data-follow]")].flatMap((part) => part.dataset.follow.split(",")));
  kinds.delete("");
  if (kinds.size) listen(kinds);
  again();
}

function listen(kinds) {
  const events = new EventSource(`/api/v1/events?only=${[...kinds].join(",")}`);
  for (const kind of [...kinds, "heartbeat", "resync"]) events.addEventListener(kind, () => soon(0));
  addEventListener("pagehide", () => events.close());
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
    const answer = await fetch(location.href, { redirect: "error", headers: { Accept: "text/html", "X-Follow": "1" } });
    if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The gateway is away or nobody is signed in any more: the page stays as it is, and says how old it is.
  }
  again();
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
