"""Alert channels: how each does, a test, dead letters sent anew or discarded."""

from typing import Any, Final

import click

from gateway.cli.client import Client, ask
from gateway.cli.output import as_json, plural, print_json, table, talk
from gateway.errors import ExitCode

ALERTS: Final = "/api/v1/alerts"
CHANNELS: Final = "/api/v1/channels"


@click.group(invoke_without_command=True)
@click.option("--dead", "state", flag_value="dead", default=True, help="With the dead letters (the default).")
@click.option("--waiting", "state", flag_value="waiting", help="With those that wait instead.")
@click.option("--sent", "state", flag_value="sent", help="With those that were taken instead.")
@click.option("--channel", help="Only alerts of this channel.")
@click.option("--skip", type=click.IntRange(0), default=0, help="Leave out so many of the newest.")
@as_json
@click.pass_context
def alerts(ctx: click.Context, state: str, channel: str | None, skip: int, as_json: bool) -> None:
    """Show how each alert channel does, and the newest of its dead letters."""
    if ctx.invoked_subcommand:
        return
    query = {"state": state, "skip": str(skip)} | ({"channel": channel} if channel else {})
    found = ask(lambda client: client.get(ALERTS, **query))
    if as_json:
        print_json(found)
        return
    if not found["channels"]:
        talk("No channel is set: nobody is told of candidate incidents. See [alerts] in the settings.")
    else:
        titles = ["channel", "state", "waiting", "oldest", "dead", "last taken", "last trouble"]
        table(titles, [_channel_row(each) for each in found["channels"]])
    if found["alerts"]:
        titles = ["number", "channel", "incident", "event", "written", "attempts", "last trouble"]
        table(titles, [_alert_row(each) for each in found["alerts"]])
        shown = skip + len(found["alerts"])
        if shown < found["count"] or found["is_more"]:
            more = "more than " if found["is_more"] else ""
            talk(f"These are {skip + 1} to {shown} of {more}{found['count']}; the next: --skip {shown}")


def _channel_row(channel: dict[str, Any]) -> list[str]:
    if not channel["is_set"]:
        state = "not set any more"
    elif not channel["works"]:
        state = "in trouble"
    else:
        state = "works" if channel["taken_at"] else "nothing sent yet"
    trouble = "" if channel["works"] else channel["trouble"]
    return [
        channel["name"],
        state,
        str(channel["waiting"]),
        channel["oldest_at"] or "-",
        str(channel["dead"]),
        channel["taken_at"] or "-",
        trouble or "-",
    ]


def _alert_row(alert: dict[str, Any]) -> list[str]:
    return [
        str(alert["id"]),
        alert["channel"] + ("" if alert["channel_is_set"] else " (not set any more)"),
        str(alert["incident_id"]),
        alert["event"] or "cannot be read",
        alert["created_at"],
        str(alert["attempts"]),
        alert["last_error"] or "-",
    ]


@alerts.command()
@click.argument("channel", required=False)
@as_json
def test(channel: str | None, as_json: bool) -> int:
    """Send a test to CHANNEL, or to each, and say what the other side answered; exit with 1 where one did not take it."""
    results = ask(lambda client: _tested(client, channel))
    if as_json:
        print_json(results)
    elif not results:
        talk("No channel is set: there is nothing to test.")
    for result in [] if as_json else results:
        if result["taken"]:
            print(f"{result['channel']}: taken; {result['said']}")
        else:
            print(f"{result['channel']}: NOT taken; {result['message']} ({result['code']})")
            talk(result["remedy"])
    return ExitCode.DONE if all(result["taken"] for result in results) else ExitCode.FAILED


async def _tested(client: Client, channel: str | None) -> list[dict[str, Any]]:
    if channel:
        return [await client.post(f"{CHANNELS}/{_plain(channel)}/test")]
    looks = (await client.get(ALERTS))["channels"]
    return [await client.post(f"{CHANNELS}/{each['name']}/test") for each in looks if each["is_set"]]


def _plain(channel: str) -> str:
    from urllib.parse import quote

    return quote(channel, safe="")


@alerts.command()
@click.argument("number", type=int, required=False)
@click.option("--channel", help="All dead letters of this channel.")
@as_json
def resend(number: int | None, channel: str | None, as_json: bool) -> None:
    """Send dead letter NUMBER anew, or all of a channel."""
    if (number is None) == (channel is None):
        msg = "name either the NUMBER of a dead letter or a --channel"
        raise click.UsageError(msg)
    path = f"{ALERTS}/{number}/resend" if channel is None else f"{CHANNELS}/{_plain(channel)}/resend"
    answer = ask(lambda client: client.post(path))
    if as_json:
        print_json(answer)
    else:
        talk(f"{answer['resent']} dead letter{'s' if answer['resent'] != 1 else ''} will be sent anew.")


@alerts.command()
@click.argument("number", type=int, required=False)
@click.option("--channel", help="All that this channel, which is not set any more, has not taken.")
@click.option("--reason", required=True, help="Why; it goes on record.")
@as_json
def discard(number: int | None, channel: str | None, reason: str, as_json: bool) -> None:
    """Discard dead letter NUMBER, or all that is left for a channel that is not set any more."""
    if (number is None) == (channel is None):
        msg = "name either the NUMBER of a dead letter or a --channel"
        raise click.UsageError(msg)
    path = f"{ALERTS}/{number}/discard" if channel is None else f"{CHANNELS}/{_plain(channel)}/discard"
    answer = ask(lambda client: client.post(path, {"reason": reason}))
    if as_json:
        print_json(answer)
    else:
        talk(f"{plural(answer['discarded'], 'alert')} discarded.")
