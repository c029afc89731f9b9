"""The keys of the config, each with its type and default: ledgers, jobs, targets, store, and the other sections."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from reporter.config.actions import Actions, CheckedActions
from reporter.config.addresses import web_address
from reporter.config.alerts import AlertsConfig
from reporter.config.audit import Audit
from reporter.config.base import Settings
from reporter.config.channels import ChannelConfig, DiscordConfig, TelegramConfig
from reporter.config.chat import ChatConfig
from reporter.config.events import Events, Hooks
from reporter.config.figures import FiguresConfig
from reporter.config.freshness import Fresh
from reporter.config.host import HeartbeatConfig, HostConfig
from reporter.config.log import LogConfig
from reporter.config.markets import Markets
from reporter.config.pings import Pings
from reporter.config.plans import PlansConfig
from reporter.config.probes import OwnNetworkConfig, Probe
from reporter.config.rates import RatesConfig
from reporter.config.secrets import Address, DatabaseUrl, InlineOrPath, SecretText
from reporter.config.section import Section
from reporter.config.types import (
    Amounts,
    Currency,
    Duration,
    Name,
    Names,
    OrEmpty,
    Pause,
    PositiveAmounts,
    ScheduleText,
    Share,
    Timezone,
    mistake,
)
from reporter.config.web import WebConfig
from reporter.messages.quiet_hours import Noise
from reporter.trading.targets import RiskLimits, Targets
from reporter.trading.trades import Mode, Money


class MoneyFormat(Settings):
    """How amounts of one currency are shown."""

    sign: str | None = Field(None, max_length=4)
    """What stands before the amount; without one the currency's name stands behind it."""
    decimals: int | None = Field(None, ge=0, le=18)
    """Digits after the decimal point; without it as many as the amounts need, and at least two."""


class NumberFormat(Settings):
    """How numbers are written, whatever they count."""

    thousands: Literal[",", ".", " ", "'", "’", "none"] = ","
    """What stands between thousands: `,`, `.`, `'`, a space (which does not break a line), or `none`."""
    decimal: Literal[".", ","] = "."
    """What stands before the decimals."""

    @property
    def separator(self) -> str:
        return {" ": "\N{NARROW NO-BREAK SPACE}", "none": ""}.get(self.thousands, self.thousands)

    @property
    def point(self) -> str:
        return self.decimal

    @model_validator(mode="after")
    def _two_signs(self) -> Self:
        if self.thousands == self.decimal:
            raise mistake("`thousands` and `decimal` are the same sign", 'write `{thousands: ".", decimal: ","}`')
        return self


class PricesConfig(Settings):
    """Where the prices of a ledger's open positions come from."""

    kind: Literal["freqtrade", "ticker", "ccxt"] = Field(examples=["freqtrade"])
    """`freqtrade` (its REST API), `ticker` (an address that answers with a price in JSON), or `ccxt` (an exchange)."""
    url: Annotated[Address, AfterValidator(web_address)] | None = None
    """The address of freqtrade's REST API; for a ticker a template with `{symbol}`, or `{base}` and `{quote}`; for
    `ccxt` another server that speaks for the exchange."""
    exchange: str | None = Field(None, pattern="^[a-z0-9_]+$", examples=["kraken"])
    """For `ccxt`: the exchange, by its name there."""
    username: str | None = None
    """The user of freqtrade's REST API."""
    password: SecretText | None = None
    """The password of freqtrade's REST API, a reference to a secret."""
    path: str = Field("price", min_length=1)
    """For a ticker: where the price is in the answer, such as `data.0.last`."""

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if (self.kind == "ccxt") != (self.exchange is not None):
            raise mistake("`kind: ccxt` and `exchange` belong together", "write such as `exchange: kraken`")
        if self.kind != "ccxt" and self.url is None:
            raise mistake("`url` is missing", "write where the prices are asked for")
        if self.kind == "ticker" and self.url and not self.url.missing and "{" not in self.url.reveal():
            raise mistake("a ticker's `url` asks for each market", "write such as `https://…/ticker?symbol={symbol}`")
        if self.kind == "freqtrade" and (self.username is None) != (self.password is None):
            raise mistake("`username` and `password` belong together", "write both, or neither")
        return self


