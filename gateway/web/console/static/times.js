// Times are UTC on the page; resting on one shows what the clock here says then.
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** What the clock here says at an instant; empty for what is none. */
export function localTime(text) {
  const moment = new Date(text);
  return Number.isNaN(moment.getTime()) ? "" : local.format(moment);
}

/** An instant for people, as the pages write it: `1 Dec 2026 00:00:00 UTC`. */
export function plainTime(moment) {
  return `${new Date(moment).toUTCString().slice(5, 25).replace(/^0/, "")} UTC`;
}

/** Give every time in `root` its local form as a title. */
export function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const told = localTime(time.dateTime);
    if (told) time.title = told;
  }
}
