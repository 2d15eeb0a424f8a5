// Times are UTC on the page; resting on one shows what the clock here says then.
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** Give every time in `root` its local form as a title. */
export function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.title = local.format(moment);
  }
}
