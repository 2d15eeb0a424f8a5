// Keeps the counts on a page as they are now: rows change in place, none moves. See docs/live.md.
import { localTime, plainTime } from "./times.js";
import { bar, breachWords, forecastSentence, grouped, liveKey } from "./rate_words.js";

const EVENTS = "/api/v1/events?only=rates";
const SILENT_MS = 40000; // a heartbeat comes each 15 s
const AGAIN_MS = 5000;
const SAY_MS = 15000; // nobody wants each breach of a storm read aloud at once
const KINDS = { normal: "good", warning: "warning", quarantine: "bad" };
const SEVERITY = { normal: 0, warning: 1, quarantine: 2 };

const rows = new Map([...document.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row]));
const [state, text, refresh, said] = ["state", "text", "refresh", "said"].map((name) =>
  document.querySelector(`[data-live="${name}"]`));
const list = document.querySelector("[data-total]");
const known = new Map();
const toSay = [];
let source = null;
let heard = 0;
let again = 0;
let counted = text?.textContent.trim();
let saidAt = 0;

function field(row, name) {
  return row.querySelector(`[data-field="${name}"]`);
}

function put(row, name, value) {
  const place = field(row, name);
  if (place && place.textContent !== value) place.textContent = value;
}

function mark(row, name, x) {
  field(row, name)?.setAttribute("d", x === null ? "" : `M${x} 0v14`);
}

function show(row, rate) {
  const drawn = bar(rate);
  for (const name of ["count", "warning", "quarantine", "headroom"]) put(row, name, grouped(rate[name]));
  put(row, "breach", rate.count ? breachWords(rate.time_to_breach) : "not in sight");
  put(row, "forecast", forecastSentence(rate));
  put(row, "state", rate.quarantine === null ? "no threshold" : rate.state);
  const tag = field(row, "state");
  if (tag) tag.className = `tag ${rate.quarantine === null ? "plain" : KINDS[rate.state]}`;
  field(row, "exception")?.toggleAttribute("hidden", !rate.exception);
  const drawing = field(row, "bar");
  drawing?.setAttribute("width", drawn.count);
  drawing?.setAttribute("class", `count ${rate.state}`);
  mark(row, "warning-mark", drawn.warning);
  mark(row, "quarantine-mark", drawn.quarantine);
}

function take(event) {
  const { at, complete, rates } = JSON.parse(event.data);
  const there = complete ? new Set() : null;
  const total = Number(list?.dataset.total ?? rates.length);
  for (const rate of rates) {
    const key = liveKey(rate);
    there?.add(key);
    const row = rows.get(key);
    if (!row) continue;
    const before = known.get(key);
    if (before !== undefined && SEVERITY[rate.state] > SEVERITY[before]) {
      toSay.push(`${rate.communication} ${rate.service}, ${rate.period}: ${rate.state} level passed`);
    }
    known.set(key, rate.state);
    show(row, rate);
  }
  if (there && (there.size !== total || [...rows.keys()].some((key) => !there.has(key)))) {
    refresh.textContent = "Other thresholds are in force: refresh";
  }
  tellLive(at);
}

/** Say that the numbers are those of *at*; with its day, because a page may be left open for long. */
function tellLive(at) {
  counted = plainTime(at);
  text.title = localTime(at);
  tell("live", "good", `as of ${counted}`);
}

function tell(word, kind, words) {
  heard = Date.now();
  if (state.textContent !== word) {
    if (state.textContent !== "as of") toSay.push(word === "live" ? "The numbers are live again" : words);
    state.textContent = word;
    state.className = `tag ${kind}`;
  }
  text.textContent = words;
}

function lost() {
  stop();
  if (state.textContent !== "not connected") {
    tell("not connected", "bad", `The connection is lost. The numbers are old: they are those of ${counted}.`);
  }
  again = setTimeout(start, AGAIN_MS);
}

function start() {
  stop();
  heard = Date.now();
  source = new EventSource(EVENTS);
  source.addEventListener("rates", take);
  source.addEventListener("heartbeat", (event) => {
    tellLive(JSON.parse(event.data).at);
  });
  source.addEventListener("error", lost);
}

function stop() {
  clearTimeout(again);
  source?.close();
  source = null;
}

function look() {
  if (source && Date.now() - heard > SILENT_MS) lost();
  if (toSay.length && Date.now() - saidAt > SAY_MS) {
    saidAt = Date.now();
    const more = toSay.length > 3 ? `; and ${toSay.length - 3} more` : "";
    said.textContent = toSay.slice(0, 3).join(". ") + more;
    toSay.length = 0;
  }
}

function turn() {
  if (document.hidden) {
    stop();
    tell("paused", "plain", `The numbers are those of ${counted}.`);
  } else {
    start();
  }
}

if (state && rows.size) {
  document.addEventListener("visibilitychange", turn);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted) turn(); });
  setInterval(look, 1000);
  if (!document.hidden) start();
}
