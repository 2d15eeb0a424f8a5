// What words.py and drawing.py say of a rate, for rates that come as events.

const UNITS = [[172800, 86400, "d"], [6000, 3600, "h"], [100, 60, "min"]];

export function length(seconds) {
  for (const [least, unit, name] of UNITS) {
    if (seconds >= least) return `${Math.floor((seconds + unit / 2) / unit)} ${name}`;
  }
  return `${seconds} s`;
}

/** When the quarantine level will be passed; `told` is the time_to_breach of an event. */
export function breachWords(told) {
  if (told === null) return "not told yet";
  if (told.seconds === 0) return "passed";
  if (told.seconds === null) {
    return told.earliest === null ? "not in sight" : `not likely; in ${length(told.earliest)} at the earliest`;
  }
  const first = told.earliest ? length(told.earliest) : "now";
  const last = told.latest === null ? "later" : length(told.latest);
  return `${told.confidence === "possible" ? "perhaps " : ""}in ${length(told.seconds)} (${first} to ${last})`;
}

/** The same in a sentence, for the page of one threshold. */
export function forecastSentence(rate) {
  if (rate.quarantine === null) return "No threshold holds now.";
  if (!rate.count) return "Nothing is counted, so no breach is in sight.";
  const told = rate.time_to_breach;
  if (told === null) return "The gateway has not looked for the time to breach yet.";
  if (told.seconds === 0) return "The quarantine level is passed.";
  if (told.seconds === null && told.earliest === null) {
    return "At the present slope the quarantine level will not be passed within a day or the period.";
  }
  if (told.seconds === null) {
    return "At the present slope the quarantine level will probably not be passed; if it is, then in " +
      `${length(told.earliest ?? 0)} at the earliest.`;
  }
  const last = told.latest === null ? "later, or not at all" : `in ${length(told.latest)}`;
  const sure = { possible: " It is possible, not likely.", likely: " It is likely." }[told.confidence] ?? "";
  return `At the present slope the quarantine level will be passed in about ${length(told.seconds)}: nine of ` +
    `ten such breaches come between ${length(told.earliest ?? 0)} from now and ${last}.${sure}`;
}

/** Width of the bar and places of the levels, in the 200 units of its drawing. */
export function bar(rate) {
  if (rate.warning === null || rate.quarantine === null) return { count: 0, warning: null, quarantine: null };
  const scale = 160 / Math.max(rate.warning, rate.quarantine, 1);
  const tenth = (value) => Math.round(value * 10) / 10;
  return {
    count: tenth(Math.min(rate.count * scale, 200)),
    warning: tenth(rate.warning * scale),
    quarantine: tenth(rate.quarantine * scale),
  };
}

const SECONDS = { W: 604800, D: 86400, H: 3600, M: 60, S: 1 };

/** Seconds of an ISO 8601 duration of weeks, days and time. */
export function periodSeconds(text) {
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)([WDHMS])/g)) sum += Number(number) * SECONDS[unit];
  return sum;
}

/** What the row of a rate is found by. */
export function liveKey(rate) {
  return [rate.user_id, rate.communication, rate.service, periodSeconds(rate.period), rate.alignment].join("~");
}

export function grouped(number) {
  return number === null ? "–" : number.toLocaleString("en-GB");
}
