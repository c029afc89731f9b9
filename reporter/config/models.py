"""The keys of the config, each with its type and default: ledgers, channels, `quiet_hours`, jobs, targets, store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from reporter.config.actions import Actions, CheckedActions
from reporter.config.addresses import web_address
from reporter.config.alerts import AlertsConfig
from reporter.config.audit import Audit
from reporter.config.base import Settings
from reporter.config.chat import ChatConfig
from reporter.config.events import Events, Hooks
from reporter.config.figures import FiguresConfig
from reporter.config.host import HeartbeatConfig, HostConfig
from reporter.config.log import LogConfig
from reporter.config.markets import Markets
from reporter.config.pings import Pings
from reporter.config.plans import PlansConfig
from reporter.config.probes import OwnNetworkConfig, Probe
from reporter.config.rates import RatesConfig
from reporter.config.secrets import Address, ChatId, DatabaseUrl, HomePath, InlineOrPath, SecretText
from reporter.config.section import Section
from reporter.config.types import (
    Amounts,
    Currency,
    Duration,
    Mentions,
    Name,
    Names,
    OrEmpty,
    Pause,
    PositiveAmounts,
    QuietHours,
    ScheduleText,
    Share,
    Snowflake,
    TimeOfDay,
    Timezone,
    mistake,
)
from reporter.config.web import WebConfig
from reporter.messages.message import Severity
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

    @model_validator(mode="after")
    def _mapping_with_its_kind(self) -> Self:
        if (self.kind == "mapping") != (self.mapping is not None):
            raise mistake("`kind: mapping` and `mapping` belong together", "write both, or neither")
        return self


class MentionConfig(Settings):
    """Who is mentioned, by how urgent the message is."""

    critical: Mentions = ()
    """Entries are `everyone`, `role:ID` or `user:ID`; one or a list."""
    warning: Mentions = ()
    """The same for warnings."""
    info: Mentions = ()
    """The same for reports."""


class ChannelSettings(Settings):
    """What any channel may say about itself."""

    noise: Annotated[Noise, Field(strict=False)] = Noise.NOW
    """What becomes of messages that are not critical: `now`, `silent` (without a sound), `digest` (once a day, in one
    message) or `off`."""
    quiet_hours: QuietHours | None = None
    """When only critical messages are sent, such as `22:00-07:00`; the rest comes as one message at their end."""
    digest_at: TimeOfDay = Field(time(8), json_schema_extra={"default": "08:00"})
    """At what time of day the digest comes."""
    only: Names = ()
    """Which messages come here: jobs, kinds of events, subjects of alerts such as `probe/*`, or `reports`, `boards`,
    `alerts`, `events`; one or a list. Without it, all that is sent here."""
    without: Names = Field((), alias="except")
    """Which messages do not come here, in the same words."""


class WebChannel(ChannelSettings):
    """What a channel may say that is reached over the web."""

    proxy: Annotated[Address, AfterValidator(web_address)] | None = None
    """The HTTP proxy to go through, instead of the environment's."""
    ca_file: HomePath | None = None
    """The certificates (PEM) to trust, instead of those that browsers trust."""


class DiscordChannel(WebChannel):
    """A channel of Discord, reached by its webhook, or by a bot; with a bot also a person."""

    kind: Literal["discord"] = "discord"
    """`discord` is what a channel is when nothing is said."""
    webhook: SecretText | None = Field(None, examples=["env:DISCORD_WEBHOOK"])
    """The webhook's address; it is a secret. Without it, `bot_token` posts to `channel` or `user`."""
    channel: Snowflake | None = None
    """The id of the channel or thread that the bot posts into."""
    user: Snowflake | None = None
    """The id of the person to whom the bot writes."""
    username: str | None = Field(None, min_length=1, max_length=80)
    """The name to post under, instead of the webhook's own."""
    avatar_url: str | None = Field(
        None, pattern="^https://", max_length=2048, examples=["https://example.org/floor.png"]
    )
    """The picture to post with, an https address."""
    thread_id: Snowflake | None = None
    """Post into this thread of the channel."""
    thread_name: str | None = Field(None, min_length=1, max_length=100)
    """In a forum channel: begin a thread of this name with each message."""
    headline: bool = True
    """A line above each embed says what the message is and its main figure: a phone's notification shows that line."""
    mention: Annotated[MentionConfig, OrEmpty()] = MentionConfig()
    """Who is mentioned. Without it nobody ever is, whatever a message says."""
    bot_token: SecretText | None = None
    """A bot's token, which lets doubts about a delivery be resolved by reading the channel; or which posts itself."""
    doubt: Literal["repeat", "hold"] = "repeat"
    """What becomes of a message that may have arrived or not, where the channel cannot be read: `repeat` it, with a
    mark, or `hold` it and say so."""
    keep: Duration | None = None
    """How old a message may be and still be sent; without it, it is tried until it is delivered."""

    @property
    def mentions(self) -> Mapping[Severity, tuple[str, ...]]:
        return {severity: getattr(self.mention, severity.value) for severity in Severity}

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [name for name in ("webhook", "channel", "user") if getattr(self, name) is not None]
        if len(places) != 1:
            said = (
                " and ".join(f"`{name}`" for name in places) + " exclude each other"
                if places
                else "`webhook` is missing"
            )
            raise mistake(said, "write `webhook`, or `bot_token` with `channel` or `user`")
        if self.webhook is None and self.bot_token is None:
            raise mistake(f"`{places[0]}` needs `bot_token`", "write such as `bot_token: env:DISCORD_TOKEN`")
        only = [name for name in ("username", "avatar_url", "thread_id", "thread_name") if getattr(self, name)]
        if self.webhook is None and only:
            raise mistake(f"`{only[0]}` is for webhooks", "leave it out; a thread's id may stand as `channel`")
        return self

    @model_validator(mode="after")
    def _one_thread(self) -> Self:
        if self.thread_id and self.thread_name:
            raise mistake("`thread_id` and `thread_name` exclude each other", "keep the one that is meant")
        return self


