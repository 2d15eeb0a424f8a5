"""The settings: one TOML file, the environment over it, unknown keys refused, no secret inside.

Secrets are named by the file they stand in and read at the moment of use. Relative paths are taken from
the folder of the settings file.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentFault

from gateway.broker_section import BrokerSection
from gateway.channel_settings import Alerts
from gateway.delivery_settings import Delivery, Quarantine
from gateway.errors import SettingsError
from gateway.identity import Approval, Oidc, PasskeySettings
from gateway.origin import Origin, origins
from gateway.section import (
    AdtFiles,
    ClientCertificate,
    Dcc,
    Forecast,
    Forward,
    Http,
    IncidentSettings,
    Log,
    Section,
    SessionSettings,
    Silence,
    Store,
    is_loopback,
)
from gateway.setting_faults import FORM, sentence

ENVIRONMENT_PREFIX: Final = "ADT_GATEWAY__"
"""Settings have two underscores after the name; variables of the command line have one."""
CLIENT_VARIABLES: Final = frozenset(
    {"ADT_GATEWAY_URL", "ADT_GATEWAY_TOKEN", "ADT_GATEWAY_TOKEN_FILE", "ADT_GATEWAY_CONFIG"}
)
"""Read by the command line, not settings of the daemon."""


class TokenSettings(Section):
    """The PKCS#11 token that holds the file-signing key."""

    module: Path = Field(description="The vendor's PKCS#11 module (a shared library).")
    label: str = Field("adt-gateway", description="Label of the token.")
    serials: tuple[str, ...] = Field((), description="Serial numbers that may be used; empty for any.")
    key_label: str = Field("adt-file-signing", description="Label of the private key.")
    pin_file: Path = Field(description="File with the user PIN, readable by the daemon alone.")
    trust_file: Path = Field(description="PEM file with the root certificates a chain must lead to.")
    softhsm_config: Path | None = Field(None, description="`SOFTHSM2_CONF` for the module, for SoftHSM.")
    timeout_seconds: float = Field(
        10.0, gt=0, le=600, description="After this the token process is replaced."
    )


class Mqtt(BrokerSection):
    """The broker that brings requests and takes alerts."""

    requests_topic: str = Field("duis/requests", description="Where DUIS requests arrive.")
    alerts_topic: str = Field("duis/alerts", description="Where responses and alerts of the DCC arrive.")
    rates_seconds: int = Field(
        10, ge=0, le=3600, description="How often counts that changed are published, retained; 0 for never."
    )
    heartbeat_seconds: int = Field(
        30, ge=0, le=60, description="How often a heartbeat is published while the count moves; 0 for never."
    )


class Ingest(Section):
    """How requests are taken in."""

    queue_limit: int = Field(
        20_000, ge=10_000, description="Communications that may wait; above it senders get 503."
    )
    group_milliseconds: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="How long a commit waits for company; what arrives during a commit shares the next.",
    )
    deduplication_seconds: int = Field(
        3600, ge=60, le=86_400, description="How long a (RequestID, class) is remembered."
    )
    drop_folder: Path | None = Field(
        None,
        description="Folder in which XML and NDJSON files are put to be counted; without it none is read.",
    )


class History(Section):
    """The counts of the past, by the minute."""

    days: int = Field(397, ge=32, le=3660, description="How many days of counts by the minute are kept.")


class ServiceUser(Section):
    """A DCC User of ours."""

    user_id: str = Field(
        pattern=r"^[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){7}$",
        description="EUI-64, hyphenated.",
        json_schema_extra={FORM: "an EUI-64 with hyphens, such as 90-B3-D5-1F-30-01-00-00"},
    )
    roles: tuple[Literal["IS", "GS", "ED", "GT", "RSA", "ES", "OU", "LC"], ...] = Field(
        min_length=1, description="User Roles of this User ID (SEC)."
    )