class LedgerConfig(Settings):
    """One trading database. It is only ever read."""

    kind: Literal["native", "freqtrade", "hummingbot", "jesse", "mapping"] = Field(examples=["freqtrade"])
    """Whose tables these are: `native` (docs/native-schema.md), freqtrade's, hummingbot's or jesse's own,
    or your own tables by a `mapping` (docs/databases.md)."""
    url: DatabaseUrl
    """A SQLite file's path (seen from the home), a SQLAlchemy URL, or a reference to a secret that holds one; for
    `kind: mapping` also a CSV, JSON-lines, Parquet or DuckDB file."""
    starting_balance: Amounts = ()
    """What the account began with, an amount or a list of one a currency; balances and percentages need it."""
    mode: Annotated[Mode, Field(strict=False)] | None = None
    """`live` or `paper`, for a source that does not say it with each trade."""
    mapping: InlineOrPath = None
    """For `kind: mapping`: how the rows become trades, here or in a YAML file (seen from the home)."""
    prices: PricesConfig | None = None
    """Where the prices of open positions come from that the database does not have."""
    fresh: Fresh | None = None
    """How old the newest trade may be before reports call the figures stale; not watched if left out."""

    @model_validator(mode="after")
    def _mapping_with_its_kind(self) -> Self:
        if (self.kind == "mapping") != (self.mapping is not None):
            raise mistake("`kind: mapping` and `mapping` belong together", "write both, or neither")
        return self


class JobConfig(Settings):
    """When and where a job reports. What is left out is what the job's own file says."""

    schedule: ScheduleText | None = None
    """Such as `every 30s`, `daily at 00:00`, `weekly on mon at 00:05`, `cron "0 0 * * *"`."""
    channel: Names | None = None
    """One channel's name or a list; may be left out when there is only one channel."""
    timezone: Timezone | None = None
    """Whose midnight it is; the one at top level if left out."""
    enabled: bool = True
    """`false` puts the job to rest and keeps its entry."""
    noise: Annotated[Noise, Field(strict=False)] | None = None
    """`now`, `silent`, `digest` or `off` for this job's reports; as their channel says if left out."""
    charts: bool = True
    """`false` sends this job's reports without their pictures."""
    settle: Pause | None = None
    """How long after its period's end a report waits for late trades."""
    deadline: Duration | None = None
    """How long a run may take."""
    catch_up: Literal["all", "latest", "none"] = "all"
    """Which periods that ended while the daemon was down are reported: `all`, the `latest`, or `none`."""
    catch_up_limit: int = Field(31, ge=1, le=1000)
    """At most so many of them; older ones are left out."""
    give_up_after: Duration = Field(timedelta(days=2), json_schema_extra={"default": "2d"})
    """How long a period that cannot be reported is tried again, and those after it wait."""
    renamed_from: str | None = None
    """What the job was called before, so that it keeps its past."""
    params: Annotated[dict[str, Any], OrEmpty()] = Field(default_factory=dict)
    """The job's own parameters; its file says which there are."""


class ReviewConfig(Settings):
    """When an agent is put under review."""

    win_rate: Share | None = None
    """Below this win rate."""
    after: int = Field(20, ge=1)
    """But not before it has closed so many trades."""


class LimitsConfig(Settings):
    """What is not to be passed; `performance_alerts` watches it."""

    drawdown: PositiveAmounts = ()
    """The deepest fall allowed in a day, an amount or a list of one a currency."""
    daily_loss: PositiveAmounts = ()
    """The loss allowed in a day, an amount or a list of one a currency."""
    below_peak: Share | None = None
    """How far an account may be below the highest that it ended a day at."""
    least_win_rate: Share | None = None
    """The win rate that the last trades must have."""
    losses_in_a_row: int | None = Field(None, ge=1)
    """How many trades in a row may be lost."""
    positions: int | None = Field(None, ge=1)
    """How many positions may be open at a time."""
    exposure: PositiveAmounts = ()
    """What may be open at a time, size times price, an amount or a list of one a currency."""

    def as_limits(self) -> RiskLimits:
        return RiskLimits(
            daily_loss=_by_currency(self.daily_loss),
            drawdown=_by_currency(self.drawdown),
            below_peak=self.below_peak,
            least_win_rate=self.least_win_rate,
            losses_in_a_row=self.losses_in_a_row,
            positions=self.positions,
            exposure=_by_currency(self.exposure),
        )


class TargetsConfig(LimitsConfig):
    """What is to be reached, and what is not to be passed."""

    daily_pnl: PositiveAmounts = ()
    """The profit aimed at each day, an amount or a list of one a currency."""
    win_rate: Share | None = None
    """The win rate aimed at."""
    review: Annotated[ReviewConfig, OrEmpty()] = ReviewConfig()
    """When an agent is put under review."""
    paper: Annotated[LimitsConfig, OrEmpty()] = LimitsConfig()
    """Limits of paper books that differ from the others."""
    agents: Annotated[dict[str, Annotated[LimitsConfig, OrEmpty()]], OrEmpty()] = Field(default_factory=dict)
    """Limits of single agents, by name or pattern such as `Momentum_*`; of each the first counts that fits."""

    def as_targets(self) -> Targets:
        return Targets(
            daily_pnl=_by_currency(self.daily_pnl),
            drawdown=_by_currency(self.drawdown),
            win_rate=self.win_rate,
            review_win_rate=self.review.win_rate,
            review_after=self.review.after,
            limits=self.as_limits(),
            paper=self.paper.as_limits(),
            agents={name: entry.as_limits() for name, entry in self.agents.items()},
        )