class TelegramChannel(WebChannel):
    """A chat of Telegram, reached by a bot."""

    kind: Literal["telegram"]
    """`telegram` sends as a bot."""
    token: SecretText = Field(examples=["env:TELEGRAM_TOKEN"])
    """The bot's token, from @BotFather; it is a secret."""
    chat: ChatId
    """The chat's id, such as `-1001234567890`, the `@name` of a public channel, or a reference to either."""
    topic: int | None = Field(None, ge=1)
    """In a group with topics: the topic's id (`message_thread_id`)."""
    doubt: Literal["repeat", "hold"] = "repeat"
    """What becomes of a message that may have arrived or not: `repeat` it, with a mark, or `hold` it and say so."""
    keep: Duration | None = None
    """How old a message may be and still be sent; without it, it is tried until it is delivered."""


class AppriseChannel(ChannelSettings):
    """A service that the library Apprise knows: Slack, e-mail, ntfy, Pushover, Matrix and others."""

    kind: Literal["apprise"]
    """`apprise` sends through the library of that name (docs/apprise.md)."""
    url: SecretText = Field(examples=["env:SLACK_URL"])
    """The service's URL, as Apprise writes it; it is a secret."""
    allow: Names = ()
    """Schemas of services besides the usual ones, such as `irc`."""
    doubt: Literal["repeat", "hold"] = "repeat"
    """What becomes of a message that was not taken for certain: `repeat` it, with a mark, or `hold` it and say so."""
    keep: Duration | None = None
    """How old a message may be and still be sent; without it, it is tried until it is delivered."""


class HttpChannel(WebChannel):
    """A program of your own, which gets each message as JSON, signed."""

    kind: Literal["http"]
    """`http` posts signed JSON (docs/webhooks.md)."""
    url: Annotated[Address, AfterValidator(web_address)] = Field(examples=["env:FLOOR_URL"])
    """The address; it is a secret."""
    secret: SecretText = Field(examples=["env:FLOOR_SECRET"])
    """The key of the signature, as the receiver has it: `whsec_` and base64, or any text."""
    private: bool = False
    """Whether the address may be of this machine or network, or http."""
    doubt: Literal["repeat", "hold"] = "repeat"
    """What becomes of a message that may have arrived or not: `repeat` it, with a mark, or `hold` it and say so."""
    keep: Duration | None = None
    """How old a message may be and still be sent; without it, it is tried until it is delivered."""


class ConsoleChannel(ChannelSettings):
    """Standard output, where each message is shown as the embed it would be."""

    kind: Literal["console"]
    """`console` shows messages where the program runs."""
    pictures: Annotated[str, Field(min_length=1)] | None = None
    """A folder (seen from the home) that pictures are put into and named in the output; without it none are drawn."""


def _channel_kind(value: object) -> object:
    return value.get("kind", "discord") if isinstance(value, dict) else getattr(value, "kind", "discord")


ChannelConfig = Annotated[
    Annotated[DiscordChannel, Tag("discord")]
    | Annotated[TelegramChannel, Tag("telegram")]
    | Annotated[AppriseChannel, Tag("apprise")]
    | Annotated[HttpChannel, Tag("http")]
    | Annotated[ConsoleChannel, Tag("console")],
    Discriminator(_channel_kind),
]


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        plain = parts.scheme in {"http", "https"} and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        plain = False
    if not plain:
        raise mistake("must be the address of a server", "write such as `https://discord.com`")
    return url.rstrip("/")


class DiscordConfig(Settings):
    """Which Discord is spoken to."""

    base_url: Annotated[str, AfterValidator(_base_url)] = "https://discord.com"
    """Another server than Discord's own, such as one for tests; webhooks must then be of that server."""


class TelegramConfig(Settings):
    """Which Telegram is spoken to."""

    base_url: Annotated[str, AfterValidator(_base_url)] = "https://api.telegram.org"
    """Another server of the Bot API than Telegram's own, such as one that you run yourself."""


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