class Settings(BaseSettings):
    """All settings of the daemon."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        validate_default=True,
    )

    instance: str = Field(
        "main",
        pattern=r"^[A-Za-z0-9_-]{1,40}$",
        description="Name of this gateway, in topics and alerts.",
        json_schema_extra={FORM: "1 to 40 letters, digits, hyphens and underscores"},
    )
    data_directory: Path = Field(Path("../var"), description="Folder for all that the daemon writes.")
    http: Http = Http()
    sessions: SessionSettings = SessionSettings()
    oidc: Oidc | None = Field(None, description="Without it people have passwords of the gateway's own.")
    passkeys: PasskeySettings | None = Field(None, description="Without it nobody has a passkey.")
    approval: Approval = Approval()
    client_certificates: tuple[ClientCertificate, ...] = Field(
        (), description="Client certificates and the machines that they stand for."
    )
    store: Store = Store()
    token: TokenSettings | None = Field(None, description="Without it files can be approved but not signed.")
    mqtt: Mqtt | None = Field(None, description="Without it nothing is received or sent over MQTT.")
    alerts: Alerts = Alerts()
    ingest: Ingest = Ingest()
    history: History = History()
    forward: Forward | None = Field(None, description="Without it no request is passed on.")
    adt_files: AdtFiles = AdtFiles()
    dcc: Dcc = Dcc()
    forecast: Forecast = Forecast()
    incidents: IncidentSettings = IncidentSettings()
    silence: Silence = Silence()
    quarantine: Quarantine = Quarantine()
    delivery: Delivery = Delivery()
    service_users: tuple[ServiceUser, ...] = Field((), description="Our User IDs and their roles.")
    log: Log = Log()
    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment over the file."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _check_forward(self) -> Self:
        if self.forward and not self.forward.authenticate and not is_loopback(self.http.host):
            msg = "forward.authenticate: it may be false only where http.host is a loopback address"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_topics(self) -> Self:
        if self.mqtt and self.mqtt.alerts_topic == self.mqtt.requests_topic:
            msg = "mqtt.alerts_topic: it may not be mqtt.requests_topic"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_passkeys(self) -> Self:
        if self.approval.passkey != "off" and self.passkeys is None:
            msg = "approval.passkey: it needs passkeys.origin"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_drop_folders(self) -> Self:
        folder = self.adt_files.drop_folder
        if folder and not self.adt_files.drop_folder_person:
            msg = "adt_files.drop_folder: it needs adt_files.drop_folder_person"
            raise ValueError(msg)
        if folder and folder == self.ingest.drop_folder:
            msg = "adt_files.drop_folder: it may not be ingest.drop_folder, which takes every file"
            raise ValueError(msg)
        return self

    def origin(self, name: str) -> Origin:
        """Return where the setting of this dotted name came from."""
        return self._origins.get(name, Origin.DEFAULT)

    @property
    def origins(self) -> Mapping[str, Origin]:
        """Where the settings came from that have no default."""
        return self._origins

    def with_origin(self, name: str, other: "Settings") -> "Settings":
        """Return these settings with *name*, and what is below it, from where *other* has it."""

        def is_meant(key: str) -> bool:
            return key == name or key.startswith(f"{name}.")

        kept = {key: origin for key, origin in self.origins.items() if not is_meant(key)}
        taken = {key: origin for key, origin in other.origins.items() if is_meant(key)}
        changed = self.model_copy()
        changed._origins = kept | taken  # noqa: SLF001 - it is one of our own
        return changed

    @property
    def store_url(self) -> str:
        """The store's URL, with its default filled in."""
        return self.store.url or f"sqlite+aiosqlite:///{self.data_directory / 'gateway.sqlite'}"

    @property
    def delivery_folder(self) -> Path:
        """Where signed files go."""
        return self.adt_files.delivery_folder or self.data_directory / "delivered"


def load_settings(path: Path) -> Settings:
    """Read the settings file at *path*; raise `SettingsError` naming every key that is wrong."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"there is no settings file {path}"
        raise SettingsError("settings_missing", msg, "Name it with --config or ADT_GATEWAY_CONFIG.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path} cannot be read as TOML: {error}"
        remedy = (
            'Correct the place that is named: [section] on a line of its own, KEY = "TEXT" or KEY = NUMBER.'
        )
        raise SettingsError("settings_unreadable", msg, remedy) from error
    _refuse_unknown_variables()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults = "; ".join(sentence(fault, Settings) for fault in error.errors(include_input=False))
        remedy = "Correct or remove each key that is named; README.md has the table of all settings."
        raise SettingsError("settings_invalid", f"{path}: {faults}", remedy) from None
    except EnvironmentFault as error:
        named = re.search(r'field "(\w+)"', str(error))
        variable = ENVIRONMENT_PREFIX + (named[1].upper() if named else "…")
        msg = f"{named[1] if named else variable}: the environment variable {variable} is not JSON"
        raise SettingsError("settings_invalid", msg, "Write tables and lists as JSON.") from None
    settings._origins = origins(values, os.environ, ENVIRONMENT_PREFIX)  # noqa: SLF001 - it is made here
    return _absolute(settings, path.resolve().parent)


def _refuse_unknown_variables() -> None:
    """Refuse a variable with our prefix that no setting has: it would be a setting that is silently lost."""
    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
    for variable in map(str.upper, os.environ):
        if not variable.startswith("ADT_GATEWAY_") or variable in CLIENT_VARIABLES:
            continue
        if "__".join(variable.split("__")[:2]) not in known:
            msg = f"the environment variable {variable} is no setting"
            raise SettingsError(
                "settings_invalid",
                msg,
                "Write it as ADT_GATEWAY__HTTP__PORT: two underscores before the section and before the key.",
            )


Model = TypeVar("Model", bound=BaseModel)


def _absolute(model: Model, folder: Path) -> Model:
    """Return *model* with every relative path taken from *folder*."""
    changes: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path) and not value.is_absolute():
            changes[name] = Path(os.path.normpath(folder / value))
        elif isinstance(value, BaseModel):
            changes[name] = _absolute(value, folder)
        elif isinstance(value, tuple):
            changes[name] = tuple(
                _absolute(each, folder) if isinstance(each, BaseModel) else each for each in value
            )
    return model.model_copy(update=changes)
