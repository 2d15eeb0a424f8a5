"""A local account and one of the provider are no two people: pages and API say so before anybody tries."""

from collections.abc import Iterator

import pytest

from tests.support.adt import adt_text
from tests.support.bad_provider import BadProvider
from tests.support.daemon import Daemon, row
from tests.support.oidc_provider import oidc_settings
from tests.support.visitor import Visitor, words

WHY = "nobody can say that you are two people"


@pytest.fixture(scope="module")
def provider() -> Iterator[BadProvider]:
    with BadProvider() as running:
        yield running


@pytest.fixture(scope="module")
def daemon(provider: BadProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("two-directories")
    settings = oidc_settings(folder, provider.issuer, "https://gateway.example")
    with Daemon(folder, token=False, oidc=settings) as running:
        yield running


def of_the_provider(daemon: Daemon, provider: BadProvider, name: str, group: str) -> Visitor:
    provider.claims = {"sub": name, "preferred_username": name, "groups": [group]}
    visitor = Visitor(daemon.url)
    assert provider.answer(visitor).status == 303
    visitor.get("/account")
    return visitor


def test_why_somebody_of_another_directory_cannot_approve_is_told(
    daemon: Daemon, provider: BadProvider
) -> None:
    number = daemon.submit(row(1, 2))  # by alice, a local account
    una = of_the_provider(daemon, provider, "una", "grid-approvers")
    page = una.get(f"/files/{number}")
    assert WHY in words(page)
    assert b'<button disabled aria-describedby="why-not-approve">Approve</button>' in page.body
    assert WHY in words(una.get("/approve"))
    assert not una.get(f"/api/v1/adt-files/{number}").json["may_approve"]
    assert not any(file["may_approve"] for file in una.get("/api/v1/adt-files").json["files"])
    assert "Waiting for you 0" in words(una.get("/files"))
    bob = Visitor(daemon.url)
    bob.sign_in("bob")
    assert WHY not in words(bob.get(f"/files/{number}"))
    assert "Waiting for you 1" in words(bob.get("/files"))
    assert daemon.as_("bob").file(number)["may_approve"]


def test_it_holds_the_other_way_round(daemon: Daemon, provider: BadProvider) -> None:
    uma = of_the_provider(daemon, provider, "uma", "grid-submitters")
    text = {"content": adt_text([row(3, 4)]), "name": "uma.csv"}
    assert uma.post("/files/new", text).status == 303
    (number,) = (f["id"] for f in uma.get("/api/v1/adt-files").json["files"] if f["name"] == "uma.csv")
    assert not daemon.as_("bob").file(number)["may_approve"]
    una = of_the_provider(daemon, provider, "una", "grid-approvers")
    assert una.get(f"/api/v1/adt-files/{number}").json["may_approve"]