def _by_currency(amounts: tuple[Money, ...]) -> dict[str, Money]:
    return {amount.currency: amount for amount in amounts}


def _a_month(span: timedelta) -> timedelta:
    if span < timedelta(days=32):
        raise mistake("is too short: reports look back for a month", "write `32d` or more")
    return span


class Config(Settings):
    """The whole config of a home."""

    version: Literal[1] = 1
    """The version of this format."""
    timezone: Timezone = "UTC"
    """The zone whose midnights cut days, and in which times are shown."""
    store: DatabaseUrl | None = None
    """Our own database: a SQLite file's path or a SQLAlchemy URL. If left out: state/reporter.sqlite in the home;
    /var/lib/NAME/reporter.sqlite for a home /etc/NAME; reporter.sqlite in $STATE_DIRECTORY where systemd sets that."""
    keep_history: Annotated[Duration, AfterValidator(_a_month)] = Field(
        timedelta(days=90), json_schema_extra={"default": "90d"}
    )
    """How long delivered messages, runs, readings and alerts are remembered there; at least 32 days."""
    keep_uptime: Annotated[Duration, AfterValidator(_a_month)] = Field(
        timedelta(days=400), json_schema_extra={"default": "400d"}
    )
    """How long it is remembered how each thing that is watched stood, for its uptime; at least 32 days."""
    format: Annotated[NumberFormat, Section()] = NumberFormat()
    """How numbers are written."""
    money: Annotated[dict[Currency, MoneyFormat], Section()] = Field(default_factory=dict)
    """How amounts are shown, by currency; the common currencies are known."""
    ledgers: Annotated[dict[Name, LedgerConfig], Section()] = Field(default_factory=dict)
    """The trading databases, by a name of your choice."""
    channels: Annotated[dict[Name, ChannelConfig], Section()] = Field(default_factory=dict)
    """Where reports go, by a name of your choice."""
    discord: Annotated[DiscordConfig, Section()] = DiscordConfig()
    """Which Discord is spoken to."""
    telegram: Annotated[TelegramConfig, Section()] = TelegramConfig()
    """Which Telegram is spoken to."""
    jobs: Annotated[dict[str, Annotated[JobConfig, OrEmpty()]], Section()] = Field(default_factory=dict)
    """The reports that run, by the name of their file; an entry may be empty."""
    host: Annotated[HostConfig, Section()] = HostConfig()
    """The machine that we run on."""
    heartbeat: Annotated[HeartbeatConfig | None, Section(optional=True)] = None
    """A service elsewhere that hears from us regularly, and raises the alarm when it does not."""
    probes: Annotated[dict[Name, Probe], Section()] = Field(default_factory=dict)
    """What the health probe looks at besides this machine and the ledgers, by a name of your choice."""
    own_network: Annotated[OwnNetworkConfig, Section()] = OwnNetworkConfig()
    """How trouble of this machine's own network is told from trouble of a target."""
    alerts: Annotated[AlertsConfig, Section()] = AlertsConfig()
    """What happens to alerts."""
    targets: Annotated[TargetsConfig, Section()] = TargetsConfig()
    """What is to be reached, and what is not to be passed."""
    markets: Annotated[Markets, Section()] = Field(default_factory=dict)
    """The markets that are watched, by a name of your choice; `market_update` and others show them."""
    audit: Annotated[Audit, Section()] = Field(default_factory=dict)
    """What trades must keep, by a name of your choice; `audit_trades` and `audit_report` judge it."""
    rates: Annotated[RatesConfig, Section()] = Field(default_factory=dict)
    """What one unit of a currency is worth in another, so that books of several currencies can also be shown in one."""
    figures: Annotated[FiguresConfig, Section()] = FiguresConfig()
    """The year that ratios such as Sharpe's are made for."""
    events: Annotated[Events, Section()] = Field(default_factory=dict)
    """Where events of other programs go, by their kind; `default` counts for every other kind."""
    hooks: Annotated[Hooks, Section()] = Field(default_factory=dict)
    """What other programs send to `/hooks/NAME`, by a name of your choice."""
    actions: Annotated[Actions, Section(of=CheckedActions)] = Field(default_factory=dict)
    """What control commands such as `pause` do; what is not named here cannot be asked for."""
    pings: Annotated[Pings, Section()] = Field(default_factory=dict)
    """Jobs elsewhere that report themselves to `/ping/ID`, by a name of your choice."""
    web: Annotated[WebConfig | None, Section(optional=True)] = None
    """The HTTP listener for events, hooks and programs."""
    log: Annotated[LogConfig, Section()] = LogConfig()
    """How the daemon logs."""
    plans: Annotated[PlansConfig | None, Section(optional=True)] = None
    """Trading plans that people write in chat."""
    chat: Annotated[ChatConfig | None, Section(optional=True)] = None
    """Questions in chat: who may ask what, and where."""
