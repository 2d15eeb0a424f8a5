"""A Mosquitto that refuses topics and says so: by its dynamic security, which judges subscriptions too."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.mosquitto import Mosquitto

PLUGIN: Final = next(iter(Path("/usr").glob("lib*/**/mosquitto_dynamic_security.so")), None)
needs_dynamic_security = pytest.mark.skipif(PLUGIN is None, reason="Mosquitto has no dynamic security here")

SUBSCRIBE: Final = "subscribeLiteral"
PUBLISH: Final = "publishClientSend"


class RefusingBroker(Mosquitto):
    """A broker that refuses everybody what `refuse` names."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._rules = folder / "dynamic-security.json"
        with self._config.open("a") as file:
            file.write(f"plugin {PLUGIN}\nplugin_opt_config_file {self._rules}\n")
        self.refuse()

    def refuse(self, *rules: tuple[str, str]) -> None:
        """Refuse each (`SUBSCRIBE` or `PUBLISH`, topic) and nothing else, from the next start on."""
        kinds = ("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe")
        acls = [{"acltype": kind, "topic": topic, "priority": 1, "allow": False} for kind, topic in rules]
        content: dict[str, Any] = {
            "defaultACLAccess": dict.fromkeys(kinds, True),
            "roles": [{"rolename": "limited", "acls": acls}],
            "groups": [{"groupname": "everybody", "roles": [{"rolename": "limited"}], "clients": []}],
            "anonymousGroup": "everybody",
        }
        self._rules.write_text(json.dumps(content))

    def refuse_now(self, *rules: tuple[str, str]) -> None:
        """Start anew with other rules."""
        self.stop()
        self.refuse(*rules)
        self.start()
