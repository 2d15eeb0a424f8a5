// Shows beside the difference what the file would have done, as soon as that is worked out. Without script a link leads there.
import { showLocalTimes } from "./times.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5000;
const BUSY_PAUSE = 10000;
const BUSY = Symbol("another file of this person is tried first, or too many wait");

/** Load what is known into `place`, again and again while it is being worked out. */
async function follow(place, address) {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    const found = await load(address);
    if (!found) return;
    if (found === BUSY) {
      await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE));
      continue;
    }
    if (found.dataset.progress !== place.dataset.progress) show(place, found);
    if (!["waiting", "running"].includes(found.dataset.progress)) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Put what was found into `place`; a screen reader hears its first sentences, not the table. */
function show(place, found) {
  place.replaceChildren(...found.childNodes);
  place.dataset.progress = found.dataset.progress;
  showLocalTimes(place);
  said.textContent = place.querySelector("p").textContent.replace(/\s+/g, " ").trim();
  if (["waiting", "running"].includes(found.dataset.progress)) place.querySelector(".again")?.remove();
}

/** The section of the page at `address`; BUSY where it is not its turn yet; nothing where it cannot be had: the link stays. */
async function load(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, redirect: "error" });
    if (answer.status === 429) return BUSY;
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#backtest");
  } catch {
    return null;
  }
}

const place = document.querySelector("#backtest[data-load]");
const said = document.querySelector("#backtest-said");
if (place) follow(place, place.dataset.load);
