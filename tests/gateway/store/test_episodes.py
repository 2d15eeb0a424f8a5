"""An episode is kept once, however often it is recorded."""

from gateway.store.database import Database
from gateway.store.episodes import (
    EpisodeRow,
    ExcessPlace,
    ExcessRow,
    add_excess,
    close_episode,
    count_excess,
    episodes_of,
    excess_after,
    excess_of,
    find_episode,
    keep_open,
    open_episode,
    read_open_episodes,
)
from tests.support.rows import make_episode, make_observation, open_incident
from thresholds.breach import OpenEpisode
from thresholds.model import Level

EPISODE = make_episode()


async def opened_episode(database: Database) -> int:
    async with database.write() as connection:
        incident = await open_incident(connection)
        await open_episode(connection, EPISODE, incident)
    return incident


async def test_recording_an_episode_again_leaves_the_first(database: Database) -> None:
    incident = await opened_episode(database)
    async with database.write() as connection:
        await open_episode(connection, EPISODE, await open_incident(connection))
        await keep_open(connection, [OpenEpisode(EPISODE), OpenEpisode(EPISODE)])
    async with database.read() as connection:
        stored = await find_episode(connection, EPISODE)
        assert stored is not None
        assert (stored.incident_id, stored.ended_at) == (incident, None)
        assert await read_open_episodes(connection) == [OpenEpisode(EPISODE)]


async def test_episodes_of_another_level_or_second_are_others(database: Database) -> None:
    await opened_episode(database)
    async with database.read() as connection:
        assert await find_episode(connection, make_episode(Level.QUARANTINE)) is None
        assert await find_episode(connection, make_episode(opened=11)) is None


async def test_a_warning_that_was_never_reported_is_kept_quiet(database: Database) -> None:
    async with database.write() as connection:
        await keep_open(connection, [OpenEpisode(EPISODE, quiet=True)])
        stored = await find_episode(connection, EPISODE)
        assert stored is not None
        assert stored.incident_id is None
        assert await read_open_episodes(connection) == [OpenEpisode(EPISODE, quiet=True)]


async def test_a_warning_that_was_taken_over_turns_quiet_and_stays_so(database: Database) -> None:
    await opened_episode(database)
    for quiet in (True, False):
        async with database.write() as connection:
            await keep_open(connection, [OpenEpisode(EPISODE, quiet=quiet)])
            assert await read_open_episodes(connection) == [OpenEpisode(EPISODE, quiet=True)]


async def test_an_ended_episode_is_no_longer_open(database: Database) -> None:
    await opened_episode(database)
    async with database.write() as connection:
        stored = await find_episode(connection, EPISODE)
        assert stored is not None
        await close_episode(connection, stored, 99, "fell")
        await keep_open(connection, [OpenEpisode(EPISODE)])
        assert await read_open_episodes(connection) == []
        stored = await find_episode(connection, EPISODE)
        assert stored is not None
        assert stored.ended_at == 99


async def test_a_request_in_excess_is_kept_once(database: Database) -> None:
    incident = await opened_episode(database)
    requests = [make_observation(counter, 10_000 - counter) for counter in (1, 2, 1)]
    for _ in range(2):
        async with database.write() as connection:
            await add_excess(connection, [(EPISODE, request) for request in requests])
    async with database.read() as connection:
        assert await count_excess(connection, incident) == 2
        assert await excess_of(connection, incident, 10) == [
            ExcessRow(requests[1].communication.request_id, "SR", "1970-01-01T00:00:09.998Z"),
            ExcessRow(requests[0].communication.request_id, "SR", "1970-01-01T00:00:09.999Z"),
        ]
        assert len(await excess_of(connection, incident, 1)) == 1


async def test_excess_of_an_unknown_episode_is_left_out(database: Database) -> None:
    incident = await opened_episode(database)
    async with database.write() as connection:
        await add_excess(connection, [(make_episode(opened=11), make_observation())])
        await add_excess(connection, [])
        assert await count_excess(connection, incident) == 0


async def test_all_requests_in_excess_are_read_in_parts_once_each(database: Database) -> None:
    incident = await opened_episode(database)
    second = make_episode(opened=500)
    async with database.write() as connection:
        await open_episode(connection, second, incident)
        await open_episode(connection, make_episode(opened=900), await open_incident(connection))
        for episode in (EPISODE, second, make_episode(opened=900)):
            await add_excess(connection, [(episode, make_observation(each, 10_000)) for each in range(1, 8)])
    found: list[ExcessRow] = []
    after: ExcessPlace | None = None
    async with database.read() as connection:
        while True:
            after, rows = await excess_after(connection, incident, after, 3)
            if not rows:
                break
            assert len(rows) <= 3
            found += rows
        assert len(found) == await count_excess(connection, incident) == 14
        assert sorted(each.request_id for each in found) == sorted(
            each.request_id for each in await excess_of(connection, incident, 100)
        )
        assert (
            await excess_of(connection, incident, 5, 12) == (await excess_of(connection, incident, 100))[12:]
        )
        assert await episodes_of(connection, incident) == [
            EpisodeRow("warning", 10, None, None, quiet=False),
            EpisodeRow("warning", 500, None, None, quiet=False),
        ]
